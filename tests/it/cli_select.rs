//! Jobs by what they have in common, for people and scripts.

use mj_enhance::simulator::{self, Simulator};

use crate::program::{Program, Ran};

/// Three jobs: two waiting with tags, one held.
fn program() -> (Program, Vec<String>) {
    let program = Program::new();
    let draft = "task-unified-1790000100-k3v9q2ad";
    let mut ids = Vec::new();
    for (image, args) in [
        (0, &["--tag", "cats", "--yes", "--max-credits", "6"][..]),
        (1, &["--tag", "dogs", "--yes", "--max-credits", "6"]),
        (2, &["--tag", "cats", "--hold"]),
    ] {
        let spec = format!("{draft}:{image}");
        let ran = program.run(&[&["add", "--json", spec.as_str()], args].concat()).expect(0);
        ids.extend(ran.objects().iter().filter_map(|object| object["id"].as_str().map(str::to_owned)));
    }
    (program, ids)
}

fn listed(program: &Program, args: &[&str]) -> Vec<String> {
    program.run(&[&["list", "-q"], args].concat()).expect(0).stdout.lines().map(str::to_owned).collect()
}

#[test]
fn list_takes_several_states_a_query_and_prints_ids_alone() {
    let (program, ids) = program();
    assert_eq!(listed(&program, &[]), ids);
    assert_eq!(listed(&program, &["-s", "waiting,held"]), ids);
    assert_eq!(listed(&program, &["--state", "held,saved"]), ids[2..]);
    assert_eq!(listed(&program, &["-s", "waiting", "-s", "held", "--tag", "cats"]), [ids[0].clone(), ids[2].clone()]);
    assert_eq!(listed(&program, &["--query", "tag:dogs"]), [ids[1].clone()]);
    assert!(listed(&program, &["--query", "state:failed"]).is_empty());
    for wrong in [&["list", "-s", "waiting,sleeping"][..], &["list", "--query", "nosuchword:x"]] {
        program.run(wrong).expect(2);
    }
}

#[test]
fn acts_take_all_jobs_that_fit_and_say_when_none_does() {
    let (program, ids) = program();
    program.run(&["cancel", "--state", "waiting", "--tag", "cats"]).expect(0);
    assert_eq!(listed(&program, &["-s", "cancelled"]), [ids[0].clone()]);
    program.run(&["cancel", "--query", "tag:dogs"]).expect(0);
    assert_eq!(listed(&program, &["-s", "cancelled"]).len(), 2);
    program.run(&["cancel", "--all"]).expect(0);
    assert_eq!(listed(&program, &["-s", "cancelled"]).len(), 3);
    let ran = program.run(&["cancel", "--all", "--json"]).expect(2);
    assert_eq!(ran.error()["code"], "no_such_job");
    program.run(&["retry", "--state", "cancelled", "--tag", "cats", "--yes", "--max-credits", "11"]).expect(0);
    assert_eq!(listed(&program, &["-s", "waiting"]).len(), 2);
    let before = listed(&program, &[]);
    for wrong in [&["cancel"][..], &["cancel", &ids[0], "--all"], &["retry", "--tag", "x", "--all"]] {
        program.run(wrong).expect(2);
    }
    assert_eq!(listed(&program, &[]), before);
}

#[test]
fn what_drafts_prints_as_specs_can_be_added() {
    let simulator = Simulator::start_in_background(simulator::demo(), 0).unwrap();
    let program = Program::new();
    let mut drafts = program.command();
    drafts.args(["drafts", "--specs"]).env("EVOLINK_BASE_URL", simulator.base_url()).env("EVOLINK_API_KEY", simulator.key());
    let specs = Ran::from(drafts.output().unwrap()).expect(0).stdout;
    assert!(specs.lines().count() >= 5 && specs.lines().any(|line| line.ends_with(" 0-3")), "{specs}");
    let ran =
        Ran::from(program.command().args(["add", "-f", "-", "--hold", "--json"]).write_stdin(specs.clone()).output().unwrap());
    let added = ran.expect(0).objects().len();
    assert!(added >= specs.lines().count() * 3, "{added} of {specs}");
}

#[test]
fn the_list_has_the_dashboards_colours() {
    let (program, ids) = program();
    program.run(&["cancel", &ids[0]]).expect(0);
    let said = program.run(&["list", "--color", "always"]).expect(0).stdout;
    let line = |word: &str| said.lines().find(|line| line.contains(word)).unwrap().to_owned();
    assert!(!line("waiting").contains('\u{1b}'), "{said:?}");
    assert!(line("cancelled").contains("\u{1b}[2m") && line("held").contains("\u{1b}[33m"), "{said:?}");
}
