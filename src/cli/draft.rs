//! `draft`: prompts in, draft jobs in the store; all or nothing.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::args::DraftArgs;
use super::context::{Context, now};
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};
use super::{add, consent, json, outcomes};
use crate::commands::{Command, JobRef};
use crate::job::prompt::{PromptError, PromptRemark, PromptVerdict, check_prompts, parse_line, repaired};
use crate::job::{JobId, JobKind, Model, Prompt, Quote, Unavailable, text};
use crate::store::{Settings, Store};
use crate::tui::prompt_wording;

/// A line or an argument that counts.
struct Line {
    place: String,
    text: String,
    verdict: Result<(Vec<Prompt>, Vec<PromptRemark>), Vec<PromptError>>,
}

/// A prompt to be drafted.
struct New {
    prompt: Prompt,
    template: Option<String>,
    place: String,
}

/// A prompt that is left out, and who has it.
struct Twice {
    prompt: Prompt,
    job: Option<JobId>,
    place: String,
}

/// Records draft jobs.
pub fn draft(args: &DraftArgs, context: &Context) -> Outcome {
    if !args.dry_run {
        context.may_write()?;
    }
    let lines = gather(args)?;
    if lines.is_empty() {
        return Err(Problem::input(
            "nothing_given",
            "there is no prompt in what was given",
            "give a prompt in quotes, or one a line in a file with -f",
        ));
    }
    refuse_wrong(&lines)?;
    // Checked before the store is made: bad input leaves nothing behind.
    let existing = context.store_to_read()?;
    let (new, twice) = sort(&lines, args.again, existing.as_ref())?;
    tell_remarks(&lines);
    tell_made_before(&new, existing.as_ref())?;
    tell_twice(&twice, context)?;
    if new.is_empty() {
        Out::status("Nothing is new; nothing was stored.");
        return Ok(Exit::Ok);
    }
    let times = args.times as usize;
    let settings = existing.as_ref().map_or_else(|| Ok(Settings::default()), Store::settings)?;
    let quote = consent::quote(std::iter::repeat_n(Model::Draft, new.len() * times), &settings);
    if args.dry_run {
        return dry_run(&new, args, &quote, context);
    }
    let consent = if args.hold { None } else { Some(consent::check(args.consent, &quote, ", or store them with --hold")?) };
    drop(existing);
    let mut store = context.store()?;
    let each = |new: &New| std::iter::repeat_n((new.prompt.clone(), new.template.clone()), times);
    let command = Command::Draft {
        prompts: new.iter().flat_map(each).collect(),
        tag: args.tag.clone(),
        front: args.front,
        again: args.again || times > 1,
        consent,
    };
    let done = outcomes::perform(&mut store, command, context)?;
    // Another process was quicker.
    let late: Vec<Twice> = done.outcome.left_out.iter().filter_map(|(what, why)| left_out(what, why, &new)).collect();
    tell_twice(&late, context)?;
    if done.changed.is_empty() {
        Out::status("Nothing is new; nothing was stored.");
        return Ok(Exit::Ok);
    }
    let quote = consent::quote_for(&done.changed, &store.settings()?);
    add::tell_added(&done.changed, consent.is_some(), &consent::quote_words(&quote), context)?;
    Ok(Exit::Ok)
}

/// One argument is one prompt; in files each line is one.
fn gather(args: &DraftArgs) -> Result<Vec<Line>, Problem> {
    let argument = |(index, typed): (usize, &String)| Line {
        place: format!("argument {}", index + 1),
        text: typed.trim().to_owned(),
        verdict: parse_line(typed),
    };
    let mut lines: Vec<Line> = args.prompts.iter().enumerate().map(argument).collect();
    for file in &args.file {
        let (shown, content) = add::read_text(file, add::LONGEST_INPUT, "stored")?;
        // Doubles are found over all that is given, not in each file.
        lines.extend(check_prompts(&content, |_| false).into_iter().map(|line| Line {
            place: format!("{shown} line {}", line.number),
            verdict: match line.verdict {
                PromptVerdict::Wrong(errors) => Err(errors),
                PromptVerdict::Ok { .. } => parse_line(&line.text),
            },
            text: line.text,
        }));
    }
    Ok(lines)
}

fn refuse_wrong(lines: &[Line]) -> Result<(), Problem> {
    let wrong: Vec<(String, String)> = lines
        .iter()
        .filter_map(|line| {
            let errors = line.verdict.as_ref().err()?;
            let said: Vec<String> = errors.iter().map(|error| what_is_wrong(error, &line.text)).collect();
            Some((line.place.clone(), said.join("; ")))
        })
        .collect();
    let message = match wrong.as_slice() {
        [] => return Ok(()),
        [(place, what)] => format!("{place}: {what}"),
        many => format!("{} of {} prompts cannot be drafted", many.len(), lines.len()),
    };
    Err(Problem { lines: wrong, ..Problem::input("bad_lines", message, "fix them and try again; nothing was stored") })
}

/// In the dashboard's words, but where those name a key.
fn what_is_wrong(error: &PromptError, line: &str) -> String {
    let instead = || repaired(line).map_or_else(String::new, |line| format!("; write {line:?}"));
    match error {
        PromptError::UnsafeCharacter { position, .. } => format!("invisible character at {position}{}", instead()),
        PromptError::LongDash { written, .. } => format!("{written} begins with a long dash{}", instead()),
        PromptError::Misspelled { written, .. } => format!("{written} would count as words{}", instead()),
        other => prompt_wording::error(other),
    }
}

/// What is new, and what is left out: given before, or on its way in the store.
fn sort(lines: &[Line], again: bool, store: Option<&Store>) -> Result<(Vec<New>, Vec<Twice>), Problem> {
    let (mut new, mut twice, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for line in lines {
        let Ok((prompts, _)) = &line.verdict else { continue };
        let template = prompts.iter().any(|prompt| prompt.as_str() != line.text).then(|| line.text.clone());
        for prompt in prompts {
            let given_before = !seen.insert(prompt);
            let kind = JobKind::Draft { prompt: prompt.clone(), template: None };
            let job = store.map_or(Ok(None), |store| store.duplicate(&kind))?;
            if (given_before || job.is_some()) && !again {
                twice.push(Twice { prompt: prompt.clone(), job, place: line.place.clone() });
            } else {
                new.push(New { prompt: prompt.clone(), template: template.clone(), place: line.place.clone() });
            }
        }
    }
    Ok((new, twice))
}

fn tell_remarks(lines: &[Line]) {
    for line in lines {
        let remarks = line.verdict.as_ref().map_or(&[][..], |(_, remarks)| remarks);
        for remark in remarks {
            Out::status(&format!("{}: {}", line.place, prompt_wording::remark(remark)));
        }
    }
}

/// A prompt that was made before and saved is no double, only said.
fn tell_made_before(new: &[New], store: Option<&Store>) -> Result<(), Problem> {
    let Some(store) = store else { return Ok(()) };
    let mut told = HashSet::new();
    for New { prompt, place, .. } in new {
        if let Some(made) = store.made_before(prompt)?.filter(|_| told.insert(prompt)) {
            let times = text::count(made.times, "time");
            Out::status(&format!("{place}: made {times}, last {}", clock(made.last, now(), &TimeZone::system())));
        }
    }
    Ok(())
}

/// `14:03` today, else with the day.
fn clock(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (local, today) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    local.strftime(if local.date() == today.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" }).to_string()
}

fn left_out(what: &JobRef, why: &Unavailable, new: &[New]) -> Option<Twice> {
    let JobRef::Kind(JobKind::Draft { prompt, .. }) = what else { return None };
    let place = new.iter().find(|new| new.prompt == *prompt)?.place.clone();
    let job = if let Unavailable::Twice(job) = why { Some(*job) } else { None };
    Some(Twice { prompt: prompt.clone(), job, place })
}

fn tell_twice(twice: &[Twice], context: &Context) -> Result<(), Problem> {
    for Twice { prompt, job, place } in twice {
        let why = job.map_or_else(|| "given before".to_owned(), |job| format!("on its way as {job}"));
        let label = JobKind::Draft { prompt: prompt.clone(), template: None }.label();
        Out::status(&format!("{place}: twice: {label} {why}; skipped (`--again` drafts it anyway)"));
        let twice = json!({
            "source_task": null, "image_number": null, "prompt": prompt.as_str(), "job": job.map(|job| job.to_string()), "line": place
        });
        context.out.object(&json!({ "schema": json::SCHEMA, "twice": twice }))?;
    }
    Ok(())
}

fn dry_run(new: &[New], args: &DraftArgs, quote: &Quote, context: &Context) -> Outcome {
    let tag = args.tag.as_ref().map(ToString::to_string);
    for New { prompt, template, .. } in new {
        for _ in 0..args.times {
            let would = json!({
                "kind": Model::Draft.word(), "source_task": null, "image_number": null, "prompt": prompt.as_str(),
                "template": template, "tag": tag
            });
            context.out.object(&json!({ "schema": json::SCHEMA, "would_add": would }))?;
            if !context.out.json {
                context.out.line(&format!("would draft {prompt}"))?;
            }
        }
    }
    context.out.object(&json!({ "schema": json::SCHEMA, "quote": json::quote(quote) }))?;
    Out::status(&format!("{}; nothing was stored.", consent::quote_words(quote)));
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(prompts: &[&str]) -> DraftArgs {
        use clap::Parser as _;
        let line = ["mj-enhance", "draft"].iter().chain(prompts);
        match super::super::args::Cli::try_parse_from(line).unwrap().command {
            Some(super::super::args::Command::Draft(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wrong_prompts_are_named_with_their_places_and_what_to_write() {
        let lines = gather(&args(&["a boat", "old pier —ar 3:2", "", "old pier --q 4"])).unwrap();
        let problem = refuse_wrong(&lines).unwrap_err();
        assert_eq!((problem.exit, problem.code), (Exit::BadInput, "bad_lines"));
        assert_eq!(problem.message, "3 of 4 prompts cannot be drafted");
        let lines: Vec<String> = problem.lines.iter().map(|(place, what)| format!("{place}: {what}")).collect();
        assert_eq!(
            lines,
            [
                "argument 2: —ar begins with a long dash; write \"old pier --ar 3:2\"",
                "argument 3: empty",
                "argument 4: --q changes the price: not in a draft",
            ]
        );
    }

    #[test]
    fn choices_stand_for_several_prompts_and_doubles_are_left_out_over_all_lines() {
        let lines = gather(&args(&["{red, blue} boat", "red boat"])).unwrap();
        let (new, twice) = sort(&lines, false, None).unwrap();
        let shown: Vec<_> = new.iter().map(|new| (new.prompt.as_str(), new.template.as_deref())).collect();
        assert_eq!(shown, [("red boat", Some("{red, blue} boat")), ("blue boat", Some("{red, blue} boat"))]);
        assert_eq!(twice.len(), 1);
        assert_eq!(sort(&lines, true, None).unwrap().0.len(), 3, "asked for");
    }

    #[test]
    fn a_moment_of_today_is_a_time_and_an_earlier_one_has_its_day() {
        let now: Timestamp = "2026-11-27T15:00:00Z".parse().unwrap();
        assert_eq!(clock("2026-11-27T14:03:09Z".parse().unwrap(), now, &TimeZone::UTC), "14:03");
        assert_eq!(clock("2026-11-26T14:03:09Z".parse().unwrap(), now, &TimeZone::UTC), "2026-11-26 14:03");
    }
}
