use super::super::index::tests::job;
use super::*;

pub(in crate::engine) fn options() -> Options {
    Options {
        data_dir: "/nowhere".into(),
        sending: super::super::Sending::WithConsent,
        max_in_flight: 2,
        submit_gap: Duration::ZERO,
        reads_per_minute: 60,
        caps: Caps::default(),
        pause_after_failures: 5,
        callback_url: None,
        fetches_at_once: 1,
        preview_cache: 0,
        first_rows: |_| crate::job::FirstRows::default(),
        time_zone: TimeZone::UTC,
    }
}

pub(in crate::engine) fn error(class: ErrorClass) -> ApiError {
    ApiError {
        class,
        code: "x".into(),
        message: String::new(),
        status: None,
        request_id: None,
        retry_after: None,
        is_json: false,
    }
}

pub(in crate::engine) fn gate() -> Gate {
    Gate::new(60, Duration::ZERO, Instant::now())
}

#[tokio::test(start_paused = true)]
async fn a_read_is_in_the_air_once_and_comes_again_after_an_answer_or_a_panic() {
    let (mut account, mut gate, now) = (Account::new(&options()), gate(), Now::of_test(0));
    account.refresh(now);
    assert_eq!(account.next_read(&mut gate, now), Some(AccountRead::Balance));
    assert_eq!(account.next_read(&mut gate, now), Some(AccountRead::Price(Model::Enhance)));
    assert_eq!(account.next_read(&mut gate, now), None);
    assert_eq!(account.next_deadline(now.at), None, "both are under way");
    // A worker that panics ends like a call that failed.
    assert_eq!(account.on_price(Model::Enhance, &Err(error(ErrorClass::Local)), now), None);
    assert_eq!(account.next_deadline(now.at), Some(now.at + PRICE_EVERY));
    let later = now.after(PRICE_EVERY);
    assert_eq!(account.next_read(&mut gate, later), Some(AccountRead::Price(Model::Enhance)));
    let seen = Seen { amount: Credits::from_uc(7), at: later.wall, there: None };
    assert_eq!(
        account.on_price(Model::Enhance, &Ok(Credits::from_uc(7)), later),
        Some(SettingsChange::Published(Model::Enhance, seen))
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_send_of_a_process_waits_for_the_price_and_not_for_ever() {
    let (mut account, now) = (Account::new(&options()), Now::of_test(0));
    assert!(!account.price_is_known(Model::Enhance, now));
    account.want_price(Model::Enhance, now);
    // What did not even leave, because the gate was closed, is no price that could not be read.
    assert!(!account.price_is_known(Model::Enhance, now.after(PRICE_WAIT * 100)));
    assert_eq!(account.price_deadline(now), None);
    assert_eq!(account.next_read(&mut gate(), now), Some(AccountRead::Price(Model::Enhance)));
    assert_eq!(account.price_deadline(now), Some(now.at + PRICE_WAIT));
    assert!(!account.price_is_known(Model::Enhance, now.after(PRICE_WAIT / 2)));
    assert!(account.price_is_known(Model::Enhance, now.after(PRICE_WAIT)), "the last known price counts");
    assert_eq!([(); 2].map(|()| account.sends_without_price(Model::Enhance)), [true, false], "told once");
    account.on_price(Model::Enhance, &Ok(Credits::PUBLISHED_PRICE), now);
    assert!(account.price_is_known(Model::Enhance, now) && account.price_deadline(now).is_none());
}

#[tokio::test(start_paused = true)]
async fn each_model_waits_for_its_own_price() {
    let (mut account, mut gate, now) = (Account::new(&options()), gate(), Now::of_test(0));
    account.refresh(now);
    account.on_price(Model::Enhance, &Ok(Credits::PUBLISHED_PRICE), now);
    assert_eq!(account.priced(now), [Model::Enhance]);
    assert_eq!(account.next_read(&mut gate, now), Some(AccountRead::Balance));
    assert_eq!(account.next_read(&mut gate, now), None, "no draft is wanted");
    account.want_price(Model::Draft, now);
    assert_eq!(account.next_read(&mut gate, now), Some(AccountRead::Price(Model::Draft)));
    let amount = Credits::from_uc(30_000);
    let change = account.on_price(Model::Draft, &Ok(amount), now).unwrap();
    assert_eq!(account.priced(now), Model::ALL);
    account.change_in_memory(&change);
    assert_eq!(account.prices(), Prices { draft: amount, ..Prices::PUBLISHED });
    assert_eq!(account.on_reserved(Model::Draft, amount, now), None);
    assert!(account.on_reserved(Model::Enhance, amount, now).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_charge_of_before_the_price_moved_is_no_price_of_now_even_where_our_clock_was_turned_back() {
    let (earlier, service) = (Now::of_test(50_000), |second: i64| Timestamp::from_second(1_790_050_000 + second).ok());
    let (old, new) = (Credits::from_uc(59_940), Credits::PUBLISHED_PRICE);
    let mut sent = Job::clone(&job(1, Phase::Running(crate::job::Progress::default())));
    sent.sent_at = Some(earlier.wall);
    let mut account = Account::new(&options());
    let learn = |account: &mut Account, now| {
        let change = account.on_reserved(Model::Enhance, new, now).unwrap();
        account.change_in_memory(&change);
    };
    // Ten hours back by our clock, ten seconds on by the service's.
    learn(&mut account, Now { service: service(10), ..Now::of_test(14_000) });
    assert!(!account.price_moved_since(&sent, old), "by our clock, where the service's was not known at the send");
    sent.send.as_mut().unwrap().last_server_time = service(0);
    assert!(account.price_moved_since(&sent, old) && !account.price_moved_since(&sent, new));
    sent.send.as_mut().unwrap().last_server_time = service(20);
    assert!(!account.price_moved_since(&sent, old), "it was sent since: its charge is news");
    // Its seconds are whole, so the price that was read just before the send may seem to be the later one: ours tells.
    let mut just_before = Account::new(&options());
    learn(&mut just_before, Now { service: service(1), ..Now::of_test(49_999) });
    sent.send.as_mut().unwrap().last_server_time = service(0);
    assert!(!just_before.price_moved_since(&sent, old), "its charge is news");
    // Without the service's clock ours counts.
    let mut without = Account::new(&options());
    learn(&mut without, Now::of_test(60_000));
    assert!(without.price_moved_since(&sent, old));
}

#[tokio::test(start_paused = true)]
async fn the_published_price_counts_where_none_is_known_and_when_it_moves_between_starts_too() {
    let (now, credits) = (Now::of_test(0), Credits::from_uc);
    let start = |settings: &Settings| {
        let mut account = Account::new(&options());
        account.set_settings(settings.clone());
        account
    };
    let mut settings = Settings::default();
    let read = |settings: &mut Settings, price| {
        if let Some(change) = start(settings).on_price(Model::Enhance, &Ok(price), now) {
            change.apply(settings);
        }
        settings.price(Model::Enhance).map(|seen| seen.amount)
    };
    assert_eq!(read(&mut settings, credits(81_000)), Some(credits(81_000)), "a fresh store");
    settings.set_price(Model::Enhance, Seen { amount: credits(70_000), at: now.wall, there: None });
    assert_eq!(read(&mut settings, credits(81_000)), Some(credits(70_000)), "a discount stays while nothing moves");
    assert_eq!(read(&mut settings, credits(90_000)), Some(credits(90_000)), "it moved while nobody looked");
    // Only a reserve is known: the price it was agreed at may be another one by now.
    let mut settings = Settings::default();
    settings.set_price(Model::Enhance, Seen { amount: credits(70_000), at: now.wall, there: None });
    assert_eq!(read(&mut settings, credits(81_000)), Some(credits(81_000)), "what is published is confirmed once");
}

#[tokio::test(start_paused = true)]
async fn a_price_that_cannot_be_named_pauses_and_a_price_that_cannot_be_read_does_not() {
    let now = Now::of_test(0);
    for code in ["price_unclear", "price_unavailable"] {
        let mut account = Account::new(&options());
        let change =
            account.on_price(Model::Enhance, &Err(ApiError { code: code.into(), ..error(ErrorClass::InvalidResponse) }), now);
        assert!(matches!(change, Some(SettingsChange::Pause(PauseReason::NoPrice { .. }))), "{code}");
    }
    let mut account = Account::new(&options());
    assert_eq!(account.on_price(Model::Enhance, &Err(error(ErrorClass::Server)), now), None);
    assert!(!account.price_is_known(Model::Enhance, now));
}

#[test]
fn so_many_jobs_in_a_row_that_end_with_the_same_error_pause_sending() {
    let end = |code: Option<&str>| match code {
        Some(code) => Phase::Failed(crate::job::Failure::of_task(code, "")),
        None => Phase::Saved,
    };
    let run = |codes: &[Option<&str>], after| {
        let mut account = Account::new(&Options { pause_after_failures: after, ..options() });
        codes.iter().filter_map(|code| account.on_end(&end(*code))).count()
    };
    let (a, b) = (Some("service_error"), Some("generation_timeout"));
    assert_eq!(run(&[a, a], 3), 0);
    assert_eq!(run(&[a, a, a], 3), 1);
    assert_eq!(run(&[a, a, a, a], 3), 1, "said once; the next series begins anew");
    assert_eq!(run(&[a, a, b, a, a], 3), 0, "another error begins anew");
    assert_eq!(run(&[a, a, None, a, a], 3), 0, "so does a result");
    assert_eq!(run(&[a; 50], 0), 0, "0 is off");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_down_stops_sending_until_a_free_read_comes_back() {
    let (mut account, mut gate, now) = (Account::new(&options()), gate(), Now::of_test(0));
    assert_eq!(account.on_answer(Some(&error(ErrorClass::Network)), &mut gate, now), None);
    assert!(!account.lets_send());
    assert_eq!(account.next_deadline(now.at), Some(now.at + PROBE_DELAY));
    let later = now.after(PROBE_DELAY);
    assert_eq!(account.next_read(&mut gate, later), Some(AccountRead::Balance));
    account.on_answer(None, &mut gate, later);
    assert!(account.lets_send());
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_pauses_and_a_pause_holds_without_a_disk() {
    let (mut account, mut gate, now) = (Account::new(&options()), gate(), Now::of_test(0));
    let why = account.on_answer(Some(&error(ErrorClass::Login)), &mut gate, now).unwrap();
    assert!(matches!(why, PauseReason::Login { .. }));
    account.change_in_memory(&SettingsChange::Pause(why));
    assert!(!account.lets_send());
}

#[tokio::test(start_paused = true)]
async fn a_429_closes_the_gate_for_all() {
    let (mut account, mut gate, now) = (Account::new(&options()), gate(), Now::of_test(0));
    account.refresh(now);
    account.on_answer(Some(&error(ErrorClass::RateLimited)), &mut gate, now);
    assert!(gate.closed_until(now.at).is_some() && account.next_read(&mut gate, now).is_none());
    assert_eq!(*account.connection(), Connection::Up);
}

#[tokio::test(start_paused = true)]
async fn a_late_charge_is_no_price_of_now_where_a_reserve_told_the_price_again_since() {
    let service = |second: i64| Timestamp::from_second(1_790_050_000 + second).ok();
    let (late, price) = (Credits::from_uc(81_000), Credits::PUBLISHED_PRICE);
    let mut account = Account::new(&options());
    let change = account.on_reserved(Model::Enhance, price, Now { service: service(0), ..Now::of_test(0) }).unwrap();
    account.change_in_memory(&change);
    let sent = |second: i64| {
        let mut job = Job::clone(&job(1, Phase::Running(crate::job::Progress::default())));
        job.sent_at = Some(Now::of_test(second).wall);
        job.send.as_mut().unwrap().last_server_time = service(second);
        job
    };
    // Sent after the price was learned and charged otherwise: that is news.
    assert!(!account.price_moved_since(&sent(10), late));
    assert_eq!(account.price_told_again(Model::Enhance), None);
    // Until a later send is reserved at the price that was known.
    let again = Now { service: service(20), ..Now::of_test(20) };
    assert_eq!(account.on_reserved(Model::Enhance, price, again), None);
    assert!(account.price_moved_since(&sent(10), late) && !account.price_moved_since(&sent(30), late));
    // Whoever starts next is told so, and takes the charge for no news either.
    let change = account.price_told_again(Model::Enhance).unwrap();
    account.change_in_memory(&change);
    let kept = account.settings().price(Model::Enhance).unwrap();
    assert_eq!((kept.amount, kept.at, kept.there), (price, again.wall, service(20)));
    assert!(is_later(&kept, &sent(10)) && !is_later(&kept, &sent(30)));
    assert_eq!(account.price_told_again(Model::Enhance), None, "once");
}

#[tokio::test(start_paused = true)]
async fn an_amount_that_was_told_before_the_price_was_learned_takes_its_place_by_no_way() {
    let service = |second: i64| Timestamp::from_second(1_790_050_000 + second).ok();
    let at = |second: i64| Now { service: service(second), ..Now::of_test(second) };
    let (low, high) = (Credits::PUBLISHED_PRICE, Credits::from_uc(81_000));
    let mut account = Account::new(&options());
    let change = account.on_reserved(Model::Enhance, low, at(0)).unwrap();
    account.change_in_memory(&change);
    // The list moved there and back since the reserve: the price stays as new as it is.
    for (second, price) in [(10, high), (20, low)] {
        let change = account.on_price(Model::Enhance, &Ok(price), at(second)).unwrap();
        account.change_in_memory(&change);
    }
    assert_eq!(account.price_told_again(Model::Enhance), None);
    // A late charge tells no price of now, so one that is made after it is news.
    let mut sent = Job::clone(&job(1, Phase::Running(crate::job::Progress::default())));
    sent.sent_at = Some(at(30).wall);
    sent.send.as_mut().unwrap().last_server_time = service(30);
    assert_eq!(account.on_late_amount(Model::Enhance, low, at(40)), None);
    assert!(!account.price_moved_since(&sent, high));
}

#[tokio::test(start_paused = true)]
async fn the_balance_is_read_again_while_a_job_runs_also_where_none_ran_at_the_last_read() {
    let now = Now::of_test(0);
    let mut account = Account::new(&options());
    account.balance_now(now);
    assert_eq!(account.next_read(&mut gate(), now), Some(AccountRead::Balance));
    account.job_runs(now);
    assert_eq!(account.next_read(&mut gate(), now.after(BALANCE_EVERY)), None, "it is being read");
    let balance = Err(error(ErrorClass::Server));
    account.on_balance(&balance, false, &mut fastrand::Rng::with_seed(1), now);
    account.balance.at = None;
    account.job_runs(now);
    account.job_runs(now.after(Duration::from_secs(30)));
    assert_eq!(account.next_read(&mut gate(), now.after(Duration::from_secs(59))), None);
    assert_eq!(account.next_read(&mut gate(), now.after(BALANCE_EVERY)), Some(AccountRead::Balance));
}
