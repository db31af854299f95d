//! The main job, as a new user does it on a terminal and as a script does it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::house::{House, QUICK, assert_whole, signal, until};
use crate::pty::Pty;

/// Two jobs fail, whichever is sent third and ninth; what is run again works.
const SOME_FAIL: &str = r#"
run_seconds = 0.5
picture_size = 48
more_drafts = 10
billing = "honest"
[balance]
account = 1000
[[rules]]
at = [3, 9]
then = { end = "failed", code = "image_processing_error", message = "The picture could not be read." }
"#;

/// How often a phrase is on the screen.
fn times(screen: &str, phrase: &str) -> usize {
    screen.matches(phrase).count()
}

fn two_failed(screen: &str) -> bool {
    times(screen, "✗ failed") == 2 && times(screen, "✓ saved") == 0
}

/// Pastes jobs and goes on to the price box.
fn paste_jobs(pty: &mut Pty, house: &House, count: usize) -> String {
    pty.shows("connected");
    pty.press("a", "add jobs");
    pty.paste(&house.specs(count).join("\n"));
    pty.shows(&format!("{count} ok"));
    // One Enter for a new line, one on the empty line.
    pty.press("\r", "Enter on this empty line shows the price");
    pty.press("\r", &format!("y send {count} jobs"))
}

fn main_job(size: (u16, u16)) {
    let house = House::new(SOME_FAIL);
    let mut pty = Pty::open(&house, size, &[], &[]);
    pty.shows("no jobs yet");
    let price = paste_jobs(&mut pty, &house, 20);
    for word in ["20 × 5.4", "108.0 credits", "1000.0", "892.0", "n back"] {
        assert!(price.contains(word), "{word}: {price}");
    }
    // Enter is no yes.
    pty.press("\r", "y send 20 jobs");
    assert_eq!(house.paid(), 0);
    pty.confirm();
    let screen = pty.until("18 saved, 2 failed", |screen| {
        screen.contains("saved·18") && (screen.contains("failed·2") || screen.contains("fail·2"))
    });
    assert!(screen.contains("in flight 0/20"), "{screen}");

    // The balance follows the ends within seconds.
    pty.shows("balance 902.8");

    // Read why, and what to press.
    pty.keys("6");
    pty.until("the two", two_failed);
    let details = pty.press("\r", "result   failed");
    for word in ["image_processing_error", "R"] {
        assert!(details.contains(word), "{word}: {details}");
    }
    pty.keys("h");
    pty.until("the list", |screen| !screen.contains("result   failed"));
    pty.keys("1");
    pty.shows("✓ saved");
    // Filter to failed, mark all, run again with its price.
    pty.keys("/state:failed");
    pty.until("the two", two_failed);
    pty.press("\r", "/state:failed 2 of 20");
    pty.press("A", "2 marked");
    let price = pty.press("R", "10.8 credits");
    assert!(price.contains("902.8") && price.contains("892.0"), "{price}");
    pty.confirm();
    pty.until("20 saved", |screen| screen.contains("saved·20"));

    // Leave and come back: nothing is missing, nothing is sent.
    pty.keys("q");
    let ended = pty.ended();
    assert_eq!(ended.code, 0);
    ended.assert_restored();
    let pty = Pty::open(&house, size, &[], &[]);
    pty.until("the same as before", |screen| screen.contains("saved·20") && screen.contains("all·22"));
    pty.kill();
    let jobs = house.jobs();
    assert_eq!(jobs.len(), 22);
    jobs.iter().filter(|job| job["state"] == "saved").for_each(assert_whole);
    house.assert_books(&jobs, 22);
    let failed: Vec<&Value> = jobs.iter().filter(|job| job["state"] == "failed").collect();
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|job| job["charge"] == "refunded"), "{failed:?}");
}

#[test]
fn a_new_user_does_the_main_job_at_80_by_24() {
    main_job((80, 24));
}

#[test]
fn a_new_user_does_the_main_job_at_120_by_40() {
    main_job((120, 40));
}

#[test]
fn a_waiting_job_is_cancelled_free_and_a_running_one_is_left_and_watched_again() {
    let house = House::with("run_seconds = 3600\nmore_drafts = 2\n[balance]\naccount = 100\n", "max_in_flight = 1\n");
    let mut pty = Pty::dashboard(&house);
    paste_jobs(&mut pty, &house, 2);
    pty.confirm();
    pty.until("one runs, one waits", |screen| screen.contains("● running") && screen.contains("wait·1"));
    pty.keys("2");
    pty.until("only the waiting one", |screen| !screen.contains("● running"));
    pty.press("x", "cancelled");
    pty.press("3", "● running");
    let box_ = pty.press("x", "stop watching 1?");
    assert!(box_.contains("is charged if it completes"), "{box_}");
    pty.keys("\r");
    pty.confirm();
    pty.shows("1 unwatched");
    pty.until("the service still holds its credits", |screen| screen.contains("reserved 5.4"));
    pty.keys("1");
    pty.shows("unwatched");
    assert_eq!((house.paid(), house.count("cancelled"), house.count("unwatched")), (1, 1, 1));
    // The cursor may stand on either.
    pty.keys("/state:unwatched\r");
    pty.until("only the unwatched one", |screen| !screen.contains("cancelled"));
    pty.keys("w");
    until(|| house.count("running") == 1);
    house.simulator.finish_all();
    pty.shows("saved·1");
    pty.keys("\x1b");
    pty.until("no filter", |screen| !screen.contains("/state:"));
    pty.keys("q");
    pty.ended().assert_restored();
    let jobs = house.jobs();
    house.assert_books(&jobs, 1);
    let free = jobs.iter().find(|job| job["state"] == "cancelled").unwrap();
    assert!(free["charge"].is_null() && free["task_id"].is_null(), "{free}");
}

#[test]
fn leaving_in_the_middle_and_coming_back_sends_nothing_by_itself_and_nothing_twice() {
    let house = House::with("run_seconds = 3600\nmore_drafts = 10\n[balance]\naccount = 1000\n", "max_in_flight = 3\n");
    let mut pty = Pty::dashboard(&house);
    paste_jobs(&mut pty, &house, 10);
    pty.confirm();
    pty.until("three run", |screen| screen.contains("in flight 3/3"));
    until(|| house.count("running") == 3);
    pty.keys("q");
    let ended = pty.ended();
    ended.assert_restored();
    // Leaving says what goes on.
    assert!(ended.screen.contains('3') && ended.screen.contains('7'), "{}", ended.screen);
    house.simulator.finish_all();
    let mut pty = Pty::dashboard(&house);
    pty.until("three are home, seven wait", |screen| {
        screen.contains("saved·3") && screen.contains("7 approved earlier · P sends")
    });
    assert_eq!(house.paid(), 3);
    let price = pty.press("P", "y send 7 jobs");
    assert!(price.contains("37.8 credits"), "{price}");
    assert_eq!(house.paid(), 3);
    pty.confirm();
    until(|| {
        house.simulator.finish_all();
        house.paid() == 10
    });
    house.simulator.finish_all();
    pty.shows("saved·10");
    pty.keys("q");
    pty.ended().assert_restored();
    house.assert_all_saved(10);
}

#[test]
fn a_grace_period_counts_down_and_u_stops_it_with_nothing_sent() {
    let house = House::with(QUICK, "grace = \"10m\"\n");
    let mut pty = Pty::dashboard(&house);
    paste_jobs(&mut pty, &house, 3);
    pty.confirm();
    pty.until("a countdown", |screen| screen.contains("u stops"));
    pty.keys("u");
    until(|| house.count("held") == 3 || house.jobs().is_empty());
    pty.keys("q");
    pty.ended().assert_restored();
    assert_eq!(house.paid(), 0);
}

#[test]
fn the_main_job_by_script_has_the_promised_states_files_and_exit_codes() {
    let house = House::new(SOME_FAIL);
    let file = house.spec_file(20);
    let file = file.to_str().unwrap();
    house.run(&["add", "-f", file, "--json"]).expect(3);
    house.run(&["add", "-f", file, "--yes", "--max-credits", "107.9", "--json"]).expect(3);
    assert!(house.jobs().is_empty());
    let added = house.run(&["add", "-f", file, "--yes", "--max-credits", "108", "--json"]).expect(0).objects();
    assert_eq!(added.iter().filter(|job| job["state"] == "waiting").count(), 20);
    assert_eq!(house.paid(), 0);
    let ran = house.run(&["run", "--until-idle", "--yes", "--max-credits", "108", "--json"]).expect(1);
    let told = ran.objects();
    for (state, count) in [("running", 20), ("saved", 18), ("failed", 2)] {
        assert_eq!(told.iter().filter(|job| job["state"] == state).count(), count, "{state}");
    }
    let jobs = house.jobs();
    jobs.iter().filter(|job| job["state"] == "saved").for_each(assert_whole);
    let failed: Vec<&Value> = jobs.iter().filter(|job| job["state"] == "failed").collect();
    for job in &failed {
        assert_eq!(job["error"]["code"], "image_processing_error");
        assert_eq!(job["charge"], "refunded");
        assert!(job["error"]["next"].as_str().is_some_and(|next| !next.is_empty()), "{job}");
    }
    house.assert_books(&jobs, 20);
    // Again: only what failed, with a yes of its own.
    let mut retry = vec!["retry", "--yes", "--max-credits", "10.8", "--json"];
    retry.extend(failed.iter().map(|job| job["id"].as_str().unwrap()));
    house.run(&retry).expect(0);
    house.run(&["run", "--until-idle", "--yes", "--max-credits", "10.8", "--json"]).expect(0);
    let jobs = house.jobs();
    assert_eq!(jobs.iter().filter(|job| job["state"] == "saved").count(), 20);
    house.assert_books(&jobs, 22);
    // The same file once more is all twice.
    house.run(&["add", "-f", file, "--yes", "--max-credits", "108", "--json"]).expect(0);
    assert_eq!(house.jobs().len(), jobs.len());
}

/// `mj-enhance simulate` as another program sees it.
struct Simulate {
    child: Child,
    about: Value,
}

impl Simulate {
    fn start(house: &House, scenario: &str) -> Self {
        house.program.file("scenario.toml", scenario);
        let mut child = house
            .command(&["simulate", "--port", "0", "--scenario", "scenario.toml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, about: serde_json::from_str(&line).unwrap() }
    }

    fn get(&self, path: &str) -> Value {
        let host = self.about["url"].as_str().unwrap().trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(&answer[answer.find("\r\n\r\n").unwrap()..]).unwrap()
    }
}

#[test]
fn the_simulator_of_the_command_line_serves_the_dashboard() {
    let house = House::new(QUICK);
    let simulate = Simulate::start(&house, QUICK);
    let text = |name: &str| simulate.about[name].as_str().unwrap().to_owned();
    let (url, key) = (text("url"), text("key"));
    let drafts: Vec<String> =
        simulate.about["drafts"].as_array().unwrap().iter().map(|id| format!("{} all", id.as_str().unwrap())).collect();
    let mut pty = Pty::open(&house, (80, 24), &[], &[("EVOLINK_BASE_URL", url.as_str()), ("EVOLINK_API_KEY", key.as_str())]);
    pty.shows("connected");
    pty.press("a", "add jobs");
    pty.paste(&(drafts[..5].join("\n") + "\n"));
    pty.shows("20 ok");
    pty.press("\x04", "y send 20 jobs");
    pty.confirm();
    pty.shows("saved·20");
    pty.keys("q");
    pty.ended().assert_restored();
    let ledger = simulate.get("/sim/ledger");
    let paid: Vec<&Value> = ledger["entries"].as_array().unwrap().iter().filter(|entry| entry["seeded"] == false).collect();
    assert_eq!(paid.len(), 20);
    // Nothing went to the other one, which the file names.
    assert_eq!(house.requests(), 0);
    let mut child = simulate.child;
    signal(child.id(), Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
