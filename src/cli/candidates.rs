//! What a shell offers on Tab beyond the words of the command line: the jobs, tags and profiles that are there.
//!
//! Tab must neither wait nor complain: what cannot be read within [`PATIENCE`] is not offered, and nothing is written or asked
//! of the service. The folder is the one that the typed line, the environment and the configuration name.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use clap_complete::CompletionCandidate;

use crate::config::{self, Environment, Flags, OPTIONS, OptionInfo, Reading};
use crate::job::{Job, Tag};
use crate::store::{Access, Store};

/// How long a Tab may take; less than a person notices as waiting.
const PATIENCE: Duration = Duration::from_millis(400);

/// Most that is offered for one word: more than a screen of them helps nobody.
const MOST: usize = 200;

/// Ids of the jobs that the typed command can do something to, open ones first.
pub fn jobs(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = current.to_str().map(str::to_ascii_lowercase) else { return Vec::new() };
    let line = Line::of_process();
    in_time(move || {
        let store = line.store()?;
        let found = if typed.is_empty() {
            // More than are offered: which of them suit the command is seen only then.
            let open = store.first_jobs(10 * MOST).ok()?;
            let over = store.jobs_over(None, 10 * MOST).ok()?;
            open.into_iter().chain(over).collect()
        } else {
            store.find(&typed).ok()?
        };
        let fits = |job: &Job| line.suits(job) && job.id.to_string().starts_with(&typed);
        Some(found.iter().filter(|job| fits(job)).take(MOST).map(job_candidate).collect())
    })
}

fn job_candidate(job: &Job) -> CompletionCandidate {
    let tag = job.tag.as_ref().map_or_else(String::new, |tag| format!(" {tag}"));
    CompletionCandidate::new(job.id.to_string()).help(Some(format!("{}{tag}", job.state()).into()))
}

/// Tags that jobs have. One that a shell would take apart is left out.
pub fn tags(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = current.to_str().map(str::to_owned) else { return Vec::new() };
    let line = Line::of_process();
    in_time(move || {
        let tags = line.store()?.tags(10 * MOST).ok()?;
        let fits = |tag: &String| tag.starts_with(&typed) && is_one_word(tag) && Tag::new(tag).is_ok();
        Some(tags.into_iter().filter(fits).take(MOST).map(CompletionCandidate::new).collect())
    })
}

/// Profiles of the configuration.
pub fn profiles(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = current.to_str().map(str::to_owned) else { return Vec::new() };
    // The one that is being typed is not there yet.
    let line = Line::of_process();
    in_time(move || {
        let profiles = line.reading()?.profiles;
        let fits = |name: &String| name.starts_with(&typed) && is_one_word(name);
        Some(profiles.into_iter().filter(fits).take(MOST).map(CompletionCandidate::new).collect())
    })
}

/// Options of the configuration.
pub fn options(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = current.to_str() else { return Vec::new() };
    let fits = |option: &&OptionInfo| option.name.starts_with(typed);
    OPTIONS.iter().filter(fits).map(|option| CompletionCandidate::new(option.name).help(Some(option.form.into()))).collect()
}

/// The words that the option before it may be set to: `config set theme ` offers the themes.
pub fn option_values(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = current.to_str() else { return Vec::new() };
    let line = Line::of_process();
    let option = line.words.iter().skip_while(|word| *word != "set").nth(1);
    let Some(option) = option.and_then(|name| OPTIONS.iter().find(|option| option.name == name)) else { return Vec::new() };
    words_of(option.form).filter(|word| word.starts_with(typed)).map(CompletionCandidate::new).collect()
}

/// The words in `"auto", true or false`; none where a form describes more than words.
fn words_of(form: &'static str) -> impl Iterator<Item = &'static str> {
    let is_list = form.starts_with('"') || form.starts_with("true");
    let words = form.split([' ', ',']).filter(|word| word.starts_with('"') || ["true", "false"].contains(word));
    words.filter(move |_| is_list).map(|word| word.trim_matches('"'))
}

/// Whether every shell takes the text as one word that means itself.
fn is_one_word(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || "-_.,+@%".contains(c))
}

/// What work gives, or nothing where it takes too long; the process ends then, and the work with it.
fn in_time(work: impl FnOnce() -> Option<Vec<CompletionCandidate>> + Send + 'static) -> Vec<CompletionCandidate> {
    let (send, found) = mpsc::channel();
    let started = std::thread::Builder::new().spawn(move || send.send(work().unwrap_or_default()));
    if started.is_err() {
        return Vec::new();
    }
    found.recv_timeout(PATIENCE).unwrap_or_default()
}

/// The typed line, as far as it says which store is meant and what shall be done.
#[derive(Clone, Debug, Default, PartialEq)]
struct Line {
    /// Everything that is neither a flag nor the value of one that counts here; the command first.
    words: Vec<String>,
    flags: Flags,
}

impl Line {
    /// The shells hand the line over behind `--`, beginning with the program's name.
    fn of_process() -> Self {
        Self::of(std::env::args_os().skip_while(|word| word != "--").skip(2))
    }

    fn of(words: impl IntoIterator<Item = OsString>) -> Self {
        let mut line = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(text) = word.to_str() else { continue };
            let (flag, value) = match text.split_once('=') {
                Some((flag, value)) => (flag, Some(OsString::from(value))),
                None => (text, None),
            };
            let mut value = || value.clone().or_else(|| words.next()).filter(|value| !value.is_empty()).map(as_typed);
            match flag {
                "--data-dir" => line.flags.data_dir = value().map(PathBuf::from),
                "--config" => line.flags.config = value().map(PathBuf::from),
                "--profile" => line.flags.profile = value().and_then(|name| name.into_string().ok()),
                _ if !text.is_empty() && !text.starts_with('-') => line.words.push(text.to_owned()),
                _ => {}
            }
        }
        line
    }

    /// The configuration, also one with mistakes.
    fn reading(&self) -> Option<Reading> {
        config::read(&self.flags, &Environment::of_process(), &|_| Vec::new()).ok()
    }

    fn store(&self) -> Option<Store> {
        Store::open(&self.reading()?.config.data_dir, Access::ReadOnly).ok()
    }

    /// Whether the command can do something to a job.
    fn suits(&self, job: &Job) -> bool {
        match self.words.first().map(String::as_str) {
            Some("show") => true,
            _ if job.removed => false,
            Some("cancel") => [job.can_cancel(), job.can_unwatch(), job.can_give_up()].iter().any(Result::is_ok),
            Some("fetch") => job.can_fetch().or(job.can_watch()).is_ok(),
            Some("hold") => job.can_hold().is_ok(),
            Some("release") => job.can_approve().is_ok(),
            Some("retry") => job.can_run_again(true).is_ok(),
            Some("wait") => job.state().is_under_way(),
            _ => true,
        }
    }
}

/// A word as the program would get it: without its quotes, with the home folder for `~/`. Shells hand over what is typed.
fn as_typed(word: OsString) -> OsString {
    let Some(text) = word.to_str() else { return word };
    let quoted = |mark: char| text.strip_prefix(mark).map(|rest| rest.strip_suffix(mark).unwrap_or(rest));
    if let Some(inner) = quoted('\'').or_else(|| quoted('"')) {
        return inner.into();
    }
    match (text.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest).into(),
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::of(text.split(' ').map(OsString::from))
    }

    #[test]
    fn the_typed_line_says_which_store_and_which_command() {
        let flags = Flags { data_dir: Some("/d".into()), profile: Some("work".into()), ..Flags::default() };
        let wanted = Line { words: vec!["cancel".into(), "ab".into()], flags };
        assert_eq!(line("--data-dir /d cancel --profile=work ab "), wanted);
        assert_eq!(line("cancel --profile 'work' --data-dir=/d ab"), wanted);
        assert_eq!(line("list --config").flags, Flags::default());
        assert_eq!(line(""), Line::default());
    }

    #[test]
    fn the_words_of_an_option_are_read_from_what_is_said_of_it() {
        let words =
            |name: &str| -> Vec<&str> { words_of(OPTIONS.iter().find(|option| option.name == name).unwrap().form).collect() };
        assert_eq!(words("theme"), ["auto", "dark", "light", "mono"]);
        assert_eq!(words("mouse"), ["auto", "true", "false"]);
        assert_eq!(words("slow_link"), ["true", "false"]);
        for free in ["cap_day", "grace", "results_dir", "max_in_flight", "on_done", "base_url"] {
            assert_eq!(words(free), [""; 0], "{free}");
        }
    }

    #[test]
    fn only_what_every_shell_takes_as_one_word_is_offered() {
        for good in ["cats", "hafen-2", "Möwe", "a.b_c"] {
            assert!(is_one_word(good), "{good}");
        }
        for bad in ["two words", "a;b", "$(x)", "a'b", "a*", "~x", "a:b", "a\"b", "a&b", "a|b", "a\\b", "#a", "!x", "(x)"] {
            assert!(!is_one_word(bad), "{bad}");
        }
    }

    #[test]
    fn what_takes_too_long_is_not_offered() {
        let (_keep, never) = mpsc::channel::<()>();
        assert!(in_time(move || never.recv().ok().map(|()| Vec::new())).is_empty());
        assert_eq!(in_time(|| Some(vec![CompletionCandidate::new("a")])).len(), 1);
        assert!(in_time(|| panic!("a damaged store")).is_empty());
    }
}
