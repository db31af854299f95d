//! Drafts, from the prompt to four files on disk, and the drafts of other programs: through the real engine and the real binary.

use std::time::Duration;

use mj_enhance::engine::{Command, Consent, StartMode};
use mj_enhance::job::{JobKind, Model, PriceLines, Prompt, State, TaskId};
use mj_enhance::simulator::{End, Route};
use serde_json::Value;

use crate::house::{House, QUICK, assert_whole};
use crate::stage::{DRAFT, FAST, OTHER_DRAFT, Setup, Stage};

const RUN: [&str; 5] = ["run", "--until-idle", "--yes", "--max-credits", "1000"];

fn drafted(house: &House, prompt: &str) -> Value {
    house.run(&["draft", prompt, "--tag", "harbour", "--yes", "--max-credits", "2.7"]).expect(0);
    house.run(&RUN);
    house.jobs().remove(0)
}

#[test]
fn a_prompt_becomes_four_files_that_can_be_chosen_from() {
    let house = House::new(QUICK);
    let added = house.run(&["draft", "{red, blue} boat --ar 3:2", "--hold", "--json"]).expect(0).objects();
    assert_eq!(added.len(), 2);
    assert_eq!((&added[1]["prompt"], &added[1]["template"]), (&"blue boat --ar 3:2".into(), &"{red, blue} boat --ar 3:2".into()));
    let id = added[1]["id"].as_str().unwrap();
    house.run(&["release", id, "--yes", "--max-credits", "2.7"]).expect(0);
    house.run(&RUN).expect(0);
    let job = house.jobs().into_iter().find(|job| job["state"] == "saved").unwrap();
    assert_whole(&job);
    assert_eq!((house.paid(), job["files"].as_array().unwrap().len()), (1, 4));
    let task = job["task_id"].as_str().unwrap();
    for (n, file) in job["files"].as_array().unwrap().iter().enumerate() {
        let path = file["path"].as_str().unwrap();
        assert!(path.contains("/drafts/") && path.contains(&format!("/untagged/{task}-{n}.")), "{path}");
    }
    let beside = std::fs::read_to_string(format!("{}.json", job["files"][0]["path"].as_str().unwrap())).unwrap();
    let beside: Value = serde_json::from_str(&beside).unwrap();
    assert_eq!((&beside["kind"], &beside["prompt"]), (&"draft".into(), &"blue boat --ar 3:2".into()));
    assert_eq!(beside["template"], "{red, blue} boat --ar 3:2");

    let drafts = house.run(&["drafts", "--json"]).expect(0).objects();
    let ours = drafts.iter().find(|draft| draft["draft"] == "ours").unwrap();
    assert_eq!(
        (&ours["source_task"], &ours["prompt"], ours["files"].as_array().unwrap().len()),
        (&task.into(), &job["prompt"], 4)
    );
    let choice = house.program.file("choice.jsonl", &format!("{{\"source_task\":\"{task}\",\"image_number\":2}}\n"));
    house.run(&["add", "-f", choice.to_str().unwrap(), "--yes", "--max-credits", "5.4"]).expect(0);
    house.run(&RUN).expect(0);
    assert_eq!((house.paid(), house.count("saved")), (2, 2));
    let drafts = house.run(&["drafts", "--json"]).expect(0).objects();
    let ours = drafts.iter().find(|draft| draft["draft"] == "ours").unwrap();
    assert_eq!((&ours["jobs"][0]["image_number"], &ours["jobs"][0]["state"]), (&2.into(), &"saved".into()));
}

#[test]
fn moderation_takes_a_picture_or_the_whole_prompt() {
    let strict = format!(
        "{QUICK}[[rules]]\nprompt = \"blood\"\nthen = {{ refuse = \"content_policy_violation\", message = \"Refused.\" }}\n\
         [[rules]]\nprompt = \"crowd\"\nthen = {{ removed = [1] }}\n"
    );
    let house = House::new(&strict);
    let crowd = drafted(&house, "a crowd at dawn");
    assert_eq!((&crowd["state"], crowd["files"].as_array().unwrap().len()), (&"saved".into(), 3));
    assert_eq!(crowd["credits_charged"], "2.7");
    let house = House::new(&strict);
    let refused = drafted(&house, "Blood, on snow");
    assert_eq!((&refused["state"], &refused["error"]["code"]), (&"failed".into(), &"content_policy_violation".into()));
    assert!(refused["error"]["next"].as_str().unwrap().contains("another prompt"));
    house.run(&RUN);
    assert_eq!((house.paid(), house.jobs().len()), (0, 1), "it is not tried again by itself");
}

#[test]
fn a_prompt_is_a_double_while_it_is_on_its_way_and_only_mentioned_when_it_was_saved() {
    let house = House::new(QUICK);
    house.run(&["draft", "old pier", "--hold"]).expect(0);
    let ran = house.run(&["draft", "old pier", "--hold"]).expect(0);
    assert!(ran.stderr.contains("twice") && ran.stderr.contains("--again"), "{}", ran.stderr);
    assert_eq!(house.jobs().len(), 1);
    house.run(&["release", "--all", "--yes", "--max-credits", "2.7"]).expect(0);
    house.run(&RUN).expect(0);
    let ran = house.run(&["draft", "old pier", "--hold", "-n", "2"]).expect(0);
    assert!(ran.stderr.contains("made 1 time, last "), "{}", ran.stderr);
    assert_eq!(house.jobs().len(), 3);
}

#[test]
fn nothing_is_stored_without_a_confirmation_or_with_a_wrong_prompt() {
    let house = House::new(QUICK);
    for args in
        [&["draft", "old pier"][..], &["draft", "old pier", "--yes"], &["draft", "old pier", "--yes", "--max-credits", "2"]]
    {
        house.run(args).expect(3);
    }
    let file = house.program.file("prompts.txt", "old pier\nold pier --q 4\n");
    let ran = house.run(&["draft", "-f", file.to_str().unwrap(), "--hold"]).expect(2);
    assert!(ran.stderr.contains("line 2: --q changes the price"), "{}", ran.stderr);
    let ran = house.run(&["draft", "old", "pier", "--ar", "3:2", "--hold"]).expect(2);
    assert!(ran.stderr.contains("put the prompt in quotes"), "{}", ran.stderr);
    assert!(!house.program.data().join("mj-enhance.db").exists());
}

#[test]
fn the_drafts_of_others_are_saved_when_asked_for() {
    let house = House::new(FAST);
    let drafts = house.run(&["drafts", "--save", "--json"]).expect(0).objects();
    assert_eq!(drafts.len(), 2);
    for draft in &drafts {
        assert_eq!((&draft["draft"], draft["files"].as_array().unwrap().len()), (&"likely".into(), 4), "{draft}");
        assert!(draft["files"][0]["path"].as_str().unwrap().contains("/drafts/"));
    }
    assert_eq!(house.paid(), 0);
    let refused = house.run(&["drafts", "--save", "--read-only"]).expect(2);
    assert!(refused.stderr.contains("--read-only"), "{}", refused.stderr);
}

fn draft_of(prompt: &str) -> Command {
    let lines = PriceLines::one(Model::Draft, 1, Model::Draft.published_price());
    let consent = Some(Consent { lines, grace: Duration::ZERO });
    let prompts = vec![(Prompt::new(prompt).unwrap(), None)];
    Command::Draft { prompts, tag: None, front: false, again: false, consent }
}

#[test]
fn the_pictures_of_a_draft_are_saved_if_the_program_starts_again_an_hour_before_their_links_expire() {
    let mut stage = Stage::start(&FAST.replace("0.3", "3600"), Setup::default());
    stage.send(draft_of("old pier"));
    stage.until("it runs", |stage| stage.count(State::Running) == 1);
    let task = stage.job().task.clone().unwrap();
    stage.stop();
    assert!(stage.simulator().end_task(task.as_str(), End::Completed));
    stage.pass(Duration::from_hours(23));
    stage.open().unwrap();
    stage.until("it is saved", |stage| stage.count(State::Saved) == 1);
    let job = stage.job();
    assert_eq!(job.files.len(), 4);
    assert!(matches!(&job.kind, JobKind::Draft { .. }));
    assert!(job.files.iter().all(|file| file.path.exists()));
}

fn previews(stage: &Stage) -> usize {
    std::fs::read_dir(stage.data_dir().join("previews")).map_or(0, Iterator::count)
}

#[test]
fn other_programs_drafts_are_listed_while_shown_and_their_pictures_come_when_looked_at() {
    let mut stage = Stage::start(FAST, Setup::default());
    let lists = |stage: &Stage| stage.simulator().counts().of(Route::List);
    stage.until("the engine is there", |stage| stage.status.is_some());
    assert_eq!(lists(&stage), 0, "nobody shows drafts");
    stage.session.as_ref().unwrap().show_drafts(true);
    stage.until("both are told", |stage| stage.drafts.listed_at.is_some() && stage.drafts.rows.len() == 2);
    stage.until("with their links", |stage| stage.drafts.rows.iter().all(|row| row.links.len() == 4));
    assert_eq!(previews(&stage), 0, "nobody looked");
    let task = TaskId::new(DRAFT).unwrap();
    stage.session.as_ref().unwrap().look_at_draft(task.clone());
    let files = |stage: &Stage, id: &str| {
        let row = stage.drafts.rows.iter().find(|row| row.task.as_str() == id);
        row.map_or(0, |row| row.files.iter().filter(|(_, path)| path.exists()).count())
    };
    stage.until("the pictures", |stage| files(stage, DRAFT) == 4);
    assert_eq!((files(&stage, OTHER_DRAFT), previews(&stage)), (0, 4), "no side files");

    // A second dashboard sees the same and asks the engine; one that only looks fetches nothing.
    let mut second = stage.companion();
    second.open().unwrap();
    second.session.as_ref().unwrap().show_drafts(true);
    second.until("the second sees them", |second| files(second, DRAFT) == 4);
    let mut watcher = stage.companion();
    watcher.setup.join = StartMode::ReadOnly;
    watcher.open().unwrap();
    watcher.session.as_ref().unwrap().show_drafts(true);
    watcher.session.as_ref().unwrap().look_at_draft(TaskId::new(OTHER_DRAFT).unwrap());
    watcher.until("so does the third", |watcher| files(watcher, DRAFT) == 4);
    second.session.as_ref().unwrap().look_at_draft(TaskId::new(OTHER_DRAFT).unwrap());
    second.until("the engine fetched for the second", |second| files(second, OTHER_DRAFT) == 4);

    let tasks = vec![task];
    second.send(Command::HideDrafts { tasks, hidden: true });
    stage.until("hidden for all", |stage| stage.drafts.rows.iter().any(|row| row.hidden));
    watcher.until("also there", |watcher| watcher.drafts.rows.iter().any(|row| row.hidden));
}

#[test]
fn a_task_whose_price_says_that_it_was_no_draft_is_held_before_a_credit_is_spent() {
    let scenario = FAST.replace(&format!("id = \"{DRAFT}\""), &format!("id = \"{DRAFT}\"\nspeed = \"fast\""));
    let mut stage = Stage::start(&scenario, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    stage.until("it is held", |stage| stage.count(State::Held) == 1);
    assert!(stage.job().reason().unwrap().contains("its price says it was no draft"));
    assert_eq!(stage.simulator().counts().of(Route::Submit), 0);
}
