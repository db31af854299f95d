//! What `--json` prints is what `docs/schema/` and `docs/json.md` promise. Everything that [`Ran::objects`] reads in the other
//! tests is held to the schemas as well.
//!
//! [`Ran::objects`]: crate::program::Ran::objects

use std::collections::BTreeSet;
use std::path::Path;

use mj_enhance::config::OPTIONS;
use mj_enhance::job::State;
use serde_json::{Value, json};

use crate::program::Program;
use crate::schema;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// A recorded line with values for its placeholders.
fn with_figures(line: &str) -> String {
    let mut line = line
        .replace("<time>", "2026-09-21T14:13:20Z")
        .replace("<sha256>", &"ab".repeat(32))
        .replace("<n>", "9")
        .replace("<port>", "40639");
    // `<job-01>` and `<task-01>`: an id of the same form.
    for (beginning, id) in [("<job-", "0000002d"), ("<task-", "task-unified-1790000777-p8w2m5xc")] {
        while let Some((before, rest)) = line.split_once(beginning) {
            line = format!("{before}{id}{}", rest.split_once('>').unwrap().1);
        }
    }
    line
}

/// The words of a shell line that are the program's own arguments.
fn arguments(line: &str) -> Vec<&str> {
    line.split_once("mj-enhance ").map_or(vec![], |(_, rest)| rest.split_whitespace().collect())
}

/// Every recorded object with the schema of the command that printed it.
fn recorded() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut beside: Vec<String> = Vec::new();
    let mut command = String::new();
    for line in read("docs/commands.md").lines() {
        if line.starts_with("## ") {
            beside.clear();
        } else if let Some(typed) = line.strip_prefix("$ ") {
            typed.clone_into(&mut command);
            if typed.ends_with(" &") {
                beside.push(command.clone());
            } else if let Some((_, number)) = typed.split_once("wait %") {
                command.clone_from(&beside[number.parse::<usize>().unwrap() - 1]);
            }
        } else if line.starts_with('{') {
            let value = serde_json::from_str(&with_figures(line)).unwrap_or_else(|error| panic!("{error}: {line}"));
            // What was no command at all can only print an error.
            let file = schema::of_command(arguments(&command)).unwrap_or_else(|| "error.json".to_owned());
            found.push((file, value));
        }
    }
    found
}

#[test]
fn every_recorded_object_fits_the_schema_of_its_command() {
    let recorded = recorded();
    assert!(recorded.len() > 50, "{}", recorded.len());
    for (file, value) in &recorded {
        schema::check(file, value).unwrap_or_else(|wrong| panic!("{wrong}\n{value}"));
    }
    let files: BTreeSet<&str> = recorded.iter().map(|(file, _)| file.as_str()).collect();
    assert!(files.len() > 15, "{files:?}");
}

#[test]
fn every_command_that_prints_objects_has_a_schema() {
    let help = |args: &[&str]| -> Vec<String> {
        let said = Program::new().run(args).expect(0).stdout;
        let lines = said.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        // A line that goes on with the help of the one above begins further right.
        let name = |line: &str| {
            line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.split_whitespace().next().map(str::to_owned)
        };
        lines.filter_map(name).collect()
    };
    let configs = help(&["config", "--help"]).into_iter().map(|name| format!("config-{name}"));
    let commands: Vec<String> = help(&["--help"]).into_iter().chain(configs).collect();
    assert!(commands.len() > 24, "{commands:?}");
    // These print text that is made for a shell, a pager or a person.
    let without = ["config", "completions", "man", "help", "config-help"];
    for command in commands.iter().filter(|command| !without.contains(&command.as_str())) {
        assert!(schema::files().contains_key(&format!("{command}.json")), "{command} has no file in docs/schema");
    }
}

#[test]
fn schemas_are_closed_and_lead_somewhere() {
    for (file, content) in schema::files() {
        assert_eq!(content["$schema"], "https://json-schema.org/draft/2020-12/schema", "{file}");
        schema::walk(file, &mut |part| {
            // A condition names fields without describing the object; what `record` holds is the program's own.
            let describes = part.get("type").is_some_and(|kind| kind == "object") && part.contains_key("properties");
            assert!(!describes || part["additionalProperties"] == false, "{file}: {part:?}");
        });
    }
}

#[test]
fn the_documents_name_every_schema_file() {
    let text = read("docs/json.md");
    for file in schema::files().keys().filter(|file| *file != schema::CONFIG) {
        assert!(text.contains(&format!("schema/{file})")), "docs/json.md does not link {file}");
    }
}

#[test]
fn the_schema_of_a_job_knows_the_states_of_the_program() {
    let listed = &schema::files()["common.json"]["$defs"]["state"]["enum"];
    let words: Vec<&str> = State::ALL.iter().map(|state| state.word()).collect();
    assert_eq!(listed, &json!(words));
}

#[test]
fn a_job_that_breaks_the_promise_is_found() {
    let (_, good) = recorded().into_iter().find(|(_, value)| value["state"] == "saved").unwrap();
    schema::check("job.json", &good).unwrap();
    for (field, value) in [
        ("id", json!("ABC")),
        ("id", json!("0123456789abcdefg")),
        ("state", json!("asleep")),
        ("charge", json!("free")),
        ("credits_charged", json!(5.4)),
        ("credits_charged", json!("5,4")),
        ("created_at", json!("2026-09-21 14:13:20")),
        ("created_at", json!("2026-09-21T14:13:20+02:00")),
        ("image_number", json!(4)),
        ("image_number", json!(null)),
        ("source_task", json!(null)),
        ("progress", json!(101)),
        ("progress", json!(0.5)),
        ("files", json!([{ "path": "/a" }])),
        ("error", json!({ "code": "", "message": "", "next": "" })),
        ("kind", json!("upscale")),
        ("schema", json!(2)),
        ("record", json!({})),
        ("something", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let wrong = schema::check("job.json", &bad).expect_err(field);
        assert!(wrong.contains(field), "{field}: {wrong}");
        assert!(schema::check("list.json", &bad).is_err(), "{field}");
    }
    for field in good.as_object().unwrap().keys() {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(field);
        assert!(schema::check("job.json", &bad).is_err(), "{field} may be left out");
    }
}

#[test]
fn a_draft_job_has_a_prompt_in_place_of_a_picture() {
    let (_, mut job) = recorded().into_iter().find(|(_, value)| value["state"] == "saved").unwrap();
    job["kind"] = json!("draft");
    job["prompt"] = json!("lighthouse in fog");
    job["template"] = json!("{prompt} --q 1");
    schema::check("job.json", &job).unwrap_err();
    job["source_task"] = Value::Null;
    job["image_number"] = Value::Null;
    schema::check("job.json", &job).unwrap();
}

fn configuration(text: &str) -> Result<(), String> {
    let table: toml::Table = text.parse().unwrap();
    schema::check(schema::CONFIG, &serde_json::to_value(table).unwrap())
}

#[test]
fn the_schema_of_the_configuration_knows_every_option_with_its_default() {
    let schema = &schema::files()[schema::CONFIG];
    let example: toml::Table = read("config.example.toml").parse().unwrap();
    for option in OPTIONS {
        let known = &schema["properties"][option.name];
        assert!(known["description"].is_string(), "docs/config.schema.json does not know {}", option.name);
        assert_eq!(known["default"], serde_json::to_value(&example[option.name]).unwrap(), "{}", option.name);
        let in_profile = schema["$defs"]["profile"]["properties"].get(option.name).is_some();
        assert_eq!(in_profile, option.in_profile, "{} in a profile", option.name);
    }
}

#[test]
fn the_schema_of_the_configuration_takes_what_the_program_takes_and_nothing_else() {
    let example = read("config.example.toml");
    configuration(&example).unwrap();
    // Every commented line in force as well.
    let lines = example.lines().map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = ")).unwrap_or(line));
    configuration(&lines.collect::<Vec<_>>().join("\n")).unwrap();
    for good in [
        "cap_day = 64.8",
        "cap_day = 100",
        "cap_day = \"none\"",
        "grace = \"1m30s\"",
        "grace = \"0\"",
        "ascii = true",
        "[profiles.a]\ncap_day = 1",
        "[keys]\nmouse = []",
    ] {
        configuration(good).unwrap_or_else(|wrong| panic!("{good}: {wrong}"));
    }
    for bad in [
        "max_inflight = 4",
        "max_in_flight = 0",
        "max_in_flight = \"4\"",
        "cap_day = -1",
        "cap_day = \"much\"",
        "grace = 5",
        "theme = \"blue\"",
        "mouse = \"yes\"",
        "on_done = \"notify-send\"",
        "base_url = \"https://api.evolink.ai/v1\"",
        "[profiles.a]\ntheme = \"dark\"",
        "[keys]\nmouse = \"m\"",
    ] {
        assert!(configuration(bad).is_err(), "{bad}");
    }
}
