//! `add`: texts in, jobs in the store; all or nothing.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use serde_json::json;

use super::args::AddArgs;
use super::context::Context;
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};
use super::{consent, json, outcomes, wording};
use crate::commands::{Command, JobRef};
use crate::job::{JobId, LineVerdict, Spec, TaskId, Unavailable, check_texts, text};
use crate::store::{Settings, Store};

/// More text than this is no list of drafts.
pub const LONGEST_INPUT: u64 = 64 * 1024 * 1024;

/// Lines with where each came from: all arguments as one text, and one for each file.
#[derive(Default)]
struct Input {
    texts: Vec<String>,
    places: Vec<String>,
}

impl Input {
    fn begin(&mut self) {
        self.texts.push(String::new());
    }

    fn push(&mut self, line: &str, place: String) {
        if let Some(text) = self.texts.last_mut() {
            text.push_str(line);
            text.push('\n');
            self.places.push(place);
        }
    }

    fn place(&self, number: usize) -> String {
        self.places.get(number.saturating_sub(1)).cloned().unwrap_or_default()
    }
}

/// What was left out, and why.
struct LeftOut {
    spec: Spec,
    job: Option<JobId>,
    place: String,
}

/// Records jobs.
pub fn add(args: &AddArgs, context: &Context) -> Outcome {
    if !args.dry_run {
        context.may_write()?;
    }
    let input = gather(args)?;
    if input.places.is_empty() {
        return Err(Problem::input(
            "nothing_given",
            "there is nothing to add",
            "name drafts as arguments, or in a file with -f; `mj-enhance drafts` lists them",
        ));
    }
    // Checked before the store is made: bad input leaves nothing behind.
    let existing = context.store_to_look_into()?;
    let trouble = std::cell::Cell::new(None);
    let mut jobs = None;
    // The short form of a draft that has a job; the jobs are read at the first one.
    let drafts = |short: &str| -> Vec<TaskId> {
        let jobs = jobs.get_or_insert_with(|| match existing.as_ref().map_or_else(|| Ok(Vec::new()), Store::jobs) {
            Ok(jobs) => jobs,
            Err(error) => {
                trouble.set(Some(error));
                Vec::new()
            }
        });
        let found: BTreeSet<&TaskId> = jobs
            .iter()
            .filter_map(|job| job.kind.source())
            .map(|(source, _)| source)
            .filter(|source| source.short() == short)
            .collect();
        found.into_iter().cloned().collect()
    };
    let lines = check_texts(input.texts.iter().map(String::as_str), drafts, |spec| {
        match existing.as_ref().map(|store| store.duplicate(&spec.kind())) {
            None | Some(Ok(None)) => false,
            Some(Ok(Some(_))) => true,
            Some(Err(error)) => {
                trouble.set(Some(error));
                false
            }
        }
    });
    if let Some(error) = trouble.take() {
        return Err(error.into());
    }
    let mut wrong = Vec::new();
    let mut specs = Vec::new();
    let mut left_out = Vec::new();
    let counted = lines.len();
    for line in lines {
        match line.verdict {
            LineVerdict::Wrong(what) => wrong.push((input.place(line.number), what)),
            LineVerdict::Ok(new) => specs.extend(new.into_iter().map(|spec| (spec, input.place(line.number)))),
            LineVerdict::Twice { new, twice } => {
                specs.extend(new.into_iter().map(|spec| (spec, input.place(line.number))));
                if args.again {
                    specs.extend(twice.into_iter().map(|spec| (spec, input.place(line.number))));
                } else {
                    for spec in twice {
                        let job = existing.as_ref().and_then(|store| store.duplicate(&spec.kind()).ok().flatten());
                        left_out.push(LeftOut { spec, job, place: input.place(line.number) });
                    }
                }
            }
        }
    }
    if !wrong.is_empty() {
        let message = match wrong.as_slice() {
            [(place, what)] => format!("{place}: {what}"),
            many => format!("{} of {counted} lines cannot be read", many.len()),
        };
        let lines = wrong;
        return Err(Problem { lines, ..Problem::input("bad_lines", message, "fix them and add again; nothing was stored") });
    }
    if counted == 0 {
        return Err(Problem::input("nothing_given", "there is no draft in what was given", "write one draft id per line"));
    }
    tell_left_out(&left_out, context)?;
    if specs.is_empty() {
        Out::status("Nothing is new; nothing was stored.");
        return Ok(Exit::Ok);
    }
    let settings = existing.as_ref().map_or_else(|| Ok(Settings::default()), Store::settings)?;
    let quote = consent::quote(specs.iter().map(|(spec, _)| spec.kind().model()), &settings);
    if args.dry_run {
        return dry_run(&specs, args, &quote, context);
    }
    let consent = if args.hold { None } else { Some(consent::check(args.consent, &quote, ", or store them with --hold")?) };
    drop(existing);
    let mut store = context.store()?;
    let command = Command::Add {
        specs: specs.iter().map(|(spec, _)| spec.clone()).collect(),
        tag: args.tag.clone(),
        front: args.front,
        again: args.again,
        consent,
    };
    let done = outcomes::perform(&mut store, command, context)?;
    // Another process was quicker.
    let late: Vec<LeftOut> = done.outcome.left_out.iter().filter_map(|(what, why)| left_out_of(what, why, &specs)).collect();
    tell_left_out(&late, context)?;
    if done.changed.is_empty() {
        Out::status("Nothing is new; nothing was stored.");
        return Ok(Exit::Ok);
    }
    let quote = consent::quote_for(&done.changed, &store.settings()?);
    tell_added(&done.changed, consent.is_some(), &consent::quote_words(&quote), context)?;
    Ok(Exit::Ok)
}

fn left_out_of(what: &JobRef, why: &Unavailable, specs: &[(Spec, String)]) -> Option<LeftOut> {
    let JobRef::Kind(kind) = what else { return None };
    let (spec, place) = specs.iter().find(|(spec, _)| spec.kind().same_as(kind))?;
    let job = match why {
        Unavailable::Twice(job) => Some(*job),
        _ => None,
    };
    Some(LeftOut { spec: spec.clone(), job, place: place.clone() })
}

/// Says what was stored and who will act on it; for `retry` too.
pub fn tell_added(jobs: &[crate::job::Job], approved: bool, quote: &str, context: &Context) -> Result<(), Problem> {
    for job in jobs {
        context.out.object(&json::job(job))?;
        if !context.out.json {
            context.out.line(&wording::sentence(job))?;
        }
    }
    tell_next(approved, quote, jobs.len(), context);
    Ok(())
}

/// Says what happens next with what was stored.
pub fn tell_next(approved: bool, quote: &str, count: usize, context: &Context) {
    if approved {
        Out::status(&format!("Stored and approved: {quote}."));
        if let Some(hint) = context.engine_hint() {
            Out::status(&format!(
                "Nothing is sent yet: {}.",
                hint.replace("run --until-idle", "run --until-idle --yes --max-credits N")
            ));
        }
    } else {
        let keymap = super::config_file::keymap(&context.config.keys).unwrap_or_default();
        Out::status(&format!(
            "Stored and held: {}. `mj-enhance release` or {} in the dashboard sends them.",
            text::count(count, "job"),
            keymap.named(crate::tui::keymap::Action::Hold)
        ));
    }
}

fn dry_run(specs: &[(Spec, String)], args: &AddArgs, quote: &crate::job::Quote, context: &Context) -> Outcome {
    for (spec, _) in specs {
        let tag = spec.tag.as_ref().or(args.tag.as_ref()).map(ToString::to_string);
        let would = json!({
            "kind": spec.kind().model().word(), "source_task": spec.source.as_str(), "image_number": spec.image.get(),
            "prompt": null, "template": null, "tag": tag
        });
        context.out.object(&json!({ "schema": json::SCHEMA, "would_add": would }))?;
        if !context.out.json {
            context.out.line(&format!("would add {}:{}", spec.source, spec.image))?;
        }
    }
    context.out.object(&json!({ "schema": json::SCHEMA, "quote": json::quote(quote) }))?;
    Out::status(&format!("{}; nothing was stored.", consent::quote_words(quote)));
    Ok(Exit::Ok)
}

fn tell_left_out(left_out: &[LeftOut], context: &Context) -> Result<(), Problem> {
    for LeftOut { spec, job, place } in left_out {
        let why = job.map_or_else(|| "given before".to_owned(), |job| format!("already added as {job}"));
        Out::status(&format!("{place}: twice: {}:{} {why}; skipped (`--again` adds it anyway)", spec.source.short(), spec.image));
        let twice = json!({
            "source_task": spec.source.as_str(), "image_number": spec.image.get(), "prompt": null,
            "job": job.map(|job| job.to_string()), "line": place
        });
        context.out.object(&json!({ "schema": json::SCHEMA, "twice": twice }))?;
    }
    Ok(())
}

fn gather(args: &AddArgs) -> Result<Input, Problem> {
    let mut input = Input::default();
    // What a script left empty was to name a draft or its pictures: without it another picture would be meant.
    if let Some(at) = args.specs.iter().position(|spec| spec.trim().is_empty()) {
        return Err(Problem::input(
            "bad_lines",
            format!("argument {} is empty", at + 1),
            "leave it out, or name a draft or its pictures in it; nothing was stored",
        ));
    }
    input.begin();
    for (number, spec) in join_pictures(&args.specs) {
        for line in spec.lines() {
            input.push(line, format!("argument {number}"));
        }
    }
    for file in &args.file {
        let (shown, content) = read_text(file, LONGEST_INPUT, "stored")?;
        input.begin();
        for (index, line) in content.lines().enumerate() {
            input.push(line, format!("{shown} line {}", index + 1));
        }
    }
    Ok(input)
}

/// The text of a file of at most so many bytes, `-` for stdin, with the name to call it by. `done`: what was not done where it
/// cannot be read, like "stored".
pub fn read_text(file: &Path, most: u64, done: &str) -> Result<(String, String), Problem> {
    let is_stdin = file.as_os_str() == "-";
    let shown = if is_stdin { "stdin".to_owned() } else { text::clean(&file.display().to_string()).into_owned() };
    let bytes = read(file, is_stdin, most).map_err(|error| {
        let next = format!("name another file; nothing was {done}");
        Problem::input("unreadable_file", format!("{shown} cannot be read: {error}"), next)
    })?;
    match String::from_utf8(bytes) {
        Ok(content) => Ok((shown, content)),
        Err(error) => {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = valid.split(|byte| *byte == b'\n').count();
            Err(Problem::input(
                "bad_lines",
                format!("{shown} line {line}: this is not UTF-8 text"),
                format!("save the file as UTF-8; nothing was {done}"),
            ))
        }
    }
}

fn read(file: &Path, is_stdin: bool, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if is_stdin {
        std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file)?.take(most + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > most {
        return Err(std::io::Error::other(format!("it is larger than {} MB, which is no list", most / (1024 * 1024))));
    }
    Ok(bytes)
}

/// Arguments with their numbers; picture numbers that stand alone belong to the id before them, as in `add ID 0,2`.
fn join_pictures(specs: &[String]) -> Vec<(usize, String)> {
    let is_pictures = |text: &str| {
        text.eq_ignore_ascii_case("all")
            || (!text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '-')))
    };
    let mut joined: Vec<(usize, String)> = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        match joined.last_mut() {
            Some((_, before)) if is_pictures(spec) && !before.contains(['\n', ',', ':', '{']) => {
                before.push(' ');
                before.push_str(spec);
            }
            _ => joined.push((index + 1, spec.clone())),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_after_an_id_belong_to_it() {
        let specs: Vec<String> = ["a", "0,2", "b:1", "c", "all"].map(str::to_owned).to_vec();
        let joined: Vec<(usize, String)> = join_pictures(&specs);
        assert_eq!(joined, [(1, "a 0,2".to_owned()), (3, "b:1".to_owned()), (4, "c all".to_owned())]);
    }
}
