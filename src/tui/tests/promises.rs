//! Promises of the screen in one line each: a size, keys, and what is then to be seen.

use std::sync::Arc;

use crossterm::event::{KeyModifiers, MouseEvent, MouseEventKind};

use super::super::event::Event;
use super::super::options::AppOptions;
use super::super::testing::{ScreenHarness, at, job_in, jobs_in_every_state};
use super::habits::{SMALL, after, every_state, id, waiting};
use crate::job::{Caps, State, Tag};
use crate::tui::dialogs::Dialog;

/// The screen after these keys, at a size.
fn at_size(size: (u16, u16), keys: &str) -> String {
    ScreenHarness::new(size, jobs_in_every_state()).keys(keys).screen()
}

#[test]
fn a_key_that_does_nothing_says_so_and_every_key_is_one_away() {
    for (keys, said) in [
        ("F", "F does nothing here · ? shows all keys"),
        ("Z", "Z does nothing here"),
        ("ctrl+x", "Ctrl+x does nothing here"),
        ("e F", "F does nothing here"),
        ("$ J", "J does nothing here"),
    ] {
        assert!(after(keys).screen().contains(said), "{keys}: {}", after(keys).screen());
    }
    assert!(!after("F j").screen().contains("does nothing"), "the next key clears it");
    assert!(!after("a").screen().contains("does nothing") && !after("? \"F\"").screen().contains("does nothing"));
}

#[test]
fn what_is_marked_but_hidden_is_said_in_header_and_box() {
    for size in [(60, 15), (80, 24), (120, 40)] {
        let said = at_size(size, "A / \"state:saved\" enter");
        assert!(said.contains("11 marked, 54") && said.contains("(10 hidden)"), "{size:?}: {said}");
        let said = at_size(size, "A s p / \"state:saved_state:saved_state:saved\" enter");
        for part in [" 1 of 11", "(10 hidden)", "by progress ▲"] {
            assert!(said.contains(part), "{size:?}: {part}: {said}");
        }
    }
    assert!(!at_size(SMALL, "A").contains("hidden"));
    assert!(at_size(SMALL, "A 5").contains("(10 hidden)"), "a view hides as a filter does");
    for (keys, count) in [("D", 3), ("x", 4), ("R", 1)] {
        let said = at_size((100, 30), &format!("A / \"state:saved\" enter {keys}"));
        assert!(said.contains(&format!("{count} of them marked but hidden now")), "{keys}: {said}");
    }
    assert!(!at_size((100, 30), "A D").contains("hidden now"));
}

#[test]
fn a_cap_says_where_it_comes_from() {
    let shown = |file: Option<&str>| {
        let cap = file.map(|cap| cap.parse().unwrap());
        let options = AppOptions { configured_caps: Caps { session: None, day: cap }, ..AppOptions::default() };
        ScreenHarness::with(options, SMALL, jobs_in_every_state()).keys("$").screen()
    };
    assert!(shown(None).contains("of 100 (set in the dashboard; file: none)"), "{}", shown(None));
    assert!(shown(Some("60")).contains("of 100 (set in the dashboard; file: 60)"));
    assert!(shown(Some("100")).contains("of 100 (file)"));
    assert!(shown(None).lines().any(|line| line.contains("session") && line.ends_with("no cap")));
}

#[test]
fn all_of_the_spending_is_reached_in_every_window() {
    let jobs: Vec<_> = (0..12)
        .map(|n| {
            let mut job = job_in(n, State::Saved);
            job.tag = Tag::new(&format!("tag{n:02}")).ok();
            Arc::new(job)
        })
        .collect();
    for size in [(60, 15), (80, 24), (59, 14), (120, 40), (40, 10)] {
        let screen = |keys: &str| ScreenHarness::new(size, jobs.clone()).keys(keys).screen();
        let top = screen("$");
        assert!(top.contains("session") && (size.1 == 40 || top.contains(" more below")), "{size:?}: {top}");
        let end = screen("$ G");
        let last = (0..12).filter(|n| end.contains(&format!("tag{n:02}"))).count();
        assert!(last >= 2 && !end.contains(" more below"), "{size:?}: {end}");
        assert_eq!(screen("$ G g"), top, "{size:?}");
        assert!(top == end || screen("$ G k") != end, "{size:?}: not scrolled past the end");
    }
    assert!(after("$").screen().contains("all "), "the sum of all is never below the edge");
}

#[test]
fn money_of_a_job_is_told_in_dollars_too_where_the_service_gave_a_rate() {
    for (keys, part) in [
        ("5 enter", "5.4 charged · about 0.08 USD"),
        ("3 G enter", "5.4 reserved by the service · about 0.08 USD"),
        ("2 enter", "5.4 confirmed, not sent yet · about 0.08 USD"),
    ] {
        assert!(after(keys).screen().contains(part), "{keys}: {}", after(keys).screen());
    }
    let mut screen = after("5 enter");
    screen.status(|status| status.uc_per_usd = None);
    assert!(!screen.screen().contains("USD"), "{}", screen.screen());
}

#[test]
fn what_is_kept_of_a_running_job_is_called_the_reply_to_the_send() {
    let mut screen = after("3 G enter");
    screen.details();
    screen.keys("tab G");
    assert!(screen.screen().contains("› reply to the send"), "{}", screen.screen());
    let mut over = after("6 enter");
    over.details();
    over.keys("tab G");
    assert!(over.screen().contains("› last response"), "{}", over.screen());
}

#[test]
fn an_empty_view_says_so_in_plain_words() {
    let mut screen = ScreenHarness::new(SMALL, waiting(1));
    for (key, said) in [("4", "no jobs to fetch"), ("5", "no saved jobs"), ("6", "no failed jobs"), ("7", "no unsure jobs")] {
        screen.keys(key);
        let shown = screen.screen();
        assert!(shown.contains(said) && shown.contains("1 shows all"), "{key}: {shown}");
    }
}

#[test]
fn a_link_that_waits_has_its_column_also_beside_tags_and_a_fresh_one_has_none() {
    let headings = |screen: &str| screen.lines().nth(3).unwrap().to_owned();
    let tagged = |state, minutes_left: i64| {
        let mut job = job_in(3, state);
        job.tag = Tag::new("harbour").ok();
        job.link_expires_at = Some(at(minutes_left * 60));
        ScreenHarness::new(SMALL, vec![Arc::new(job)]).screen()
    };
    let said = tagged(State::ToFetch, 23 * 60 + 59);
    assert!(headings(&said).ends_with("link") && said.contains("23h59m") && said.contains("harbour"), "{said}");
    assert!(headings(&tagged(State::Fetching, 120)).ends_with("link"), "it ends in two hours");
    let fresh = tagged(State::Fetching, 24 * 60 - 1);
    assert!(!fresh.contains("link"), "it is as good as here: {fresh}");
}

#[test]
fn the_footer_says_what_p_does_now() {
    let mut screen = every_state();
    screen.status(|status| status.waiting_for_go = vec![id(State::Waiting)]);
    assert!(screen.screen().lines().last().unwrap().contains("P send"), "{}", screen.screen());
    screen.status(|status| status.paused = Some(crate::engine::PauseReason::You));
    assert!(screen.screen().lines().last().unwrap().contains("P resume"), "{}", screen.screen());
}

#[test]
fn the_help_of_a_screen_that_only_looks_on_names_no_key_that_changes_anything() {
    let options = AppOptions { read_only: true, ..AppOptions::default() };
    let screen = ScreenHarness::with(options, (120, 40), jobs_in_every_state()).keys("?").screen();
    for gone in ["add jobs", "run again", "hold, or release", "later in the queue", "change the caps", "fetch now"] {
        assert!(!screen.contains(gone), "{gone}: {screen}");
    }
    assert!(screen.contains("filter as you type") && screen.contains("path, link and scp line"), "{screen}");
}

#[test]
fn the_wheel_stops_where_the_help_ends() {
    let mut screen = after("M ?");
    let wheel = |kind| Event::Mouse(MouseEvent { kind, column: 5, row: 5, modifiers: KeyModifiers::NONE });
    for _ in 0..200 {
        screen.event(wheel(MouseEventKind::ScrollDown));
    }
    let end = screen.screen();
    screen.event(wheel(MouseEventKind::ScrollUp));
    assert_ne!(screen.screen(), end);
    assert!(matches!(screen.app.dialogs.top(), Some(Dialog::Help(_))));
}

#[test]
fn a_box_of_one_job_speaks_of_one() {
    let said = after("6 R").screen();
    assert!(said.contains("this one ") && !said.contains("these 1"), "{said}");
}

#[test]
fn the_caps_have_fields() {
    let said = after("$ c").screen();
    assert!(said.contains("today    [100 ") && said.contains("session  [ "), "{said}");
}

#[test]
fn where_a_job_is_that_ended_without_a_result_says_that_there_will_be_none() {
    let mut screen = after("3 G o");
    assert!(screen.screen().contains("no picture here yet"));
    let mut gone = job_in(4, State::Cancelled);
    gone.revision = 500;
    super::habits::news(&mut screen, gone);
    assert!(screen.screen().contains("there is no result, and there will be none"), "{}", screen.screen());
}

#[test]
fn how_a_reply_was_lost_is_short_and_what_to_do_about_it_is_never_cut() {
    use crate::job::{Doubt, ErrorClass, Failure, LostAnswer, Phase};
    let lost = |class, code: &str, message: &str, status: Option<u16>| {
        let mut job = job_in(3, State::Unsure);
        if let Phase::Unsure(Doubt { why, .. }) = &mut job.phase {
            *why = LostAnswer::Failed(Failure { status, ..Failure::new(class, code, message) });
        }
        Arc::new(job)
    };
    for (job, said) in [
        (
            lost(ErrorClass::Network, "line_failed", "the connection broke off (Connection reset by peer (os error 104))", None),
            "reply lost (connection reset) · w: choose its task (free)",
        ),
        (
            lost(ErrorClass::Network, "timeout", "no answer within the time limit (operation timed out)", None),
            "reply lost (no answer within the time limit) · w: choose its task (free)",
        ),
        (lost(ErrorClass::Server, "http_502", "Bad Gateway", Some(502)), "reply lost (HTTP 502) · w: choose its task (free)"),
    ] {
        let screen = ScreenHarness::new(SMALL, vec![job]).screen();
        assert!(screen.contains(said), "{said}: {screen}");
    }
    // Whatever a service says, the key stays.
    let long = "a word and another one ".repeat(20);
    for size in [(60, 15), (80, 24), (40, 14), (120, 40)] {
        let mut screen = ScreenHarness::new(size, vec![lost(ErrorClass::Network, "x", &long, None)]);
        screen.keys("h");
        let shown: String = screen.screen().lines().collect::<Vec<_>>().join(" ");
        assert!(shown.contains("…") && shown.contains("w: choose its task (free)"), "{size:?}: {}", screen.screen());
    }
}

#[test]
fn the_ends_of_the_help_are_one_key_away_and_what_is_searched_takes_every_letter() {
    let (top, end) = (after("?").screen(), after("? end").screen());
    assert_ne!(top, end);
    assert_eq!((after("? G").screen(), after("? G g").screen()), (end, top));
    assert!(matches!(after("? / g G").app.dialogs.top(), Some(Dialog::Help(help)) if help.search.line() == "gG"));
}

#[test]
fn the_cursor_of_a_menu_is_seen_in_every_window() {
    for size in [(30, 8), (40, 9), (60, 15), (80, 24)] {
        let mut screen = ScreenHarness::new(size, jobs_in_every_state());
        screen.keys("s");
        for (row, word) in
            ["urgency", "queue", "state", "added", "sent", "progress", "credits", "tag", "draft"].iter().enumerate()
        {
            assert!(screen.screen().contains(word), "{size:?}: row {row}: {}", screen.screen());
            screen.keys("down");
        }
    }
}

#[test]
fn what_is_typed_is_seen_in_every_window() {
    for size in [(30, 8), (40, 9), (44, 14), (60, 15)] {
        let mut screen = ScreenHarness::new(size, jobs_in_every_state());
        assert!(screen.keys("a \"typed\"").screen().contains("typed"), "{size:?}: {}", screen.screen());
        assert!(screen.keys("tab \"dawn\"").screen().contains("tag [dawn"), "{size:?}: {}", screen.screen());
    }
}

#[test]
fn a_box_that_takes_no_y_offers_none() {
    for size in [(30, 6), (40, 8), (50, 12), (80, 9)] {
        let screen = ScreenHarness::new(size, jobs_in_every_state()).keys("6 R").screen();
        assert!(!screen.contains("y confirm") && screen.contains("window too small"), "{size:?}: {screen}");
        assert!(screen.lines().last().unwrap().contains("n back"), "{size:?}: {screen}");
    }
    assert!(after("6 R").screen().contains("y confirm"));
}

#[test]
fn a_box_that_can_send_nothing_names_no_sum_beyond_the_cap() {
    let mut screen = ScreenHarness::new(SMALL, waiting(60));
    screen.keys("a paste:task-unified-1790000100-aaaa0001_all ctrl+d");
    let said = screen.screen();
    assert!(said.contains("0 × 5.4") && said.contains("21.6 → 100 of 100"), "{said}");
    assert!(said.contains("the caps leave room for 0 of 4; 4 will be held") && !said.contains("USD"), "{said}");
}

#[test]
fn header_says_what_keeps_jobs_from_going_on() {
    use crate::engine::{Connection, PauseReason, Role};
    use crate::job::{ErrorClass, Failure};
    let offline = || Connection::Down { since: at(-125), why: Failure::new(ErrorClass::Network, "not_connected", "refused") };
    let head = |size, change: &dyn Fn(&mut crate::engine::Status)| {
        let mut screen = ScreenHarness::new(size, jobs_in_every_state());
        screen.status(change);
        screen.screen().lines().next().unwrap().to_owned()
    };
    for size in [(60, 15), (80, 24), (120, 40), (59, 14)] {
        let said = head(size, &|status| status.all_wait_until = Some(at(26)));
        assert!(said.ends_with("rate-limited: next try in 27 s"), "{size:?}: {said}");
        let said = head(size, &|status| {
            (status.connection, status.all_wait_until) = (offline(), Some(at(7)));
        });
        assert!(said.ends_with("offline 2m · retry in 8 s"), "{size:?}: {said}");
        let said = head(size, &|status| {
            (status.paused, status.connection) = (Some(PauseReason::You), offline());
        });
        assert!(said.ends_with("PAUSED  offline 2m"), "{size:?}: {said}");
        let said = head(size, &|status| {
            status.waiting_for_go = vec![id(State::Waiting); 120];
            status.all_wait_until = Some(at(26));
        });
        assert!(said.contains("120 approved earlier · P sends") && said.ends_with("next try in 27 s"), "{size:?}: {said}");
    }
    // A screen that is not the engine says which process is, and what that one waits for.
    let said = head((120, 40), &|status| {
        (status.role, status.connection) = (Role::Screen { engine_pid: Some(6_194) }, Connection::Unknown);
        status.all_wait_until = Some(at(17));
    });
    assert!(said.contains("engine: pid 6194  rate-limited: next try in 18 s"), "{said}");
}

#[test]
fn an_approval_of_an_earlier_start_is_told_from_one_of_now() {
    let mut screen = every_state();
    assert!(screen.screen().contains("○ waiting"));
    screen.status(|status| status.waiting_for_go = vec![id(State::Waiting)]);
    assert!(screen.screen().contains("○ approve?") && screen.screen().contains("1 approved earlier · P sends"));
}

#[test]
fn nothing_of_the_list_speaks_below_a_box() {
    for keys in ["6 R", "6 s", "6 t", "6 Y", "A D", "6 a"] {
        let screen = after(keys).screen();
        let message = screen.lines().nth_back(1).unwrap();
        assert!(message.is_empty(), "{keys}: {message}");
    }
}

#[test]
fn the_details_stand_in_sections_and_the_response_is_indented() {
    let mut screen = ScreenHarness::new((120, 40), jobs_in_every_state());
    screen.keys("6");
    let shown = screen.details().screen();
    let place = |section: &str| shown.find(&format!("│ {section}")).unwrap_or_else(|| panic!("{section}: {shown}"));
    let places = ["result", "money", "time", "ids", "raw"].map(place);
    assert!(places.is_sorted(), "{shown}");
    let open = screen.keys("tab enter").screen();
    assert!(open.contains("             \"code\": \"x\""), "{open}");
}
