//! What happens in a life, drawn from its seed: which processes there are, how each ends, and how all comes home.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mj_enhance::engine::{Command, Consent, Sending, SessionMessage};
use mj_enhance::job::{Caps, Credits, Model, PriceLines};

use super::faults::Faults;
use super::hardness::Hardness;
use super::invariants::after_a_life;
use super::life::{Ended, Fate, Life, Running};
use super::screen::Meant;
use super::service::LEAVING;
use super::world::World;
use super::{Tally, trace};

/// A process that is under way, and what it will meet.
struct Main {
    running: Running,
    fate: Fate,
    /// A run has no keys.
    is_run: bool,
}

/// One life. The error is a list of broken promises.
pub async fn live(seed: u64, most_jobs: usize) -> Result<Tally, String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut hardness = Hardness::from_environment().drawn(&mut rng);
    // A copy that is put back after a day is another matter: its keys are forgotten by then.
    hardness.sleeps &= !hardness.copies_back;
    trace(|| format!("hardness: {:?}", hardness.names()));
    let faults = Faults::drawn(&mut rng, hardness);
    let cap = rng.bool().then(|| Credits::from_uc(54_000 * rng.i64(5..200)));
    let caps = if rng.bool() { Caps { session: None, day: cap } } else { Caps { session: cap, day: None } };
    let world = World::hard(rng.u64(..), faults, hardness);
    world.books.lock().unwrap().list_is_lost = hardness.list_lost;
    world.books.lock().unwrap().remembers_refusals = hardness.refusals_stay;
    let mut life = Life::new(world, fastrand::Rng::with_seed(rng.u64(..)), hardness, caps);
    let first = rng.usize(1..=most_jobs.max(1));
    // Of so many lives one has a disk that is full now and then, and one a clock that is turned.
    let full_disk = rng.u8(0..4) == 0;
    life.turned_clock = rng.u8(0..4) == 0;
    let epochs = rng.usize(1..6);
    let mut tally = Tally::default();
    let mut next = None;
    for epoch in 0..epochs {
        let mut main = match next.take() {
            Some(main) => main,
            None => start(&mut life, &mut rng, epoch, first, full_disk),
        };
        if epoch == 0 {
            // Of both kinds, so that their queue is mixed from the beginning.
            let drafts = rng.usize(0..=first / 2);
            let waits = hardness.unconfirmed && rng.u8(0..4) == 0;
            for (model, count) in [(Model::Enhance, first - drafts), (Model::Draft, drafts)] {
                let lines = PriceLines::one(model, count, model.published_price());
                let act = life.add(model, count, (!waits).then_some(Consent { lines, grace: Duration::ZERO }));
                life.send(&main.running.commands, Some(act));
            }
        }
        live_through(&mut life, &mut main, &mut rng).await?;
        tally.kills += 1;
        next = end(&mut life, main, &mut rng, first, full_disk).await;
        if next.is_none()
            && let Some(copy) = life.copy.take()
        {
            life.put_back(&copy);
        }
    }
    if let Some(main) = next {
        let writing = main.fate.met.load(Ordering::Relaxed);
        main.running.kill().await;
        life.left().await;
        life.nobody_is_left(writing);
    }
    let confirmed = !(hardness.unconfirmed && rng.u8(0..4) == 0);
    come_home(&mut life, confirmed).await?;
    check(&life, confirmed, tally)
}

/// A fresh process: a dashboard, or a run with a limit.
fn start(life: &mut Life, rng: &mut fastrand::Rng, epoch: usize, first: usize, full_disk: bool) -> Main {
    let mut store = life.open_store();
    let is_run = epoch > 0 && life.hardness.limited_runs && rng.bool();
    let limit = Credits::from_uc(27_000 * rng.i64(1..60));
    let sending = if is_run { Sending::UpTo(limit) } else { Sending::WithConsent };
    let world = life.new_process(sending, &store);
    let fate = Fate::of(&mut store, rng, 60 + first, full_disk, &world);
    Main { running: life.lead(sending, store, world), fate, is_run }
}

/// The process lives until it is killed at a moment of a write, or until its time is over. A second dashboard may look on.
async fn live_through(life: &mut Life, main: &mut Main, rng: &mut fastrand::Rng) -> Result<(), String> {
    let lifetime = Duration::from_millis(rng.u64(100..240_000));
    life.reluctant = life.hardness.unconfirmed && rng.bool();
    let looks_on = life.hardness.takeovers && rng.bool() && (life.hardness.early_deaths || is_ready(life).await);
    let companion = looks_on.then(|| {
        let store = life.open_store();
        let world = life.new_process(Sending::WithConsent, &store);
        life.look_on(store, world)
    });
    let died = std::sync::Arc::clone(&main.fate.died);
    let keys = match (&companion, main.is_run) {
        (Some(companion), _) => Some(companion.commands.clone()),
        (None, false) => Some(main.running.commands.clone()),
        (None, true) => None,
    };
    let ended = tokio::select! {
        ended = main.running.over() => Some(ended),
        () = life.act(keys.as_ref()) => None,
        () = died.notified() => None,
        () = tokio::time::sleep(lifetime) => {
            life.world.count("killed at any time");
            None
        }
    };
    // Without a disk it does not start; the next start finds things as they were.
    if let Some(Err(error)) = ended
        && !main.fate.met.load(Ordering::Relaxed)
    {
        return Err(format!("the engine ended: {error}"));
    }
    if let Some(companion) = companion {
        // The first process dies, and the dashboard that looked on goes on.
        main.running.stop_at_once().await;
        life.sender_died(main.fate.met.load(Ordering::Relaxed));
        life.world.count("a dashboard went on in place of a dead process");
        let time = Duration::from_millis(rng.u64(100..90_000));
        let keys = companion.commands.clone();
        let _ = tokio::time::timeout(time, life.act(Some(&keys))).await;
        if rng.bool() { companion.leave().await } else { companion.kill().await }
    }
    Ok(())
}

/// Whether the process that was started has shown its state within a second.
async fn is_ready(life: &Life) -> bool {
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if life.screen.lock().unwrap().status.is_some() {
            return true;
        }
    }
    false
}

/// The process is killed, leaves in order, or leaves while the next one starts already.
async fn end(life: &mut Life, main: Main, rng: &mut fastrand::Rng, first: usize, full_disk: bool) -> Option<Main> {
    let writing = main.fate.met.load(Ordering::Relaxed);
    let quick = life.hardness.quick_restarts && rng.bool() && !writing;
    if !quick {
        let in_order = rng.u8(0..4) == 0;
        if in_order {
            main.running.leave().await;
        } else {
            main.running.kill().await;
        }
        life.left().await;
        life.nobody_is_left(writing);
        return None;
    }
    life.left().await;
    let _ = main.running.commands.send(SessionMessage::Stop);
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    life.nobody_is_left(writing);
    life.world.count("started again while the old process left");
    tokio::time::sleep(Duration::from_millis(rng.u64(0..900))).await;
    let mut store = life.open_store();
    let world = life.new_process(Sending::WithConsent, &store);
    let fate = Fate::of(&mut store, rng, 60 + first, full_disk, &world);
    let running = life.look_on(store, world);
    life.leaving = Some(tokio::task::spawn_local(async move {
        tokio::time::sleep(LEAVING).await;
        main.running.kill().await;
    }));
    Some(Main { running, fate, is_run: false })
}

/// The last start: the world is kind, the user says yes to everything, unless not, and all comes home.
async fn come_home(life: &mut Life, confirmed: bool) -> Result<(), String> {
    life.world.books.lock().unwrap().faults = Faults::default();
    life.reluctant = false;
    if life.hardness.web_pages {
        life.portal(30);
    }
    let store = life.open_store();
    let world = life.new_process(Sending::WithConsent, &store);
    let mut running = life.lead(Sending::WithConsent, store, world);
    let keys = running.commands.clone();
    let user = async {
        life.send(&keys, Some((Command::MaxInFlight(50), Meant::Other)));
        for turn in 0..2_000_u32 {
            tokio::time::sleep(Duration::from_secs(30)).await;
            let status = life.screen.lock().unwrap().status.clone();
            let Some(status) = status else { continue };
            let waits = confirmed && !status.waiting_for_go.is_empty();
            if turn > 2 && status.idle && !waits && status.paused.is_none() {
                break;
            }
            if turn < 3 && confirmed || waits {
                let act = life.go_on();
                life.send(&keys, act);
            } else if status.paused.is_some() {
                life.send(&keys, Some((Command::Resume { jobs: Vec::new(), consent: None }, Meant::GoOn)));
            }
        }
    };
    let ended = tokio::select! {
        ended = running.over() => Some(ended),
        () = user => None,
    };
    running.kill().await;
    match ended {
        Some(Err(error)) => Err(format!("the engine ended: {error}")),
        Some(Ok(())) | None => Ok(()),
    }
}

fn check(life: &Life, confirmed: bool, mut tally: Tally) -> Result<Tally, String> {
    let jobs = life.open_store().jobs().map_err(|error| error.to_string())?;
    let books = life.world.books.lock().unwrap();
    let ended = Ended {
        at: life.world.true_now(),
        confirmed,
        pruned: life.pruned,
        clock_was_turned: books.counted.contains_key("the clock was turned"),
        misses_are_no_evidence: life.hardness.early_misses || life.hardness.web_pages,
    };
    let mut broken = life.screen.lock().unwrap().broken.clone();
    broken.extend(books.broken.iter().cloned());
    broken.extend(after_a_life(&books, &jobs, ended));
    for job in &jobs {
        *tally.ends.entry(job.state()).or_default() += 1;
    }
    tally.jobs += jobs.len() as u64;
    tally.charges += books.tasks.len() as u64;
    for (what, count) in &books.counted {
        *tally.counted.entry(what).or_default() += count;
    }
    if broken.is_empty() { Ok(tally) } else { Err(format!("{:?}\n  {}", life.hardness.names(), broken.join("\n  "))) }
}
