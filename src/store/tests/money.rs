//! What guards money: approvals, sends, caps, the book of what was spent.

use super::*;

#[test]
fn jobs_without_a_yes_are_held_and_go_where_they_are_told() {
    let mut store = Store::in_memory().unwrap();
    add(&mut store, &[new_job(1), new_job(2)], false, None, at(0)).unwrap();
    add(&mut store, &[new_job(3), new_job(4)], true, None, at(0)).unwrap();
    let order: Vec<_> = store.jobs().unwrap().iter().map(|job| job.id.bits()).collect();
    assert_eq!(order, [3, 4, 1, 2]);
    assert!(store.jobs().unwrap().iter().all(|job| job.phase == Phase::Held(HoldReason::You)));
    let error = add(&mut store, &[new_job(9), new_job(1)], false, None, at(0)).unwrap_err();
    assert!(error.to_string().contains("taken"), "{error}");
    assert_eq!(store.job(id(9)).unwrap(), None, "the whole call failed");
}

#[test]
fn a_send_is_kept_with_body_and_key_and_goes_into_the_money_book() {
    let mut store = with_approved(1);
    let BeginSend::Go(job) = send(&mut store, 1, 5) else { panic!("it may go") };
    assert_eq!(job.send.as_ref().unwrap().key, key(1));
    assert_eq!(job.send.as_ref().unwrap().body, "{\"body\":1}");
    assert_eq!(store.job(job.id).unwrap(), Some(job));
    let book = store.ledger_rows().unwrap();
    assert_eq!((book.len(), book[0].amount, book[0].charge), (1, price(), Some(Charge::Reserved)));
    assert_eq!(send(&mut store, 1, 6), BeginSend::No(NotNow::NotReady));
}

#[test]
fn nothing_is_sent_without_a_yes_of_this_start_or_in_its_grace_or_while_paused() {
    let mut store = Store::in_memory().unwrap();
    add(&mut store, &[new_job(1)], false, None, at(0)).unwrap();
    assert!(matches!(send(&mut store, 1, 1), BeginSend::No(_)), "held");
    let grace = Consent { grace: Duration::from_secs(5), ..yes(1) };
    assert!(matches!(
        store.approve(&[id(1), id(77)], yes(1), None, &mut make, at(9)),
        Err(StoreError::NotConfirmed { confirmed: 1, asked: 2 })
    ));
    let grace = Consent { grace: grace.grace, ..yes(2) };
    let approved = store.approve(&[id(1), id(77)], grace, None, &mut make, at(10)).unwrap();
    assert_eq!((approved.jobs.len(), approved.left_out.as_slice()), (1, &[(id(77), Unavailable::Gone)][..]));
    let approval = (approved.seq, approved.not_before);
    assert_eq!(send(&mut store, 1, 14), BeginSend::No(NotNow::InGrace));
    store.change_settings(&mut |settings| settings.paused = Some(PauseReason::You)).unwrap();
    assert_eq!(send(&mut store, 1, 15), BeginSend::No(NotNow::Paused));
    store.change_settings(&mut |settings| settings.paused = None).unwrap();
    assert_eq!(store.raise_approval_floor().unwrap().approval_floor, approval.0);
    assert!(matches!(send(&mut store, 1, 15), BeginSend::No(NotNow::OlderThanFloor)));
    store.approve(&[id(1)], yes(1), None, &mut make, at(16)).unwrap();
    assert!(matches!(send(&mut store, 1, 16), BeginSend::Go(_)));
}

#[test]
fn a_yes_can_be_taken_back_only_in_its_grace_period() {
    let mut store = Store::in_memory().unwrap();
    let grace = Consent { grace: Duration::from_secs(5), ..yes(2) };
    let jobs = add(&mut store, &[new_job(1), new_job(2)], false, Some(grace), at(0)).unwrap();
    let seq = jobs[0].approval.unwrap().seq;
    assert_eq!(store.withdraw(seq, at(5)).unwrap(), []);
    one(&mut store, 2, Update::Cancel, 1);
    let held = store.withdraw(seq, at(4)).unwrap();
    assert_eq!(held.iter().map(|job| job.id).collect::<Vec<_>>(), [id(1)]);
    assert_eq!(held[0].phase, Phase::Held(HoldReason::You));
    assert_eq!(store.withdraw(99, at(4)).unwrap(), []);
}

#[test]
fn a_price_a_cap_and_a_run_limit_hold_the_job() {
    let mut store = with_approved(4);
    let begin = |store: &mut Store, n: u64, guard: SendGuard| {
        store.begin_send(id(n), key(u8::try_from(n).unwrap()), "{}", &guard, at(10)).unwrap()
    };
    let dearer = Credits::from_uc(60_000);
    let held = begin(&mut store, 1, SendGuard { prices: Prices::each(|_| dearer), ..guard() });
    assert!(matches!(held, BeginSend::Held(job, HoldReason::Price { now, .. }) if now == dearer && job.state() == State::Held));
    let day = Caps { day: Some(price()), session: None };
    assert!(matches!(begin(&mut store, 2, SendGuard { caps: day, ..guard() }), BeginSend::Go(_)));
    let held = begin(&mut store, 3, SendGuard { caps: day, ..guard() });
    assert!(matches!(held, BeginSend::Held(_, HoldReason::Cap { cap: CapName::Day, .. })));
    let budget = store.open_budget(Credits::from_uc(1), at(9)).unwrap();
    let short = SendGuard { budget: Some(budget), ..guard() };
    let held = begin(&mut store, 4, short);
    assert!(matches!(held, BeginSend::Held(_, HoldReason::Cap { cap: CapName::MaxCredits, limit }) if limit.uc() == 1));
}

#[test]
fn one_key_never_serves_two_jobs() {
    let mut store = with_approved(2);
    assert!(matches!(send(&mut store, 1, 1), BeginSend::Go(_)));
    store.db.execute("UPDATE jobs SET request_key = ?1 WHERE id = 2", params![key(1).as_str()]).unwrap();
    let error = store.begin_send(id(2), key(2), "{}", &guard(), at(2)).unwrap_err();
    assert!(error.to_string().contains("used before"), "{error}");
    assert_eq!(store.job(id(2)).unwrap().unwrap().state(), State::Waiting);
    assert_eq!(store.ledger_rows().unwrap().len(), 1);
}

#[test]
fn money_that_is_surely_not_taken_or_given_back_does_not_count() {
    let mut store = with_approved(3);
    let day = |store: &Store| store.spent(at(100_000), at(0), at(0)).unwrap().day;
    send(&mut store, 1, 1);
    assert_eq!(day(&store), price());
    one(&mut store, 1, Update::PutBack(Failure::new(ErrorClass::Server, "429", "")), 2);
    assert_eq!(day(&store), Credits::ZERO);
    let BeginSend::Go(job) = store.begin_send(id(1), key(200), "other", &guard(), at(90_000)).unwrap() else { panic!() };
    assert_eq!(job.send.unwrap().key, key(1), "the key stays with its new_job");
    assert_eq!(store.ledger_rows().unwrap()[0].at, at(90_000), "it is spending of the day it went out");
    one(&mut store, 1, Update::Refused(Failure::new(ErrorClass::Balance, "insufficient_quota", "")), 90_001);
    store.approve(&[id(1)], yes(1), None, &mut |_| PaidRequest { key: key(201), body: "new".to_owned() }, at(90_002)).unwrap();
    let BeginSend::Go(job) = store.begin_send(id(1), key(202), "newer", &guard(), at(90_003)).unwrap() else { panic!() };
    assert_eq!(job.send.unwrap().key, key(201), "a refusal and a confirmation a day later are a new request");
    assert_eq!((store.ledger_rows().unwrap().len(), day(&store)), (2, price()));
}

#[test]
fn what_is_held_for_a_job_is_told_while_nobody_watches_it() {
    let mut store = with_approved(2);
    for n in 1..=2 {
        assert!(matches!(send(&mut store, n, 5), BeginSend::Go(_)));
        one(&mut store, n, accepted(n), 6);
    }
    assert_eq!(store.reserved_unwatched(at(0)).unwrap(), Credits::ZERO, "they are watched");
    one(&mut store, 1, Update::Unwatch, 7);
    assert_eq!(store.reserved_unwatched(at(0)).unwrap(), price());
    assert_eq!(store.reserved_unwatched(at(6)).unwrap(), Credits::ZERO, "sent before");
    one(&mut store, 1, Update::Watch, 8);
    assert_eq!(store.reserved_unwatched(at(0)).unwrap(), Credits::ZERO);
}

#[test]
fn a_session_is_a_chain_of_sends_less_than_four_hours_apart() {
    let mut store = with_approved(4);
    let hours = |n: i64| n * 3_600;
    send(&mut store, 1, 0);
    send(&mut store, 2, hours(4));
    send(&mut store, 3, hours(4) + hours(4) - 1);
    let spent = |when: i64| store.spent(at(when), at(hours(5)), at(-1)).unwrap();
    let now = spent(hours(8));
    assert_eq!((now.session, now.day, now.month), (price() * 2, price(), price() * 3));
    assert_eq!(spent(hours(12) - 1).session, Credits::ZERO, "four hours after the last send it is over");
    assert_eq!(spent(hours(12) - 2).session, price() * 2);
}

#[test]
fn a_clock_that_was_turned_back_hides_nothing_of_a_session() {
    let mut store = with_approved(4);
    let hours = |n: i64| n * 3_600;
    send(&mut store, 1, hours(40));
    // Turned back by a day and more: what is sent now lies more than four hours before that.
    send(&mut store, 2, hours(10));
    send(&mut store, 3, hours(10) + 60);
    let spent = |when: i64| store.spent(at(when), at(hours(5)), at(-1)).unwrap().session;
    assert_eq!(spent(hours(10) + 61), price() * 3);
    assert_eq!(spent(hours(15)), price(), "the session of these two is over, and the one ahead still counts");
    let caps = Caps { session: Some(price() * 3), day: None };
    let guard = SendGuard { caps, ..guard() };
    let fourth = store.begin_send(id(4), key(4), "{}", &guard, at(hours(10) + 62)).unwrap();
    assert!(matches!(fourth, BeginSend::Held(_, HoldReason::Cap { cap: CapName::Session, .. })), "{fourth:?}");
}

#[test]
fn a_date_ahead_counts_as_of_now_and_fills_no_cap_for_ever() {
    let next_day = 86_400;
    let caps = Caps { session: Some(price() * 2), day: Some(price() * 2) };
    // Sent by a clock that was a year ahead, and sent for good by a job of a file that says so.
    let mut turned_back = with_approved(4);
    send(&mut turned_back, 1, 365 * next_day);
    let mut imported = Store::in_memory().unwrap();
    let mut store = with_approved(1);
    send(&mut store, 1, 365 * next_day);
    let mut job = one(&mut store, 1, accepted(1), 365 * next_day);
    job.created_at = at(365 * next_day);
    imported.import(&[job], at(1)).unwrap();
    add(&mut imported, &[new_job(2), new_job(3), new_job(4)], false, Some(yes(3)), at(0)).unwrap();
    assert_eq!(imported.job(id(1)).unwrap().unwrap().created_at, at(1));
    for (mut store, what) in [(turned_back, "turned back"), (imported, "imported")] {
        let mut begin = |n: u64, when: i64, there: Option<i64>| {
            let day_start = at(when - when.rem_euclid(next_day));
            let guard = SendGuard { caps, server_time: there.map(at), day_start, ..guard() };
            store.begin_send(id(n), key(u8::try_from(n).unwrap()), "{}", &guard, at(when)).unwrap()
        };
        // It is counted: there is room for one more, and for no second one.
        let second = begin(2, 10, Some(10));
        assert!(matches!(second, BeginSend::Go(_)), "{what}: {second:?}");
        let third = begin(3, 20, Some(20));
        assert!(matches!(third, BeginSend::Held(_, HoldReason::Cap { .. })), "{what}: {third:?}");
        // On the next day it is over.
        let fourth = begin(4, next_day + 10, Some(next_day + 10));
        assert!(matches!(fourth, BeginSend::Go(_)), "{what}: {fourth:?}");
        assert_eq!(store.spent(at(next_day + 11), at(next_day), at(0)).unwrap().day, price(), "{what}");
    }
}

#[test]
fn a_clock_that_nobody_bears_out_moves_no_spending_to_another_day() {
    let mut store = with_approved(3);
    let day = 86_400 * 10;
    send(&mut store, 1, day + 5);
    let caps = Caps { session: None, day: Some(price()) };
    for there in [None, Some(at(day + 60))] {
        // Ten days back: what was sent counts here, and stays where it is.
        let guard = SendGuard { caps, server_time: there, day_start: at(0), ..guard() };
        let second = store.begin_send(id(2), key(2), "{}", &guard, at(60)).unwrap();
        assert!(matches!(second, BeginSend::Held(..) | BeginSend::No(_)), "{second:?}");
    }
    let guard = SendGuard { caps, server_time: None, day_start: at(day), ..guard() };
    let third = store.begin_send(id(3), key(3), "{}", &guard, at(day + 60)).unwrap();
    assert!(matches!(third, BeginSend::Held(_, HoldReason::Cap { cap: CapName::Day, .. })), "{third:?}");
}

#[test]
fn spending_is_told_by_tag_and_follows_a_new_tag_and_outlives_its_job() {
    let mut store = with_approved(2);
    send(&mut store, 1, 1);
    send(&mut store, 2, 1);
    one(&mut store, 2, Update::Retag(None), 2);
    let tag = Tag::new("büro").unwrap();
    one(&mut store, 1, accepted(1), 3);
    one(&mut store, 1, completed(1), 4);
    one(&mut store, 1, Update::Saved(Vec::new()), 5);
    assert_eq!(store.prune(at(5), false).unwrap(), []);
    assert_eq!(store.prune(at(6), true).unwrap(), []);
    assert_eq!(store.prune(at(6), false).unwrap(), [id(1)]);
    let sums = store.spending_by_tag(at(0)).unwrap();
    assert_eq!(sums.len(), 2);
    assert!(sums.contains(&(Some(tag), price(), 1)) && sums.contains(&(None, price(), 1)), "{sums:?}");
    assert_eq!(store.timeline(id(1)).unwrap(), []);
    assert!(add(&mut store, &[new_job(1)], false, None, at(7)).is_err(), "a pruned id is not used again");
}

#[test]
fn an_import_never_brings_a_yes_that_could_spend() {
    let mut store = Store::in_memory().unwrap();
    let mut job = Job::new(id(1), JobKind::Enhance { source: draft(), image: ImageNumber::ALL[0] }, 1, at(0));
    let approval = Approval { seq: 9, price: price(), at: at(0), not_before: at(0) };
    job.apply(Update::Approve { approval, request: make(&job) }, at(0));
    store.import(&[job], at(50)).unwrap();
    assert_eq!(store.job(id(1)).unwrap().unwrap().phase, Phase::Held(HoldReason::You));
    assert!(matches!(send(&mut store, 1, 1), BeginSend::No(NotNow::NotReady)));
}

#[test]
fn a_key_in_the_book_of_money_serves_no_other_job_also_when_its_own_is_pruned() {
    let mut store = with_approved(2);
    send(&mut store, 1, 1);
    one(&mut store, 1, accepted(1), 2);
    let finished = one(&mut store, 1, completed(1), 3);
    one(&mut store, 1, Update::Saved(Vec::new()), 4);
    assert_eq!(store.prune(at(9), false).unwrap(), [id(1)]);
    // No job of a file comes in with it, under whatever id.
    let forged = Job { id: id(7), task: Some(task(7)), ..finished };
    assert_eq!(store.import(&[forged], at(9)).unwrap(), [id(7)]);
    store.db.execute("UPDATE jobs SET request_key = ?1 WHERE id = 2", params![key(1).as_str()]).unwrap();
    let error = store.begin_send(id(2), key(2), "{}", &guard(), at(10)).unwrap_err();
    assert!(error.to_string().contains("used before"), "{error}");
    assert_eq!((store.ledger_rows().unwrap().len(), store.job(id(2)).unwrap().unwrap().state()), (1, State::Waiting));
}

#[test]
fn a_key_that_was_made_for_another_job_serves_no_second_one() {
    let mut store = with_approved(2);
    store.db.execute("UPDATE jobs SET request_key = ?1 WHERE id = 2", params![key(1).as_str()]).unwrap();
    let error = store.begin_send(id(2), key(2), "{}", &guard(), at(2)).unwrap_err();
    assert!(error.to_string().contains("used before"), "{error}");
    assert_eq!(store.ledger_rows().unwrap(), [], "neither of the two was sent yet");
}

#[test]
fn what_goes_out_once_more_counts_once_in_day_session_and_run() {
    let fits = Caps { day: Some(price()), session: Some(price()) };
    let too_small = Credits::from_uc(price().uc() - 1);
    for (caps, held_for) in [
        (fits, None),
        (Caps { day: Some(too_small), ..fits }, Some(CapName::Day)),
        (Caps { session: Some(too_small), ..fits }, Some(CapName::Session)),
    ] {
        for (seconds, day_start) in [(60, -3_600), (4 * 3_600 - 1, -3_600), (4 * 3_600, -3_600), (7_200, 3_600)] {
            let mut store = with_approved(1);
            let budget = store.open_budget(price(), at(0)).unwrap();
            let guard = SendGuard { caps: fits, budget: Some(budget), day_start: at(day_start), ..guard() };
            assert!(matches!(store.begin_send(id(1), key(1), "{}", &guard, at(0)).unwrap(), BeginSend::Go(_)));
            one(&mut store, 1, Update::AnswerLost(Failure::new(ErrorClass::Network, "reset", "")), 1);
            one(&mut store, 1, Update::RepeatsUsedUp("time is up".into()), 2);
            one(&mut store, 1, Update::ListRead { candidates: Vec::new(), server_time: None }, seconds);
            let again = store.begin_resend(id(1), &SendGuard { caps, ..guard }, at(seconds)).unwrap();
            match held_for {
                None => assert!(matches!(again, BeginSend::Go(_)), "{seconds} {day_start}: {again:?}"),
                Some(cap) => assert!(
                    matches!(&again, BeginSend::No(NotNow::Hold(HoldReason::Cap { cap: why, .. })) if *why == cap),
                    "{seconds} {day_start}: {again:?}"
                ),
            }
        }
    }
}

#[test]
fn a_session_that_began_before_the_day_and_the_month_counts_whole_and_they_count_theirs() {
    let mut store = with_approved(4);
    let hour = 3_600;
    // Three before midnight of the first, one after it.
    for (n, when) in [(1, -3 * hour), (2, -2 * hour), (3, -hour), (4, hour)] {
        store.begin_send(id(n), key(u8::try_from(n).unwrap()), "{}", &guard(), at(when)).unwrap();
    }
    let spent = store.spent(at(2 * hour), at(0), at(0)).unwrap();
    assert_eq!((spent.session, spent.day, spent.month), (price() * 4, price(), price()));
    // A session that is over ends neither day nor month.
    let spent = store.spent(at(9 * hour), at(-3 * hour), at(-2 * hour)).unwrap();
    assert_eq!((spent.session, spent.day, spent.month), (Credits::ZERO, price() * 4, price() * 3));
    // Wherever the two begin: the week's first day may be one of the month before.
    let spent = store.spent(at(9 * hour), at(-2 * hour), at(-3 * hour)).unwrap();
    assert_eq!((spent.session, spent.day, spent.month), (Credits::ZERO, price() * 3, price() * 4));
    let spent = store.spent(at(9 * hour), at(hour), at(hour + 1)).unwrap();
    assert_eq!((spent.day, spent.month), (price(), Credits::ZERO), "from its first moment on");
}

#[test]
fn what_the_service_reserves_is_what_counts_from_its_answer_on() {
    let mut store = with_approved(1);
    send(&mut store, 1, 1);
    let counted = |store: &Store| store.spent(at(9), at(0), at(0)).unwrap().day;
    assert_eq!(counted(&store), price());
    let mut report = TaskReport::new(task(1), TaskStatus::Pending);
    report.reserved = Some(price() * 2);
    one(&mut store, 1, Update::Accepted { report: Box::new(report), replayed: false }, 2);
    assert_eq!(counted(&store), price() * 2, "the charge is reserved as before, the amount is another");
}
