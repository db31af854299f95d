//! Whether a job that comes from a file can be taken for one of ours, and what it becomes here.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::charge::Charge;
use super::failure::Failure;
use super::kind::JobKind;
use super::life::{Approval, Job, LINK_LIFE_HOURS};
use super::money::Credits;
use super::phase::{HoldReason, LostAnswer, Phase, Progress, SourceFault, State};
use super::prompt;
use super::request::PaidRequest;
use super::text;

/// The most links and files of one job: a draft has four pictures, and some room for what the service may add.
const MOST_FILES: usize = 64;
/// The longest link, in bytes.
const LONGEST_LINK: usize = 8 * 1024;
/// The longest line that prompts are made from, in bytes.
const LONGEST_TEMPLATE: usize = 256 * 1024;
/// The longest sentence of a job's reason, in characters.
const LONGEST_TEXT: usize = Failure::LONGEST_MESSAGE;

/// Why a job of a file is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ImportError {
    /// An amount below zero, or above a million credits.
    Amount(Credits),
    /// A result link that no answer of the service could have brought.
    Link,
    /// A checksum that is not 64 hex digits.
    Checksum,
    /// A result's path that is not absolute, or has characters that may do something to a terminal.
    Path,
    /// More links or files than a job can have.
    TooMany,
    /// It stands where it can only be with a paid request, and has none.
    NoRequest(State),
    /// It stands where it can only be with a task, and has none.
    NoTask(State),
    /// It was not sent, and has a task or says that money was taken.
    SentAndNotSent,
    /// Its request is not the one for its picture or prompt.
    Body,
    /// Its prompt cannot be sent, or was made from something that cannot be shown.
    Prompt,
    /// Its request was attempted never, or lost more often than attempted.
    Attempts,
    /// It is saved without a file, or has files and is not saved.
    Files,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount(amount) => write!(f, "{amount} credits is not an amount that a job can cost"),
            Self::Link => f.write_str("a result link is not an http(s) address"),
            Self::Checksum => f.write_str("a file's sha256 is not 64 hex digits"),
            Self::Path => f.write_str("a file's path is not absolute, or has control characters"),
            Self::TooMany => write!(f, "it has more than {MOST_FILES} links or files"),
            Self::NoRequest(state) => write!(f, "a job that is {state} has a paid request, and this one has none"),
            Self::NoTask(state) => write!(f, "a job that is {state} has a task, and this one has none"),
            Self::SentAndNotSent => f.write_str("it was not sent, and yet it names a task or a charge"),
            Self::Body => f.write_str("its request is not the one for its picture or prompt"),
            Self::Prompt => f.write_str("its prompt cannot be drafted, or its template is no text"),
            Self::Attempts => f.write_str("the attempts of its request do not add up"),
            Self::Files => f.write_str("its files do not fit its state"),
        }
    }
}

/// Whether an amount can be what a job costs: below zero it would make room under the caps, and what is beyond a million
/// credits would one day overflow the sums.
fn is_believable(amount: Credits) -> bool {
    (Credits::ZERO..=Credits::from_uc(1_000_000 * Credits::UC_PER_CREDIT)).contains(&amount)
}

/// A text that may be shown: on one line, without control and bidirectional characters, not too long.
fn tidy(text: &mut String) {
    *text = text::shorten(&text::clean(text), LONGEST_TEXT).into_owned();
}

fn tidy_failure(failure: &mut Failure) {
    let cleaned = Failure::new(failure.class, &failure.code, &failure.message);
    (failure.code, failure.message) = (cleaned.code, cleaned.message);
    if let Some(id) = &mut failure.request_id {
        tidy(id);
    }
}

impl Job {
    /// Checks a job that comes from a file and makes it safe to show: every text is cleaned, every amount, link, checksum
    /// and request is checked, and the state must agree with what it needs. What the job may do in this store is decided
    /// by [`Job::disarm`].
    ///
    /// # Errors
    /// What cannot be true of a job of ours.
    pub fn check_import(&mut self) -> Result<(), ImportError> {
        self.tidy_texts();
        let hold = match &self.phase {
            Phase::Held(HoldReason::Cap { limit, .. }) => [Some(*limit), None],
            Phase::Held(HoldReason::Price { agreed, now }) => [Some(*agreed), Some(*now)],
            _ => [None, None],
        };
        let agreed = [self.approval.map(|approval| approval.price), self.send.as_ref().map(|send| send.agreed)];
        let amounts = [self.reserved, self.charged].into_iter().chain(hold).chain(agreed).flatten();
        if let Some(wrong) = amounts.into_iter().find(|amount| !is_believable(*amount)) {
            return Err(ImportError::Amount(wrong));
        }
        if self.links.len() > MOST_FILES || self.files.len() > MOST_FILES {
            return Err(ImportError::TooMany);
        }
        if !self.links.iter().all(|link| is_link(link)) {
            return Err(ImportError::Link);
        }
        for file in &self.files {
            if file.sha256.len() != 64 || !file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(ImportError::Checksum);
            }
            if !file.path.is_absolute() || file.path.to_string_lossy().chars().any(text::is_unsafe) {
                return Err(ImportError::Path);
            }
        }
        self.check_prompt()?;
        self.check_request()?;
        self.check_state()
    }

    fn tidy_texts(&mut self) {
        match &mut self.phase {
            Phase::Failed(failure) | Phase::Held(HoldReason::Refused(failure)) => tidy_failure(failure),
            Phase::Held(HoldReason::Source { found }) => match found {
                SourceFault::UnknownStatus { status: said }
                | SourceFault::OtherModel { model: said }
                | SourceFault::Said(said) => {
                    tidy(said);
                }
                SourceFault::Missing
                | SourceFault::Unfinished
                | SourceFault::Failed
                | SourceFault::Cancelled
                | SourceFault::NoPictures
                | SourceFault::NotAmong { .. }
                | SourceFault::Incomplete { .. }
                | SourceFault::OtherPrice { .. } => {}
            },
            Phase::Unsure(doubt) => match &mut doubt.why {
                LostAnswer::Failed(failure) => tidy_failure(failure),
                LostAnswer::RefusedLater { code: said } | LostAnswer::Said(said) => tidy(said),
                LostAnswer::LongWait
                | LostAnswer::StoreUnwritable
                | LostAnswer::TimePassed
                | LostAnswer::OtherTask
                | LostAnswer::ProgramEnded => {}
            },
            Phase::ToFetch(trouble) | Phase::Fetching(trouble) => {
                if let Some(last) = &mut trouble.last {
                    tidy(last);
                }
            }
            Phase::Held(HoldReason::You | HoldReason::Cap { .. } | HoldReason::Price { .. })
            | Phase::Waiting
            | Phase::Sending
            | Phase::Running(_)
            | Phase::Saved
            | Phase::Cancelled(_)
            | Phase::Unwatched => {}
        }
        if let Some(id) = &mut self.request_id {
            tidy(id);
        }
    }

    /// What is to be sent is checked like a prompt that is typed; what was sent before is what it is.
    fn check_prompt(&self) -> Result<(), ImportError> {
        let JobKind::Draft { prompt, template } = &self.kind else { return Ok(()) };
        let is_template =
            |text: &String| text.len() <= LONGEST_TEMPLATE && !text.is_empty() && !text.chars().any(text::is_unsafe);
        let unsent = matches!(self.state(), State::Held | State::Waiting);
        if !template.iter().all(is_template) || (unsent && !prompt::check(prompt.as_str()).0.is_empty()) {
            return Err(ImportError::Prompt);
        }
        Ok(())
    }

    fn check_request(&self) -> Result<(), ImportError> {
        let bodies = self.send.iter().map(|attempted| &attempted.body);
        if bodies.chain(self.request.iter().map(|request| &request.body)).any(|body| !self.kind.is_body(body)) {
            return Err(ImportError::Body);
        }
        match &self.send {
            Some(send) if send.attempts == 0 || send.lost.max(send.refusals) > send.attempts || send.last_at < send.first_at => {
                Err(ImportError::Attempts)
            }
            _ => Ok(()),
        }
    }

    fn check_state(&self) -> Result<(), ImportError> {
        let state = self.state();
        match state {
            State::Sending | State::Unsure if self.send.is_none() => return Err(ImportError::NoRequest(state)),
            State::Held | State::Waiting | State::Sending | State::Unsure if self.task.is_some() => {
                return Err(ImportError::SentAndNotSent);
            }
            State::Held | State::Waiting if self.charge.is_some() || self.charged.is_some() => {
                return Err(ImportError::SentAndNotSent);
            }
            State::Running | State::ToFetch | State::Fetching | State::Unwatched if self.task.is_none() => {
                return Err(ImportError::NoTask(state));
            }
            _ => {}
        }
        if (state == State::Saved) == self.files.is_empty() {
            return Err(ImportError::Files);
        }
        Ok(())
    }

    /// Takes from an imported job everything that could spend here. A confirmation of another store counts for nothing:
    /// what waits is held; what was on the wire or unsure is looked up, and its request goes out again only after a new
    /// confirmation; what is not settled counts against the caps with the price that is known here, or with what the file says
    /// is reserved, where that is more. Nor counts what somebody elsewhere said of its draft: it is checked here. What is said
    /// to have happened after `now` happened now: the other clock was wrong, or the file was changed. Only when its request went
    /// out stays as it is, since that decides how long its key may be relied on, and a time ahead is none that allows it.
    pub fn disarm(&mut self, price: Credits, now: Timestamp) {
        self.created_at = self.created_at.min(now);
        for at in [&mut self.sent_at, &mut self.finished_at, &mut self.saved_at].into_iter().flatten() {
            *at = (*at).min(now);
        }
        let link_life = SignedDuration::from_hours(LINK_LIFE_HOURS);
        if let Some(expiry) = &mut self.link_expires_at {
            *expiry = (*expiry).min(now.checked_add(link_life).unwrap_or(Timestamp::MAX));
        }
        if let Phase::Running(Progress { at: Some(at), .. }) = &mut self.phase {
            *at = (*at).min(now);
        }
        self.source_confirmed = false;
        if let Some(approval) = &mut self.approval {
            approval.seq = Approval::ELSEWHERE;
        }
        if self.phase == Phase::Waiting {
            self.phase = Phase::Held(HoldReason::You);
        }
        if self.state() == State::Held {
            // Only what is on the wire can be wanted to stop; this one would be paid for and never fetched.
            self.stop_requested = false;
        }
        // Nothing of a held job's request has arrived, so its draft is checked like any other's. The key stays: the store
        // it came from may still send the job, and then the gateway answers one of the two with the other's task.
        if self.state() == State::Held
            && let Some(send) = self.send.take()
        {
            self.request = Some(PaidRequest { key: send.key, body: send.body });
        }
        let was_sent = matches!(
            self.state(),
            State::Sending | State::Unsure | State::Running | State::ToFetch | State::Fetching | State::Saved | State::Unwatched
        );
        if was_sent && self.charge.is_none() {
            self.charge = Some(Charge::NotKnown);
        }
        if let Some(send) = &mut self.send
            && matches!(self.charge, Some(Charge::Reserved | Charge::NotKnown))
        {
            send.agreed = price;
            self.reserved = self.reserved.filter(|reserved| *reserved >= price);
        }
    }
}

impl Job {
    /// Gives the request of an imported job that the service cannot have taken the callback address of this configuration: the
    /// one in the file is another's, and would be told what becomes of it. A request whose answer was lost keeps its body: it
    /// goes out again under its own key, and to some gateways one key with two bodies is two requests.
    pub fn call_back(&mut self, callback_url: Option<&str>) {
        if !matches!(self.state(), State::Held | State::Waiting) || self.send.as_ref().is_some_and(|send| send.lost > 0) {
            return;
        }
        let body = self.kind.body(callback_url);
        let held = [self.request.as_mut().map(|request| &mut request.body), self.send.as_mut().map(|send| &mut send.body)];
        for held in held.into_iter().flatten() {
            held.clone_from(&body);
        }
    }
}

/// Whether a text is a result link as an answer of the service may bring it: absolute, http(s), with a host.
fn is_link(link: &str) -> bool {
    let rest = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    link.len() <= LONGEST_LINK
        && !link.chars().any(|c| text::is_unsafe(c) || c.is_whitespace())
        && host.is_some_and(|host| !host.is_empty() && !host.contains(['\\', '"', '<', '>', '`']))
}
