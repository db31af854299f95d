//! A job and the one function that moves it.

mod results;
mod sending;
mod user_acts;

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::charge::Charge;
use super::failure::Failure;
use super::id::{IdempotencyKey, JobId, Tag, TaskId};
use super::kind::JobKind;
use super::money::Credits;
use super::phase::{HoldReason, LostAnswer, Phase, Progress, State};
use super::report::TaskReport;
use super::request::PaidRequest;
use super::retry;
use super::verdict::Verdict;

/// A yes that named count, price and balance: the only thing that lets a job be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Approval {
    /// Which yes of this store it was; a yes given before the present start of the engine does not send
    /// (docs/money-rules.md, rule 4).
    pub seq: u64,
    /// The price of one job that was agreed to.
    pub price: Credits,
    /// When the yes was given.
    pub at: Timestamp,
    /// End of the grace period, in which the yes can be taken back.
    pub not_before: Timestamp,
}

impl Approval {
    /// The number of an approval that was given in another store: older than every one of this store.
    pub const ELSEWHERE: u64 = 0;
}

/// The paid request of a job, on disk before its first byte leaves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PaidSend {
    /// One key for one paid job.
    pub key: IdempotencyKey,
    /// The request body, byte for byte.
    pub body: String,
    /// The price agreed to when it was sent.
    pub agreed: Credits,
    /// When the first attempt began.
    pub first_at: Timestamp,
    /// When the latest attempt began.
    pub last_at: Timestamp,
    /// When the first attempt began by the service's clock, where an answer had told what that shows: our clock may be
    /// turned before a lost answer is looked into.
    #[serde(default, alias = "first_there")]
    pub first_server_time: Option<Timestamp>,
    /// When the latest attempt began by the service's clock.
    #[serde(default, alias = "last_there")]
    pub last_server_time: Option<Timestamp>,
    /// How many attempts were begun with this key.
    pub attempts: u32,
    /// How many of them ended without a usable answer.
    pub lost: u32,
    /// Whether the account's task list held nothing that fits when it was looked through so late after the latest attempt
    /// ([`retry::LIST_SETTLES`]) that a task made by it must have been there.
    #[serde(alias = "cleared")]
    pub absence_confirmed: bool,
    /// How often the service refused this request until the user did something about balance or limits. Each of them was
    /// followed by a new confirmation before the next.
    #[serde(default)]
    pub refusals: u32,
}

impl PaidSend {
    /// Whether a refusal now proves that nothing was made: no earlier attempt is open.
    #[must_use]
    pub fn refusal_is_proof(&self) -> bool {
        self.lost == 0 || self.absence_confirmed
    }

    /// How long ago the first attempt began: by the service's clock where it is known then and now, else by ours.
    #[must_use]
    pub fn since_first(&self, now: Timestamp, server_time: Option<Timestamp>) -> SignedDuration {
        since(self.first_at, self.first_server_time, now, server_time)
    }

    /// The same for the latest attempt.
    #[must_use]
    pub fn since_last(&self, now: Timestamp, server_time: Option<Timestamp>) -> SignedDuration {
        since(self.last_at, self.last_server_time, now, server_time)
    }

    /// Whether the gateway surely still knows the key: the first attempt with it began less than 24 h ago
    /// (`docs/money-rules.md`, rule 3). The service tells its time in whole seconds, so an attempt of a moment ago may seem to
    /// lie ahead by a second; what lies further ahead is a clock that was turned back, which says nothing of the key's age.
    #[must_use]
    pub fn is_young(&self, now: Timestamp, server_time: Option<Timestamp>) -> bool {
        let age = self.since_first(now, server_time);
        age >= -retry::CLOCKS_AGREE && (age.is_negative() || age.unsigned_abs() < retry::KEY_LIFE)
    }

    /// Whether a confirmation that is given now makes another key. A copy of the store may still hold this one and send it,
    /// so after a refusal the same goes out once more, and one of the two is answered with the other's task
    /// (`docs/money-rules.md`, rule 1). Refused again, the gateway may remember the refusal itself; and after its life
    /// it knows the key no more.
    fn is_spent(&self, confirmed_at: Timestamp) -> bool {
        let age = self.since_first(confirmed_at, None);
        let is_old = !age.is_negative() && age.unsigned_abs() >= retry::KEY_LIFE;
        self.refusals >= retry::REFUSALS_OF_A_KEY || (self.refusals > 0 && is_old)
    }

    fn begin(&mut self, now: Timestamp, server_time: Option<Timestamp>) {
        self.attempts = self.attempts.saturating_add(1);
        self.last_at = now;
        self.last_server_time = server_time;
    }

    /// A repeated answer tells when its task was made, by the service's clock: an attempt of that time was taken, which a copy
    /// of the store may have made. What the task cost is of then, too.
    fn was_answered(&mut self, made: Timestamp) {
        for attempt in [&mut self.first_server_time, &mut self.last_server_time] {
            *attempt = Some(attempt.map_or(made, |at| at.min(made)));
        }
    }

    /// The attempt under way ended without a usable answer.
    fn lose(&mut self) {
        self.lost = self.lost.saturating_add(1);
        self.absence_confirmed = false;
    }
}

/// A result on disk: whole, checked, under its final name.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub struct SavedFile {
    /// Absolute path.
    pub path: PathBuf,
    /// SHA-256 of the content, 64 hex digits.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Our request for one draft or one enhanced picture, and all that became of it.
///
/// What exists only in a phase lives in [`Phase`]; the fields here are facts that stay true.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// Our short id.
    pub id: JobId,
    /// What it asks for.
    pub kind: JobKind,
    /// The user's word for it.
    pub tag: Option<Tag>,
    /// Place in line: smaller goes earlier.
    pub place: i64,
    /// Where it stands.
    pub phase: Phase,
    /// When the request was recorded.
    pub created_at: Timestamp,
    /// The yes, if one was given.
    pub approval: Option<Approval>,
    /// The paid request as it was made when the job was approved, until its first attempt moves it to `send`. A job that is
    /// held and approved again keeps it.
    pub request: Option<PaidRequest>,
    /// The paid request, from just before its first attempt on.
    pub send: Option<PaidSend>,
    /// The user wants it cancelled while its answer is awaited: it becomes *unwatched* when the answer comes.
    pub stop_requested: bool,
    /// The user looked at the draft's trouble and wants it sent all the same.
    pub source_confirmed: bool,
    /// The service's task, once accepted.
    pub task: Option<TaskId>,
    /// Request id of the latest answer worth naming to support.
    pub request_id: Option<String>,
    /// When the paid request was accepted.
    pub sent_at: Option<Timestamp>,
    /// When we first heard that the task ended.
    pub finished_at: Option<Timestamp>,
    /// When its files were on disk.
    pub saved_at: Option<Timestamp>,
    /// 24 h after the task ended, as far as that is known, and never later than 24 h after we heard of it (docs/service.md §4.4).
    pub link_expires_at: Option<Timestamp>,
    /// The service's first estimate of the run, in seconds.
    pub estimate: Option<u32>,
    /// Result links, in order.
    pub links: Vec<String>,
    /// Results on disk, in the order of the links.
    pub files: Vec<SavedFile>,
    /// Reserved by the service's answer.
    pub reserved: Option<Credits>,
    /// Taken by the service's evidence.
    pub charged: Option<Credits>,
    /// What is known about the money; `None` before a send.
    pub charge: Option<Charge>,
    /// The job this one runs again.
    pub again_of: Option<JobId>,
    /// Removed from the list; files and history stay.
    pub removed: bool,
    /// What a person thought of the result.
    pub verdict: Option<Verdict>,
    /// The store's revision at the latest change of this job.
    pub revision: u64,
}

/// Hours a result link lives after completion (docs/service.md §4.4).
pub const LINK_LIFE_HOURS: i64 = 24;

/// Something that happened or is asked for, for [`Job::apply`].
#[derive(Clone, PartialEq, Debug)]
pub enum Update {
    /// A confirmation: the job may be sent from `not_before` on. From held or waiting; for an unsure job that was imported
    /// it allows the same request to go out again.
    Approve {
        /// What was confirmed.
        approval: Approval,
        /// The request for a job that has none yet; one that was made before is kept.
        request: PaidRequest,
    },
    /// Hold it back. From waiting.
    Hold(HoldReason),
    /// Not sent yet: drop it, free. On the wire: remember the request.
    Cancel,
    /// A job that was cancelled before it was sent is held again.
    Uncancel,
    /// Give an unsure job up, knowing that it may have been paid.
    GiveUp,
    /// Stop watching a sent job; it goes on and is paid for if it completes.
    Unwatch,
    /// Watch an unwatched job again.
    Watch,
    /// An attempt to send begins. Key and body count only for a job that has none of its approval or of an earlier attempt.
    SendStarted {
        /// The key for a job that has none yet.
        key: IdempotencyKey,
        /// Its request body.
        body: String,
        /// What the service's clock shows, where it is known.
        server_time: Option<Timestamp>,
    },
    /// Another attempt with the same key and body begins, while sending.
    SendRepeated {
        /// What the service's clock shows, where it is known.
        server_time: Option<Timestamp>,
    },
    /// An attempt ended without a usable answer.
    AnswerLost(Failure),
    /// Refused for now, surely nothing was made: back in line with the same key (429, no capacity, key trouble).
    PutBack(Failure),
    /// Refused until the user does something about balance or limits.
    Refused(Failure),
    /// Refused for good.
    Rejected(Failure),
    /// The repeats are used up.
    RepeatsUsedUp(LostAnswer),
    /// The account's task list was looked through.
    ListRead {
        /// The tasks that fit.
        candidates: Vec<TaskId>,
        /// What the service's clock shows, where it is known.
        server_time: Option<Timestamp>,
    },
    /// The user wants the task list looked through once more.
    Recheck,
    /// Nothing fits and the key is young: the same request goes out again.
    SendAgainSameKey {
        /// What the service's clock shows, where it is known.
        server_time: Option<Timestamp>,
    },
    /// The paid request was accepted.
    Accepted {
        /// The task that was made, or that the repeat was answered with.
        report: Box<TaskReport>,
        /// `Idempotency-Replayed: true`: the task is an older one.
        replayed: bool,
    },
    /// This task of the account is the one of this unsure job.
    Adopted(TaskId),
    /// The service answered about the task.
    Reported(Box<TaskReport>),
    /// The service no longer knows the task.
    Vanished,
    /// A download begins.
    FetchStarted,
    /// A download failed in a way that may pass.
    FetchTroubled(String),
    /// A download failed for good; the charge stays.
    FetchFailed(Failure),
    /// All files are on disk.
    Saved(Vec<SavedFile>),
    /// Try a dead or refused link once more.
    FetchAgain,
    /// The engine starts: what was on the wire or coming down is not any more.
    EngineStarted,
    /// Give it another tag, or none.
    Retag(Option<Tag>),
    /// Keep or reject its result, or neither.
    Judge(Option<Verdict>),
    /// Give it another place in line.
    Move(i64),
    /// Take it off the list, or bring it back.
    Remove(bool),
}

/// What [`Job::apply`] made of an update.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Applied {
    /// The job changed; the note is for its time line (empty where there is nothing to say): a few words, and behind a
    /// ` · ` what it can be looked up by.
    Changed(String),
    /// Nothing changed, and why. Late and repeated answers are normal.
    Ignored(&'static str),
}

impl Applied {
    /// Whether the job changed.
    #[must_use]
    pub fn changed(&self) -> bool {
        matches!(self, Self::Changed(_))
    }
}

fn since(ours: Timestamp, theirs: Option<Timestamp>, now: Timestamp, server_time: Option<Timestamp>) -> SignedDuration {
    theirs.zip(server_time).map_or_else(|| now.duration_since(ours), |(theirs, server_time)| server_time.duration_since(theirs))
}

/// Parts the few words of a note of the time line from the facts behind them: `reply lost (HTTP 502) · Bad Gateway, request r1`.
const FACTS: &str = " · ";

/// The few words of a note of the time line, without the facts behind them.
#[must_use]
pub fn brief_note(note: &str) -> &str {
    note.split(FACTS).next().unwrap_or(note)
}

/// A note of what became of a request, with what can be looked up of it.
fn noted(said: &str, why: &Failure) -> String {
    format!("{said} ({}){FACTS}{}", why.brief(), why.words())
}

fn changed(note: impl Into<String>) -> Applied {
    Applied::Changed(note.into())
}

impl Job {
    /// A new job, held until somebody says yes.
    #[must_use]
    pub fn new(id: JobId, kind: JobKind, place: i64, now: Timestamp) -> Self {
        Self {
            id,
            kind,
            tag: None,
            place,
            phase: Phase::Held(HoldReason::You),
            created_at: now,
            approval: None,
            request: None,
            send: None,
            stop_requested: false,
            source_confirmed: false,
            task: None,
            request_id: None,
            sent_at: None,
            finished_at: None,
            saved_at: None,
            link_expires_at: None,
            estimate: None,
            links: Vec::new(),
            files: Vec::new(),
            reserved: None,
            charged: None,
            charge: None,
            again_of: None,
            removed: false,
            verdict: None,
            revision: 0,
        }
    }

    /// The word for where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.phase.state()
    }

    /// Whether a second job for the same picture or prompt would be a double; see [`JobKind::blocks_duplicate`].
    #[must_use]
    pub fn blocks_duplicate(&self) -> bool {
        self.kind.blocks_duplicate(self.state())
    }

    /// A short name for people: `k3v9q2ad:2` for a picture; for a draft its short task, before that the first words of its
    /// prompt in quotes.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.kind, &self.task) {
            (JobKind::Draft { .. }, Some(task)) => task.short().to_owned(),
            (kind, _) => kind.label(),
        }
    }

    /// What to count against caps and show as the cost so far.
    ///
    /// A send that is open counts with what was agreed; a failed job counts until the service proves that the money is back.
    #[must_use]
    pub fn spent(&self) -> Credits {
        match self.charge {
            None | Some(Charge::Refunded) => Credits::ZERO,
            Some(Charge::Charged) => self.charged.or(self.reserved).unwrap_or_else(|| self.agreed_price()),
            Some(Charge::Reserved | Charge::NotKnown) => self.reserved.unwrap_or_else(|| self.agreed_price()),
        }
    }

    fn agreed_price(&self) -> Credits {
        self.send.as_ref().map(|send| send.agreed).or(self.approval.map(|yes| yes.price)).unwrap_or_default()
    }

    /// Why it stands where it stands, as a sentence; `None` where the state says it all.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match &self.phase {
            Phase::Failed(failure) | Phase::Held(HoldReason::Refused(failure)) => {
                Some(format!("{} ({})", failure.meaning_for(self.kind.model()), failure.code))
            }
            Phase::Held(why) => Some(why.to_string()),
            Phase::Unsure(doubt) => Some(doubt.why.to_string()),
            Phase::Cancelled(by) => Some(by.to_string()),
            Phase::ToFetch(trouble) | Phase::Fetching(trouble) => trouble.last.clone(),
            Phase::Sending if self.stop_requested => Some("stops being watched when the answer is here".to_owned()),
            Phase::Waiting | Phase::Sending | Phase::Running(_) | Phase::Saved | Phase::Unwatched => None,
        }
    }

    /// How many pictures of a finished draft moderation took: it has so many fewer than a complete one. The charge stays, and
    /// which numbers are left is not known (docs/service.md §10). `None` for other jobs and complete drafts.
    #[must_use]
    pub fn pictures_missing(&self) -> Option<usize> {
        let there = self.links.len().max(self.files.len());
        let expected = self.kind.expected_pictures().filter(|_| there > 0)?;
        expected.checked_sub(there).filter(|missing| *missing > 0)
    }

    /// The failure, where there is one.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match &self.phase {
            Phase::Failed(failure) | Phase::Held(HoldReason::Refused(failure)) => Some(failure),
            _ => None,
        }
    }

    /// The last progress heard, while running.
    #[must_use]
    pub fn progress(&self) -> Option<&Progress> {
        match &self.phase {
            Phase::Running(progress) => Some(progress),
            _ => None,
        }
    }

    /// Whether the only confirmation it has was given in another store: an imported job.
    #[must_use]
    pub fn is_approved_elsewhere(&self) -> bool {
        self.approval.is_none_or(|approval| approval.seq == Approval::ELSEWHERE)
    }

    /// Whether the key of its paid request may still be relied on.
    #[must_use]
    pub fn key_is_young(&self, now: Timestamp, server_time: Option<Timestamp>) -> bool {
        self.send.as_ref().is_some_and(|send| send.is_young(now, server_time))
    }

    /// Moves the job: the one place where a phase changes.
    ///
    /// What does not fit the present phase changes nothing and is returned as [`Applied::Ignored`]; no input panics.
    pub fn apply(&mut self, update: Update, now: Timestamp) -> Applied {
        match update {
            Update::Approve { approval, request } => self.approve(approval, request),
            Update::Hold(why) => self.hold(why),
            Update::Cancel => self.cancel(now),
            Update::Uncancel => self.uncancel(),
            Update::GiveUp => self.give_up(now),
            Update::Unwatch => self.unwatch(),
            Update::Watch => self.watch(),
            Update::SendStarted { key, body, server_time } => self.start_send(key, body, now, server_time),
            Update::SendRepeated { server_time } => self.repeat_send(now, server_time),
            Update::AnswerLost(why) => self.lose_answer(&why),
            Update::PutBack(why) => self.put_back(why, now),
            Update::Refused(failure) => self.refuse(failure, now),
            Update::Rejected(failure) => self.reject(failure, now),
            Update::RepeatsUsedUp(why) => self.become_unsure(why),
            Update::ListRead { candidates, server_time } => self.look(candidates, now, server_time),
            Update::Recheck => self.recheck(),
            Update::SendAgainSameKey { server_time } => self.send_again(now, server_time),
            Update::Accepted { report, replayed } => self.accept(&report, replayed, now),
            Update::Adopted(task) => self.adopt(task, now),
            Update::Reported(report) => self.report(*report, now),
            Update::Vanished => self.vanish(now),
            Update::FetchStarted => self.start_fetch(),
            Update::FetchTroubled(why) => self.trouble_fetch(&why),
            Update::FetchFailed(failure) => self.fail_fetch(failure),
            Update::Saved(files) => self.save(files, now),
            Update::FetchAgain => self.fetch_again(),
            Update::EngineStarted => self.restart(),
            Update::Retag(tag) => self.retag(tag),
            Update::Judge(verdict) => self.judge(verdict),
            Update::Move(place) => self.shift(place),
            Update::Remove(removed) => self.remove(removed),
        }
    }
}
