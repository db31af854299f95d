//! Text that would do something to a terminal, in every place where the service can put one.

use mj_enhance::engine::Command;
use mj_enhance::job::{State, text};
use mj_enhance::simulator::{Effect, ErrorBody, Fault, RetryAfterForm, Route};
use mj_enhance::tui::Keymap;
use mj_enhance::tui::notices::notice_text;

use super::until_asking;
use crate::stage::{DRAFT, FAST, OTHER_DRAFT, Setup, Stage};

/// Escape sequences, a title, a bell, bidi and zero-width characters, line breaks, a NUL, tags, and a secret.
const EVIL: &str = "\\u001b[2J\\u001b]0;owned\\u0007\\u202Egnp.exe\\u2066\\u200B\\u200D\\u0000\\r\\n\\uFEFF\\u009b31m\\U000E0041 sk-hostile-0123456789abcdef end";

fn assert_clean(what: &str, said: &str) {
    assert!(!said.chars().any(text::is_unsafe), "{what}: {said:?}");
    assert!(!said.contains("sk-hostile") && !said.contains("0123456789abcdef"), "{what} holds a secret: {said:?}");
}

#[test]
fn nothing_that_the_service_says_reaches_anybody_uncleaned() {
    let rules = format!(
        r#"
[[rules]]
image = 0
then.end = "failed"
then.code = "E{EVIL}"
then.message = "M{EVIL}"
then.suggestion = "S{EVIL}"
[[rules]]
image = 1
then.running_status = "R{EVIL}"
then.extra_fields = true
[[rules]]
image = 2
then.file = "redirect"
then.redirect_to = "https://10.0.0.1/x.png"
"#
    );
    let mut stage = Stage::start(&format!("{FAST}{rules}"), Setup::default());
    stage.add_lines(&[&format!("{DRAFT} all")]);
    // The one that is sent to a private address is tried again until its link expires.
    let rests = |job: &mj_enhance::job::Job| job.state().is_final() || (job.state() == State::ToFetch && job.reason().is_some());
    until_asking(&mut stage, "all over", |stage| stage.jobs.len() == 4 && stage.jobs.values().all(|job| rests(job)));
    // A refusal full of control characters, a web page as an answer, and an error as plain text.
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}gnp.exe\u{2066}\u{200b}\0\r\n sk-hostile-0123456789abcdef".to_owned();
    let bodies = [(1, ErrorBody::Control), (2, ErrorBody::Error), (3, ErrorBody::Text)];
    for (nth, body) in bodies {
        let effect = Effect::Status {
            status: 400,
            code: Some(format!("code{evil}")),
            message: Some(evil.clone()),
            retry_after: None,
            retry_after_form: RetryAfterForm::Absent,
            body,
        };
        stage.simulator().add_fault(Fault::new(Route::Submit, effect).at(&[nth])).unwrap();
    }
    stage.add_lines(&[&format!("{OTHER_DRAFT} 0-2")]);
    // Plain text is not the service's own refusal: it stops sending, and the job stays.
    until_asking(&mut stage, "two refused, one kept", |stage| {
        stage.jobs.len() == 7
            && stage.count(State::Failed) == 3
            && stage.status.as_ref().is_some_and(|status| status.paused.is_some())
    });
    let ids: Vec<_> = stage.jobs.keys().copied().collect();
    for id in ids {
        let job = stage.jobs[&id].clone();
        assert_clean("the reason", &job.reason().unwrap_or_default());
        if let Some(failure) = job.failure() {
            assert_clean("the code", &failure.code);
            assert_clean("the message", &failure.message);
            assert_clean("the request id", failure.request_id.as_deref().unwrap_or_default());
        }
        let details = stage.details_of(id);
        assert!(!details.timeline.is_empty());
        for entry in &details.timeline {
            assert_clean("the time line", &entry.note);
        }
        assert_clean("the raw answer", details.raw.as_deref().unwrap_or_default());
    }
    for notice in &stage.notices {
        let said = notice_text(notice, &|id| id.to_string(), &Keymap::default());
        assert_clean("a notice", &said);
    }
    assert_clean("the status", &format!("{:?}", stage.status));
    for name in stage.results().keys() {
        assert_clean("a file's name", name);
        if name.contains(".json") {
            let said = std::fs::read_to_string(stage.folder().join("results").join(name)).unwrap();
            assert_clean("a side file", &said.replace('\n', " "));
        }
    }
    let ticket = stage.send(Command::Retag { jobs: Vec::new(), tag: None });
    stage.until("still there", |stage| stage.outcomes.contains_key(&ticket));
}
