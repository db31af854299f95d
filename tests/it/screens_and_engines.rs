//! Screens and headless engines on one store: each sees the others' work, and when the engine dies, another one goes on.

use std::process::Child;
use std::time::{Duration, Instant};

use mj_enhance::store::Store;
use rustix::process::Signal;

use crate::house::{House, QUICK, signal, until};
use crate::pty::Pty;

/// How soon another process is the engine after the last one died.
const TAKEOVER: Duration = Duration::from_secs(5);

fn engine(house: &House) -> Option<u32> {
    Store::engine_pid(&house.program.data())
}

/// Adds these lines on a screen, with a yes.
fn add_on_screen(pty: &mut Pty, specs: &[String]) {
    pty.press("a", "add jobs");
    pty.paste(&(specs.join("\n") + "\n"));
    pty.shows(&format!("{} ok", specs.len()));
    pty.press("\x04", &format!("y send {} job", specs.len()));
    pty.confirm();
    pty.until("the box is closed", |screen| !screen.contains("y send"));
}

#[test]
fn a_second_screen_shows_the_first_ones_progress_and_its_commands_are_acted_upon() {
    let house = House::new("run_seconds = 3600\npicture_size = 48\nmore_drafts = 3\n[balance]\naccount = 1000\n");
    let specs = house.specs(6);
    let mut first = Pty::dashboard(&house);
    first.shows("engine here");
    let mut second = Pty::dashboard(&house);
    second.shows(&format!("engine: pid {}", first.pid()));
    add_on_screen(&mut first, &specs[..3]);
    second.until("what the first one sent", |screen| screen.contains("run·3"));
    // A command of the screen that is no engine: paid by the engine, after a yes to a price here.
    add_on_screen(&mut second, &specs[3..]);
    first.until("what the second one outcomes", |screen| screen.contains("run·6"));
    assert_eq!((house.paid(), engine(&house)), (6, Some(first.pid())));
    // Until this screen has heard of it, `x` would be about a waiting job.
    second.until("what it outcomes itself", |screen| screen.contains("run·6"));
    second.press("x", "stop watching 1?");
    second.confirm();
    first.shows("1 unwatched");
    until(|| house.count("unwatched") == 1);
    // This screen, too, has to hear of it before it can find it.
    second.press("/state:unwatched\r", "◌ unwatched");
    second.keys("w");
    until(|| house.count("unwatched") == 0);
    until(|| house.count("running") == 6);
    // EngineEvent travel fast.
    house.simulator.finish_all();
    first.until("all saved", |screen| screen.contains("saved·6"));
    let begun = Instant::now();
    second.until("all saved", |screen| screen.contains("saved·6"));
    let late = begun.elapsed();
    println!("the second screen shows it {late:?} later");
    assert!(late < Duration::from_secs(3), "{late:?}");
    // The engine leaves in order; the other one takes over and says so.
    first.keys("q");
    first.ended().assert_restored();
    second.shows("engine here");
    second.kill();
    house.assert_all_saved(6);
}

#[test]
fn two_screens_and_a_headless_engine_killed_in_turn_lose_no_job_and_pay_none_twice() {
    let kills: usize = std::env::var("SWITCHES").ok().and_then(|text| text.parse().ok()).unwrap_or(15);
    let rounds = kills.div_ceil(3);
    let scenario = QUICK.replace("more_drafts = 10", &format!("more_drafts = {rounds}"));
    let house = House::new(&scenario);
    let specs = house.specs(rounds * 4);
    let mut slowest = Duration::ZERO;
    let mut switch = |kill: &mut dyn FnMut() -> u32| {
        let begun = Instant::now();
        let dead = kill();
        until(|| engine(&house).is_some_and(|pid| pid != dead) || begun.elapsed() > TAKEOVER * 4);
        let took = begun.elapsed();
        assert!(took < TAKEOVER, "taken over after {took:?}");
        slowest = slowest.max(took);
    };
    let run = || -> Child { house.spawn(&["run", "--yes", "--max-credits", "100000"]) };
    let mut headless = run();
    until(|| engine(&house) == Some(headless.id()));
    for round in 0..rounds {
        let commands = &specs[round * 4..round * 4 + 4];
        let mut screens = [Pty::dashboard(&house), Pty::dashboard(&house)];
        for screen in &screens {
            screen.shows("engine: pid");
        }
        house.program.add(&[commands[0].as_str(), commands[1].as_str()]);
        add_on_screen(&mut screens[round % 2], &commands[2..]);
        // The headless engine dies, and a screen takes over.
        switch(&mut || {
            signal(headless.id(), Signal::KILL);
            headless.wait().unwrap();
            headless.id()
        });
        // Then that screen dies, and the other one takes over.
        let heir = engine(&house).unwrap();
        let [one, two] = screens;
        let (heir, other) = if one.pid() == heir { (one, two) } else { (two, one) };
        let mut heir = Some(heir);
        switch(&mut || {
            let heir = heir.take().unwrap();
            let pid = heir.pid();
            heir.kill();
            pid
        });
        assert_eq!(engine(&house), Some(other.pid()));
        other.shows("engine here");
        // Then that one dies too, and a new headless engine finds the store free.
        let mut other = Some(other);
        switch(&mut || {
            let other = other.take().unwrap();
            let pid = other.pid();
            other.kill();
            headless = run();
            pid
        });
    }
    until(|| house.count("saved") == rounds * 4);
    signal(headless.id(), Signal::TERM);
    assert_eq!(headless.wait().unwrap().code(), Some(130));
    house.assert_all_saved(rounds * 4);
    println!("{} kills, {} jobs, the slowest takeover took {slowest:?}", rounds * 3, rounds * 4);
}
