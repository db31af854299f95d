//! The drafts and the contact sheet: what is shown, chosen, priced, confirmed.

use std::fmt::Write as _;
use std::sync::Arc;

use super::super::dialogs::Dialog;
use super::super::effect::{Effect, SessionEffect};
use super::super::event::{Event, News};
use super::super::layout::Page;
use super::super::options::{AppOptions, Charset, Theme};
use super::super::testing::{ScreenHarness, at, draft_job_in, job_in, stored};
use crate::engine::{AccountDrafts, Command, CommandOutcome, EngineEvent};
use crate::job::drafts::DraftRow;
use crate::job::{Credits, ImageNumber, Job, JobKind, Model, State, Tag, TaskId};

const SIZES: [(u16, u16); 3] = [(60, 15), (80, 24), (120, 40)];

pub(super) fn task(name: &str) -> TaskId {
    TaskId::new(&format!("task-unified-1795350000-{name}")).unwrap()
}

/// A draft of ours, and two enhances of it.
pub(super) fn ours(name: &str, prompt: &str, seconds: i64) -> Job {
    let n = u64::try_from(seconds + 10_000).unwrap();
    let mut job = draft_job_in(n, State::Saved, prompt);
    job.task = Some(task(name));
    job.tag = Tag::new("harbour").ok();
    job.finished_at = Some(at(seconds));
    job
}

pub(super) fn enhance(n: u64, of: &str, image: usize, state: State) -> Job {
    let mut job = job_in(n, state);
    job.kind = JobKind::Enhance { source: task(of), image: ImageNumber::ALL[image] };
    job
}

pub(super) fn jobs() -> Vec<Job> {
    let mut fewer = ours("p2m8w4xd", "harbour at dawn --s 250", -400);
    fewer.links.pop();
    fewer.files.pop();
    fewer.tag = None;
    vec![
        ours("r7u2k9aa", "lighthouse in fog, oil on canvas, thick paint --ar 1:1 --s 250 --c 20", -100),
        fewer,
        enhance(1, "r7u2k9aa", 0, State::Saved),
        enhance(2, "k3v9q2ad", 1, State::Running),
        draft_job_in(3, State::Running, "a boat that is being made"),
    ]
}

pub(super) fn rows() -> Vec<DraftRow> {
    let links = |name: &str| (0..4).map(|n| format!("https://files.example.org/{name}-{n}.png")).collect();
    let row = |name: &str, seconds: i64, price: Option<Credits>| DraftRow {
        made_at: Some(at(seconds)),
        pictures: Some(4),
        price,
        links: links(name),
        links_expire_at: Some(at(seconds + 86_400)),
        ..DraftRow::new(task(name))
    };
    let mut hidden = row("hidden00", -1_000, Some(Credits::PUBLISHED_DRAFT_PRICE));
    hidden.hidden = true;
    vec![
        row("k3v9q2ad", -4_900, Some(Credits::PUBLISHED_DRAFT_PRICE)),
        row("z2p7f4rc", -90_000, None),
        row("fast0000", -2_000, Some(Credits::from_uc(54_000))),
        hidden,
    ]
}

pub(super) fn with(options: AppOptions, size: (u16, u16), jobs: Vec<Job>, rows: Vec<DraftRow>, keys: &str) -> ScreenHarness {
    let options = AppOptions { user: "ada".to_owned(), host: "box".to_owned(), ..options };
    let mut screen = ScreenHarness::with(options, size, jobs.into_iter().map(Arc::new).collect());
    let told = AccountDrafts { rows, listed_at: Some(at(0)), ..AccountDrafts::default() };
    screen.event(Event::News(News::Engine(EngineEvent::Drafts(Arc::new(told)))));
    screen.keys(keys);
    screen
}

fn screen(keys: &str) -> ScreenHarness {
    with(AppOptions::default(), (80, 24), jobs(), rows(), keys)
}

pub(super) fn line<'a>(screen: &'a str, part: &str) -> &'a str {
    screen.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part:?} is not in\n{screen}"))
}

pub(super) fn session(screen: &ScreenHarness) -> Vec<&SessionEffect> {
    let effects =
        screen.effects.iter().filter_map(|effect| if let Effect::Session(effect) = effect { Some(effect) } else { None });
    effects.filter(|effect| !matches!(effect, SessionEffect::Pictures(_) | SessionEffect::InspectTmux)).collect()
}

/// The views by name, and the keys that lead there.
const VIEWS: [(&str, &str); 13] = [
    ("drafts", "v g"),
    ("drafts filtered", "v / \"tag:harbour\" enter"),
    ("sheet", "v g enter"),
    ("sheet, two chosen", "v g enter 1 2"),
    ("price of the choice", "v g enter 1 2 a"),
    ("sheet of fewer", "v g j enter"),
    ("choosing from fewer", "v g j enter 0"),
    ("sheet of another program's", "v G k enter"),
    ("compare", "v g c"),
    ("picture in full", "v g enter 1 z"),
    ("where it is", "v g o"),
    ("note", "v g t"),
    ("new drafts", "n paste:lighthouse_in_fog,_oil_--ar_1:1|{red,_blue}_boat_at_dawn|old_pier_--q_4|old_pier_—ar_3:2"),
];

#[test]
fn the_sheet_names_the_file_of_an_enhance_by_its_telling_end() {
    let mut job = enhance(1, "r7u2k9aa", 0, State::Saved);
    let task = job.task.clone().unwrap();
    job.files[0].path = format!("results/{task}-0.png").into();
    let shown = |job: &Job| {
        let jobs = vec![ours("r7u2k9aa", "lighthouse in fog", -100), job.clone()];
        line(&with(AppOptions::default(), (80, 24), jobs, vec![], "v enter").screen(), "enhanced 0").to_owned()
    };
    assert_eq!(shown(&job).trim_end(), format!("enhanced 0 saved {}-0.png", task.short()));
    job.files[0].path = "results/best.png".into();
    assert_eq!(shown(&job).trim_end(), "enhanced 0 saved best.png");
}

#[test]
fn the_footer_of_drafts_and_sheet_names_what_is_used_there_and_the_way_back() {
    let footer = |size, keys| with(AppOptions::default(), size, jobs(), rows(), keys).screen().lines().last().unwrap().to_owned();
    let drafts = "? help  Enter choose  n new  N new from this  R again, paid  / filter  D hide";
    assert_eq!(footer((80, 24), "v g"), drafts);
    let sheet = "? help  0-3 choose  a enhance  A all  Tab next  z full  c compare  Left back";
    assert_eq!(footer((80, 24), "v g enter 1"), sheet);
    for keys in ["v", "v i", "v g", "v g j", "v G", "v g enter", "v g enter 1 2", "v g j enter", "v G k enter"] {
        let footer = footer((120, 40), keys);
        assert!(footer.contains("Left back"), "{keys}: {footer}");
    }
}

#[test]
fn every_view_of_drafts_has_its_stored_screen_at_every_size() {
    for size in SIZES {
        let mut all = String::new();
        for (name, keys) in VIEWS {
            let screen = with(AppOptions::default(), size, jobs(), rows(), keys).screen();
            let _ = writeln!(all, "======== {name}\n{screen}");
        }
        let empty = with(AppOptions::default(), size, vec![], vec![], "v").screen();
        let _ = writeln!(all, "======== no drafts\n{empty}");
        stored(&format!("drafts_{}x{}", size.0, size.1), &all);
    }
}

#[test]
fn without_colour_and_in_ascii_the_drafts_say_the_same() {
    for size in SIZES {
        for (name, keys) in VIEWS {
            let text = |options| with(options, size, jobs(), rows(), keys).screen();
            let usual = text(AppOptions::default());
            let mono = text(AppOptions { theme: Theme::Mono, color: false, ..AppOptions::default() });
            assert_eq!(mono, usual, "{name} at {size:?}");
            let ascii = text(AppOptions { charset: Charset::Ascii, ..AppOptions::default() });
            assert!(ascii.is_ascii(), "{name} at {size:?}: {ascii}");
            let widths = |text: &str| text.lines().map(|line| line.chars().count()).collect::<Vec<_>>();
            assert_eq!(widths(&ascii), widths(&usual), "{name} at {size:?}: {ascii}{usual}");
        }
    }
}

#[test]
fn every_view_of_drafts_stands_at_every_size() {
    for size in [(1, 1), (2, 9), (9, 2), (29, 5), (30, 6), (40, 10), (59, 14), (60, 14), (99, 20), (100, 20), (250, 80)] {
        for (_, keys) in VIEWS {
            with(AppOptions::default(), size, jobs(), rows(), keys).screen();
        }
    }
}

#[test]
fn ours_and_others_are_listed_newest_first_without_what_is_hidden_or_no_draft() {
    let shown = screen("v").screen();
    let tasks: Vec<&str> = ["r7u2k9aa", "p2m8w4xd", "k3v9q2ad", "z2p7f4rc"].to_vec();
    let places: Vec<usize> = tasks.iter().map(|task| shown.find(task).unwrap_or_else(|| panic!("{task}: {shown}"))).collect();
    assert!(places.is_sorted(), "{shown}");
    assert!(!shown.contains("hidden00") && !shown.contains("fast0000"), "{shown}");
    line(&shown, "drafts 4 · made here 2 · of the account 2 · 1 being made · refreshed 14:00");
    assert!(line(&shown, "r7u2k9aa").contains("ours   0✓"), "{shown}");
    assert!(line(&shown, "p2m8w4xd").contains("3 !"), "{shown}");
    assert!(line(&shown, "k3v9q2ad").contains("likely 1●"), "{shown}");
    assert!(line(&shown, "z2p7f4rc").contains("maybe"), "{shown}");
}

#[test]
fn the_engine_is_told_while_drafts_are_shown() {
    let mut screen = screen("v g");
    assert!(session(&screen).contains(&&SessionEffect::ShowDrafts(true)));
    screen.effects.clear();
    screen.keys("enter r");
    assert_eq!(session(&screen), [&SessionEffect::ListDrafts]);
    screen.effects.clear();
    screen.keys("esc esc");
    assert!(session(&screen).contains(&&SessionEffect::ShowDrafts(false)), "{:?}", screen.effects);
    assert_eq!(screen.app.screens.page(), Page::Jobs);
}

#[test]
fn pictures_of_others_are_asked_for_once_they_are_looked_at() {
    let mut screen = screen("v G k");
    screen.effects.clear();
    screen.keys("enter");
    assert_eq!(session(&screen), [&SessionEffect::LookAtDraft(task("k3v9q2ad"))]);
    screen.effects.clear();
    screen.keys("1 1");
    assert!(session(&screen).is_empty());
    screen.keys("shift+tab");
    assert!(session(&screen).is_empty(), "ours are here");
}

#[test]
fn v_opens_at_the_draft_of_the_row() {
    let mut jobs = jobs();
    jobs.retain(|job| job.kind.source().is_some_and(|(source, _)| *source == task("k3v9q2ad")) || job.state() == State::Saved);
    let mut screen = with(AppOptions::default(), (80, 24), jobs, rows(), "3 v");
    line(&screen.screen(), "▌  12:38  k3v9q2ad");
    screen.keys("v");
    assert_eq!(screen.app.screens.page(), Page::Jobs);
}

#[test]
fn the_price_of_the_choice_is_always_in_sight_and_a_asks_for_it() {
    let mut screen = screen("v g enter 1 2");
    line(&screen.screen(), "2 chosen: 2 × 5.4 = 10.8 · balance 512.4 → 501.6");
    screen.keys("a");
    line(&screen.screen(), "enhance 2 pictures of r7u2k9aa?");
    screen.keys("n");
    line(&screen.screen(), "nothing was sent; the choice is kept");
    screen.keys("a y");
    match screen.commands().as_slice() {
        [Command::Add { specs, tag, consent: Some(yes), again: false, .. }] => {
            let images: Vec<u8> = specs.iter().map(|spec| spec.image.get()).collect();
            assert!(specs.iter().all(|spec| spec.source == task("r7u2k9aa")));
            assert_eq!((images, tag.clone()), (vec![1, 2], Tag::new("harbour").ok()));
            assert_eq!(yes.lines.iter().map(|line| (line.model, line.count)).collect::<Vec<_>>(), [(Model::Enhance, 2)]);
        }
        other => panic!("{other:?}"),
    }
    line(&screen.screen(), "nothing chosen");
    screen.answer(CommandOutcome {
        act: Some(crate::engine::Act::Added { approved: true }),
        jobs: vec![job_in(9, State::Waiting).id],
        left_out: vec![],
        approval: Some((3, at(5))),
    });
    screen.keys("u");
    screen.answer(CommandOutcome {
        act: Some(crate::engine::Act::Withdrawn),
        jobs: vec![job_in(9, State::Waiting).id],
        ..CommandOutcome::default()
    });
    line(&screen.screen(), "2 chosen:");
}

#[test]
fn what_was_enhanced_already_is_left_out_and_said() {
    let mut screen = screen("v g enter 0 1 a");
    line(&screen.screen(), "1 picture left out: in the list already");
    screen.keys("n 1 a");
    line(&screen.screen(), "already in the list");
    screen.keys("A A A");
    line(&screen.screen(), "3 chosen:");
}

#[test]
fn the_draft_on_the_sheet_stays_when_another_is_done() {
    for (keys, is_looked_at) in [("v g", false), ("v g enter", true), ("v g enter z", true), ("v g enter c", true)] {
        let mut screen = screen(keys);
        let before = screen.app.drafts.selected().unwrap().task.clone();
        let newer = Arc::new(ours("newer000", "a newer one", 100));
        screen.event(Event::News(News::Engine(EngineEvent::Jobs(vec![newer]))));
        let after = screen.app.drafts.selected().unwrap().task.clone();
        assert_eq!(after == before, is_looked_at, "{keys}: {after}");
    }
}

#[test]
fn a_choice_stays_with_its_draft() {
    let mut screen = screen("v g enter 1 2 tab shift+tab");
    line(&screen.screen(), "2 chosen:");
    screen.keys("esc");
    assert!(line(&screen.screen(), "r7u2k9aa").contains("0✓ 1▸ 2▸"), "{}", screen.screen());
    screen.keys("enter 1 2");
    line(&screen.screen(), "nothing chosen");
}

#[test]
fn choosing_where_moderation_took_some_asks_once() {
    let mut screen = screen("v g j enter 0");
    line(&screen.screen(), "choose from 3 of 4 pictures?");
    line(&screen.screen(), "moderation took 1 of 4; the 2.7 stay charged; which numbers");
    screen.keys("n");
    line(&screen.screen(), "nothing chosen");
    screen.keys("0 y 1");
    line(&screen.screen(), "2 chosen:");
    assert!(screen.app.dialogs.is_empty());
}

#[test]
fn the_same_prompt_again_is_paid_for_and_asks() {
    let mut screen = screen("v g R");
    line(&screen.screen(), "make 1 draft again?");
    screen.keys("y");
    match screen.commands().as_slice() {
        [Command::RunAgain { jobs, consent, .. }] => {
            assert_eq!((jobs.len(), consent.lines.total()), (1, Credits::PUBLISHED_DRAFT_PRICE));
        }
        other => panic!("{other:?}"),
    }
    let refused = self::screen("v G R").screen();
    line(&refused, "not made here: its prompt is not known");
}

#[test]
fn hidden_drafts_and_notes_can_be_taken_back() {
    let mut screen = screen("v g D");
    assert!(
        matches!(screen.commands().as_slice(), [Command::HideDrafts { tasks, hidden: true }] if *tasks == [task("r7u2k9aa")])
    );
    screen.answer(CommandOutcome { act: Some(crate::engine::Act::DraftsHidden(1)), ..CommandOutcome::default() });
    screen.keys("u");
    assert!(matches!(screen.commands().as_slice(), [_, Command::HideDrafts { hidden: false, .. }]));
    let mut screen = self::screen("v G space t \"old_pier\" enter");
    line(&screen.screen(), "tag for 1 draft");
    screen.keys("ctrl+u \"pier\" enter");
    match screen.commands().as_slice() {
        [Command::NoteDrafts { tasks, note }] => {
            assert_eq!((tasks.as_slice(), note.clone()), ([task("z2p7f4rc")].as_slice(), Tag::new("pier").ok()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn n_and_new_from_work_on_the_drafts_too() {
    let shown = screen("v g enter N").screen();
    line(&shown, "1 lighthouse in fog");
    let shown = screen("v paste:boat").screen();
    line(&shown, "1 boat");
}

#[test]
fn an_unsure_draft_names_time_price_and_pictures_of_the_tasks_left() {
    let mut unsure = draft_job_in(5, State::Unsure, "lost boat");
    if let crate::job::Phase::Unsure(doubt) = &mut unsure.phase {
        doubt.candidates = vec![task("k3v9q2ad"), task("m0000000")];
    }
    let mut screen = with(AppOptions::default(), (80, 24), vec![unsure], rows(), "w");
    let shown = screen.screen();
    line(&shown, "12:38:20 · 2.7 credits · 4 pictures");
    line(&shown, "12:20:00");
    line(&shown, "none of these");
    assert!(session(&screen).contains(&&SessionEffect::ShowDrafts(true)), "the account's list is read for them");
    screen.keys("n");
    line(&screen.screen(), "it stays unsure; r looks again, x gives it up");
    screen.keys("w 1");
    assert!(matches!(screen.commands().as_slice(), [Command::Adopt { .. }]));
}

#[test]
fn details_name_what_a_draft_was_made_into_and_what_an_enhance_was_made_from() {
    let screen = with(AppOptions::default(), (120, 40), jobs(), rows(), "5 g");
    let shown = screen.screen();
    assert!(shown.contains("prompt lighthouse in fog"), "{shown}");
    let made = with(AppOptions::default(), (120, 40), jobs(), rows(), "/ \"kind:draft_prompt:lighthouse\" enter");
    assert!(made.screen().contains("enhanced 0 saved"), "{}", made.screen());
}

#[test]
fn the_filter_finds_by_prompt_tag_and_task() {
    for (filter, found) in
        [("fog", "1 of 4"), ("tag:harbour", "1 of 4"), ("known:likely", "1 of 4"), ("-prompt:fog", "3 of 4"), ("k3v9", "1 of 4")]
    {
        let shown = screen(&format!("v / \"{filter}\" enter")).screen();
        line(&shown, &format!("/{filter} {found}"));
    }
    let mut screen = screen("v / \"nothing\" enter");
    line(&screen.screen(), "Esc clears the filter");
    screen.keys("esc u");
    line(&screen.screen(), "/nothing 0 of 4");
}

#[test]
fn the_boxes_of_the_sheet_are_as_large_as_the_window_allows() {
    for (size, box_size) in [((80, 24), (18, 9)), ((120, 40), (30, 15)), ((100, 24), (22, 11))] {
        let screen = with(AppOptions::default(), size, jobs(), rows(), "v g enter");
        let places = super::super::view::contact_sheet::places(&screen.app);
        assert_eq!(
            places.iter().map(|place| (place.area.width, place.area.height)).collect::<Vec<_>>(),
            [box_size; 4],
            "{size:?}"
        );
        assert!(places.iter().all(|place| place.file.is_some()), "{size:?}");
        let overlap = |at: usize| places[at + 1..].iter().any(|other| other.area.intersects(places[at].area));
        assert!(!(0..4).any(overlap), "{size:?}");
    }
    let small = with(AppOptions::default(), (60, 15), jobs(), rows(), "v g enter 1");
    assert!(super::super::view::contact_sheet::places(&small.app).is_empty());
    line(&small.screen(), "1        ▸ chosen · on disk");
}

#[test]
fn a_dashboard_that_only_looks_shows_drafts_and_changes_nothing() {
    let options = AppOptions { read_only: true, ..AppOptions::default() };
    let mut screen = with(options, (80, 24), jobs(), rows(), "v g D t R n N enter 1 a");
    assert!(screen.commands().is_empty() && screen.app.dialogs.is_empty());
    screen.keys("esc esc");
    assert!(!matches!(screen.app.dialogs.top(), Some(Dialog::Price(_))));
}

#[test]
fn the_header_warns_by_the_dearest_job_that_waits_else_by_an_enhance() {
    let draft = || Arc::new(draft_job_in(1, State::Waiting, "old pier"));
    let enhance = || Arc::new(job_in(2, State::Waiting));
    let styles = |jobs: &[Arc<Job>], balance: &str, day: &str| {
        let mut screen = ScreenHarness::new((120, 40), jobs.to_vec());
        screen.status(|status| {
            status.balance.as_mut().unwrap().amount = balance.parse().unwrap();
            status.caps.day = day.parse().ok();
            status.spent.day = Credits::ZERO;
        });
        let said = screen.screen();
        let (row, line) = said.lines().enumerate().find(|(_, line)| line.contains("balance ")).unwrap();
        let cells = screen.cells();
        ["balance ", &format!(" of {day}")].map(|before| {
            let column =
                line[..line.find(before).unwrap() + before.len() - 1].chars().count() + usize::from(before == "balance ");
            cells[(u16::try_from(column).unwrap(), u16::try_from(row).unwrap())].style()
        })
    };
    let is_warned = |jobs: &[Arc<Job>], amount: &str| {
        let (plenty, now) = (styles(jobs, "1000", "1000"), styles(jobs, amount, amount));
        [plenty[0] != now[0], plenty[1] != now[1]]
    };
    for (jobs, enough, short) in [
        (vec![draft()], "2.7", "2.6"),
        (vec![draft(), enhance()], "5.4", "5.3"),
        (vec![enhance()], "5.4", "5.3"),
        (vec![], "5.4", "5.3"),
        (vec![Arc::new(draft_job_in(1, State::Saved, "old pier"))], "5.4", "5.3"),
    ] {
        assert_eq!(is_warned(&jobs, enough), [false, false], "{enough}, {} jobs", jobs.len());
        assert_eq!(is_warned(&jobs, short), [true, true], "{short}, {} jobs", jobs.len());
    }
}
