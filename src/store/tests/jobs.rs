//! Jobs as they are kept, found and read back.

use super::*;

#[test]
fn a_job_in_any_state_is_read_back_as_it_was_written() {
    let mut store = Store::in_memory().unwrap();
    every_state(&mut store);
    let jobs = store.jobs().unwrap();
    let states: Vec<_> = jobs.iter().map(Job::state).collect();
    for state in State::ALL {
        assert!(states.contains(&state), "{state} is missing in {states:?}");
    }
    let mut other = Store::in_memory().unwrap();
    assert_eq!(other.import(&jobs, at(50)).unwrap(), []);
    for job in &jobs {
        let mut expected = job.clone();
        expected.disarm(price(), at(50));
        expected.apply(Update::EngineStarted, at(10));
        expected.revision = 1;
        assert_eq!(other.job(job.id).unwrap().unwrap(), expected);
    }
    assert_eq!(other.import(&jobs, at(50)).unwrap().len(), 12, "what is there already is left out");
    assert_eq!(other.spent(at(30), at(0), at(0)).unwrap(), store.spent(at(30), at(0), at(0)).unwrap());
}

#[test]
fn links_and_files_of_a_job_that_is_read_have_no_room_to_spare() {
    let mut store = Store::in_memory().unwrap();
    let mut job = Job::new(id(1), JobKind::Enhance { source: draft(), image: ImageNumber::ALL[0] }, 1, at(0));
    job.links = vec!["https://x/1.png".to_owned()];
    job.files = vec![SavedFile { path: "/r/1.png".into(), sha256: "ab".repeat(32), bytes: 1 }];
    job.phase = Phase::Saved;
    assert!(store.import(&[job], at(50)).unwrap().is_empty());
    let read = store.job(id(1)).unwrap().unwrap();
    assert_eq!((read.links.capacity(), read.files.capacity()), (1, 1));
}

proptest::proptest! {
    /// One walk that ends early must find what three separate ones find.
    #[test]
    fn the_sums_of_one_walk_are_those_of_the_whole_book(
        sends in proptest::collection::vec((0..60_000_i64, 1..50_i64, proptest::bool::weighted(0.8)), 0..30),
        now in 0..80_000_i64, day in 0..60_000_i64, month in -1..60_000_i64,
    ) {
        let store = Store::in_memory().unwrap();
        for (n, (second, amount, counts)) in sends.iter().enumerate() {
            let charge = counts.then_some("charged");
            let row = params![n.to_string(), signed(n as u64), nanos(at(*second)), amount, charge];
            store.db.execute("INSERT INTO ledger (key, job, at, amount, charge) VALUES (?1, ?2, ?3, ?4, ?5)", row).unwrap();
        }
        let mut book: Vec<(i64, i64)> = sends.iter().filter(|send| send.2).map(|send| (send.0, send.1)).collect();
        book.sort_unstable_by_key(|send| std::cmp::Reverse(*send));
        let from = |start: i64| Credits::from_uc(book.iter().filter(|send| send.0 >= start).map(|send| send.1).sum());
        // What lies ahead was sent before the clock was turned back.
        let mut later = now;
        let chain = book.iter().take_while(|send| {
            let at = send.0.min(now);
            std::mem::replace(&mut later, at) - at < 4 * 3_600
        });
        let session = Credits::from_uc(chain.map(|send| send.1).sum());
        let spent = store.spent(at(now), at(day), at(month)).unwrap();
        proptest::prop_assert_eq!((spent.session, spent.day, spent.month), (session, from(day), from(month)));
    }
}

#[test]
fn changes_are_told_since_a_revision() {
    let mut store = with_approved(3);
    let first = store.changes_since(0).unwrap();
    assert_eq!((first.jobs.len(), first.revision), (3, 1));
    assert!(store.changes_since(first.revision).unwrap().jobs.is_empty());
    one(&mut store, 2, Update::Cancel, 1);
    one(&mut store, 2, Update::Cancel, 2);
    store.change_settings(&mut |settings| settings.cap_day = Some(None)).unwrap();
    let next = store.changes_since(first.revision).unwrap();
    assert_eq!((next.jobs.len(), next.jobs[0].id, next.revision), (1, id(2), 3), "what changed nothing moves nothing");
    assert_eq!(next.settings.cap_day, Some(None), "no cap is not the same as unchanged");
    store.prune(at(5), false).unwrap();
    assert_eq!(store.changes_since(next.revision).unwrap().gone, [id(2)]);
}

#[test]
fn history_answers_questions_and_screen_memory_are_kept() {
    let mut store = with_approved(1);
    send(&mut store, 1, 1);
    one(&mut store, 1, accepted(1), 2);
    assert_eq!(store.raw_answer(id(1)).unwrap().as_deref(), Some("{\"id\":1}"));
    one(&mut store, 1, completed(1), 3);
    assert_eq!(store.raw_answer(id(1)).unwrap().as_deref(), Some("{\"status\":\"completed\"}"));
    let notes: Vec<_> = store.timeline(id(1)).unwrap().into_iter().map(|entry| (entry.state, entry.note)).collect();
    assert_eq!(notes[0], (State::Held, "recorded".to_owned()));
    assert_eq!(notes.last().unwrap(), &(State::ToFetch, "completed".to_owned()));
    let asks = [EngineRequest::Read(id(1)), EngineRequest::ReadAll, EngineRequest::Fetch(id(1))];
    store.ask(&asks).unwrap();
    assert_eq!(store.take_engine_requests().unwrap(), asks);
    assert_eq!(store.take_engine_requests().unwrap(), []);
    assert_eq!(store.screen_state().unwrap(), None);
    store.set_screen_state("sort=age").unwrap();
    assert_eq!(store.screen_state().unwrap().as_deref(), Some("sort=age"));
}

#[test]
fn jobs_are_found_by_the_beginning_of_their_id_and_the_end_of_their_task() {
    let mut store = with_approved(3);
    send(&mut store, 2, 1);
    one(&mut store, 2, accepted(2), 2);
    let ids = |text: &str| store.find(text).unwrap().iter().map(|job| job.id.bits()).collect::<Vec<_>>();
    assert_eq!(ids("00000002"), [2]);
    assert_eq!(ids("0000"), [1, 2, 3]);
    assert_eq!(ids(task(2).as_str()), [2]);
    assert_eq!(ids("TASK0002".to_lowercase().as_str()), [2]);
    assert_eq!(ids("%"), [0_u64; 0]);
    assert_eq!(ids(""), [0_u64; 0]);
}

#[test]
fn a_twin_is_the_newest_job_that_is_not_over_in_vain() {
    let mut store = Store::in_memory().unwrap();
    add(&mut store, &[new_job(1)], false, None, at(0)).unwrap();
    add(&mut store, &[new_job(5)], false, None, at(1)).unwrap();
    let image = ImageNumber::ALL[1];
    assert_eq!(store.duplicate(&JobKind::Enhance { source: draft(), image }).unwrap(), Some(id(5)));
    one(&mut store, 5, Update::Cancel, 2);
    assert_eq!(store.duplicate(&JobKind::Enhance { source: draft(), image }).unwrap(), Some(id(1)));
    assert_eq!(store.duplicate(&JobKind::Enhance { source: draft(), image: ImageNumber::ALL[2] }).unwrap(), None);
}

#[test]
fn ten_thousand_jobs_are_written_and_read_in_one_go() {
    let mut store = Store::in_memory().unwrap();
    let requests: Vec<_> = (1..=10_000).map(new_job).collect();
    add(&mut store, &requests, false, Some(yes(10_000)), at(0)).unwrap();
    let jobs = store.jobs().unwrap();
    assert_eq!(jobs.len(), 10_000);
    assert!(jobs.is_sorted_by_key(|job| job.place));
    let progress = Progress { percent: None, seconds_left: Some(1), at: Some(at(1)) };
    let heard: Vec<_> = jobs.iter().map(|job| (job.id, progress)).collect();
    let before = store.changes_since(0).unwrap().revision;
    store.save_progress(&heard).unwrap();
    assert_eq!(store.changes_since(0).unwrap().revision, before, "nothing runs");
}

#[test]
fn every_question_for_the_engine_comes_back_as_it_was_asked_and_in_its_turn() {
    let mut store = Store::in_memory().unwrap();
    let asks = [
        EngineRequest::ListDrafts { now: true },
        EngineRequest::FetchDraft(task(2)),
        EngineRequest::ListDrafts { now: false },
        EngineRequest::LookAtDraft(task(1)),
        EngineRequest::Read(id(3)),
        EngineRequest::Fetch(id(4)),
        EngineRequest::ReadAll,
    ];
    store.ask(&asks).unwrap();
    assert_eq!(store.take_engine_requests().unwrap(), asks);
    assert_eq!(store.take_engine_requests().unwrap(), []);
}

#[test]
fn removed_jobs_are_pruned_alone_and_what_may_still_bring_a_picture_never_by_its_age() {
    let fresh = || {
        let mut store = with_approved(4);
        for n in 1..=3 {
            send(&mut store, n, 1);
            one(&mut store, n, accepted(n), 2);
        }
        one(&mut store, 1, completed(1), 3);
        one(&mut store, 1, Update::Saved(Vec::new()), 4);
        one(&mut store, 2, Update::Unwatch, 4);
        store
    };
    let mut store = fresh();
    assert_eq!(store.prune(at(9), true).unwrap(), [], "nothing was removed");
    assert_eq!(store.prune(at(9), false).unwrap(), [id(1)], "an unwatched one may be watched again, others run and wait");
    let mut store = fresh();
    for n in [1, 2] {
        assert!(one(&mut store, n, Update::Remove(true), 5).removed);
    }
    let mut gone = store.prune(at(9), true).unwrap();
    gone.sort_unstable();
    assert_eq!(gone, [id(1), id(2)]);
    assert_eq!(store.jobs().unwrap().len(), 2);
}

#[test]
fn progress_of_what_does_not_run_moves_nothing() {
    let mut store = with_approved(2);
    send(&mut store, 1, 1);
    one(&mut store, 1, accepted(1), 2);
    let revision = |store: &Store| store.changes_since(0).unwrap().revision;
    let progress = Progress { percent: None, seconds_left: Some(1), at: Some(at(3)) };
    let before = revision(&store);
    store.save_progress(&[(id(2), progress), (id(77), progress)]).unwrap();
    assert_eq!(revision(&store), before, "it waits, or is not there");
    store.save_progress(&[(id(1), progress)]).unwrap();
    assert_eq!(revision(&store), before + 1);
}

#[test]
fn jobs_come_in_parts_with_what_else_is_of_their_moment() {
    let mut store = with_approved(3);
    send(&mut store, 1, 1);
    one(&mut store, 1, accepted(1), 2);
    one(&mut store, 1, completed(1), 3);
    one(&mut store, 1, Update::Saved(Vec::new()), 4);
    store.change_settings(&mut |settings| settings.cap_day = Some(Some(price()))).unwrap();
    let all = store.changes_since(0).unwrap();
    let mut parts = Vec::new();
    let rest = store.open_jobs_in_parts(1, &mut |part| parts.push(part.iter().map(|job| job.id).collect::<Vec<_>>())).unwrap();
    assert_eq!(parts, [[id(2)], [id(3)]]);
    assert_eq!((rest.revision, &rest.settings, rest.jobs.len()), (all.revision, &all.settings, 0));
    let whole = store.open_jobs().unwrap();
    assert_eq!(whole.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [id(2), id(3)]);
    assert_eq!((whole.revision, whole.settings), (all.revision, all.settings.clone()));
    let over = |after, most| store.jobs_over(after, most).unwrap().iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!([over(None, 9), over(None, 0), over(Some(id(1)), 9)], [vec![id(1)], vec![], vec![]]);
    assert!(store.changes_since(all.revision).unwrap().jobs.is_empty());
    assert_eq!(store.changes_since(all.revision + 1).unwrap().jobs.len(), 0, "nothing is newer than now");
}

#[test]
fn tags_in_use_are_told_in_the_order_of_the_alphabet() {
    let mut store = with_approved(3);
    for (n, tag) in [(1, Some("harbour")), (2, Some("cats")), (3, None)] {
        one(&mut store, n, Update::Retag(tag.and_then(|tag| Tag::new(tag).ok())), 1);
    }
    assert_eq!(store.tags(9).unwrap(), ["cats", "harbour"]);
    assert_eq!(store.tags(1).unwrap(), ["cats"]);
}

#[test]
fn new_jobs_stand_behind_the_last_and_before_the_first_place_of_all() {
    let mut store = with_approved(2);
    let place = |store: &Store, n: u64| store.job(id(n)).unwrap().unwrap().place;
    one(&mut store, 1, Update::Move(-40), 1);
    one(&mut store, 2, Update::Move(70), 1);
    add(&mut store, &[new_job(3)], true, None, at(2)).unwrap();
    add(&mut store, &[new_job(4)], false, None, at(2)).unwrap();
    assert!(place(&store, 3) < -40 && place(&store, 4) > 70, "{} {}", place(&store, 3), place(&store, 4));
}

#[test]
fn an_account_is_named_by_its_address_and_what_tells_keys_apart() {
    let account = Account::new("https://api.evolink.ai/", "sk-evo-0123456789abcdef", 7);
    let name = account.name();
    assert!(name.starts_with("https://api.evolink.ai (key fingerprint ") && name.ends_with(')'), "{name}");
    assert_eq!(name.len(), "https://api.evolink.ai (key fingerprint 12345678)".len());
    assert!(!name.contains("0123456789"));
}
