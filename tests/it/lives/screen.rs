//! What the user's screens know, and what the book of confirmations learns from them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use mj_enhance::engine::{CommandOutcome, EngineEvent, Notice, NoticeKind, Role, Status};
use mj_enhance::job::{Caps, Job, JobId, Phase, PriceLines, State};

use super::books::Books;
use super::trace;

/// What a command meant, remembered until its outcome is here.
#[derive(Clone, Debug)]
pub enum Meant {
    /// A confirmation of so many jobs of each kind at their prices, for these requests.
    Confirm { lines: PriceLines, bodies: Vec<String>, goes_on: bool },
    /// Go on, without confirming anything.
    GoOn,
    /// No longer to be sent: held, cancelled, taken back.
    Stop,
    /// Given up while unsure.
    GiveUp,
    /// Other caps.
    Caps(Caps),
    /// Nothing that money hangs on.
    Other,
}

/// Which process says something.
#[derive(Clone, Copy, Debug)]
pub struct Speaker {
    /// It is the engine, so its word is of this moment.
    pub acts: bool,
    /// It is being killed.
    pub is_dead: bool,
}

/// All screens of one user together.
#[derive(Default)]
pub struct Screen {
    pub jobs: BTreeMap<JobId, Arc<Job>>,
    pub status: Option<Arc<Status>>,
    pub broken: Vec<String>,
    /// Commands on their way, by ticket.
    pub meant: BTreeMap<u64, Meant>,
    /// Approvals whose grace period may run: number and end.
    pub approvals: Vec<(u64, Timestamp)>,
    /// What an error says of a command is believed.
    pub errors_change_nothing: bool,
}

impl Screen {
    /// One process says something.
    pub fn hear(&mut self, news: EngineEvent, from: Speaker, books: &Mutex<Books>) {
        match news {
            EngineEvent::Notice(notice) => {
                trace(|| format!("{}  said: {:?} {:?}", notice.at, notice.job, notice.kind));
                self.broken.extend(what_is_said_is_so(&notice, &self.jobs));
            }
            EngineEvent::CommandDone { ticket, outcome } => {
                trace(|| format!("  command {ticket}: {outcome:?}"));
                let meant = self.meant.remove(&ticket).unwrap_or(Meant::Other);
                match outcome {
                    Ok(outcome) => self.done(&meant, &outcome, &mut books.lock().unwrap()),
                    Err(_) if self.errors_change_nothing && !from.is_dead => {}
                    // A process that was killed after its write never hears that it was written.
                    Err(_) => {
                        let permissions = &mut books.lock().unwrap().permissions;
                        match meant {
                            Meant::Confirm { lines, bodies, .. } => permissions.may_be_confirmed(bodies, &lines.prices()),
                            Meant::Caps(caps) => permissions.caps_may_be(caps),
                            _ => {}
                        }
                    }
                }
            }
            EngineEvent::Jobs(jobs) => {
                for job in jobs {
                    trace(|| format!("  {} {} {} {:?}", job.id, job.state(), job.kind.body(None), job.task));
                    self.hear_job(&job, from.acts, books);
                }
            }
            EngineEvent::Gone(jobs) => {
                for id in jobs {
                    self.jobs.remove(&id);
                }
            }
            EngineEvent::Status(status) if matches!(status.role, Role::Engine) => self.status = Some(status),
            _ => {}
        }
    }

    fn hear_job(&mut self, job: &Arc<Job>, acts: bool, books: &Mutex<Books>) {
        if let Some(before) = self.jobs.get(&job.id) {
            if before.revision > job.revision {
                return;
            }
            let broken = [an_end_is_an_end(before, job), a_task_stays(before, job)];
            self.broken.extend(broken.into_iter().flatten());
        }
        books.lock().unwrap().permissions.hear(job, acts);
        self.jobs.insert(job.id, Arc::clone(job));
    }

    /// What a command that was done means for the book.
    pub fn done(&mut self, meant: &Meant, outcome: &CommandOutcome, books: &mut Books) {
        let permissions = &mut books.permissions;
        match *meant {
            Meant::Confirm { lines, goes_on, .. } => {
                if outcome.jobs.len() > lines.count() {
                    let many = outcome.jobs.len();
                    self.broken.push(format!("rule 2: a confirmation for {} jobs approved {many}", lines.count()));
                }
                for job in &outcome.jobs {
                    permissions.confirm(*job, &lines.prices());
                }
                if goes_on {
                    permissions.resumed();
                }
                self.approvals.extend(outcome.approval);
            }
            Meant::GoOn => permissions.resumed(),
            Meant::Stop => outcome.jobs.iter().for_each(|job| permissions.drop_job(*job)),
            Meant::GiveUp => outcome.jobs.iter().for_each(|job| permissions.give_up(*job)),
            Meant::Caps(caps) => permissions.set_caps(caps),
            Meant::Other => {}
        }
    }

    /// The request bodies of these jobs.
    pub fn bodies(&self, jobs: &[JobId]) -> Vec<String> {
        jobs.iter().filter_map(|id| self.jobs.get(id)).map(|job| job.kind.body(None)).collect()
    }

    /// The jobs that stand at a state and are on the list.
    pub fn ids(&self, state: State) -> Vec<JobId> {
        self.jobs.values().filter(|job| job.state() == state && !job.removed).map(|job| job.id).collect()
    }
}

/// What is over stays over, except what ended by trouble and is taken up again, and an unwatched task that is watched.
fn an_end_is_an_end(before: &Job, after: &Job) -> Option<String> {
    let changed = before.state() != after.state();
    let was_cancelled_unsent = before.state() == State::Cancelled && before.send.is_none() && after.state() == State::Held;
    if before.state() == State::Saved && changed || before.state() == State::Cancelled && changed && !was_cancelled_unsent {
        return Some(format!("{} went from {} to {}", before.id, before.state(), after.state()));
    }
    match &before.phase {
        Phase::Failed(failure) if changed && !failure.is_passing_loss() => {
            Some(format!("{} went from failed ({}) to {}", before.id, failure.code, after.state()))
        }
        _ => None,
    }
}

/// A job that is called unsure is unsure, or is still being sent where the store takes no writes.
fn what_is_said_is_so(notice: &Notice, jobs: &BTreeMap<JobId, Arc<Job>>) -> Option<String> {
    let (NoticeKind::BecameUnsure(_), Some(job)) = (&notice.kind, notice.job.and_then(|id| jobs.get(&id))) else { return None };
    let is_so = matches!(job.state(), State::Unsure | State::Sending);
    (!is_so).then(|| format!("{} was called unsure and is {}", job.id, job.state()))
}

/// A job keeps its task.
fn a_task_stays(before: &Job, after: &Job) -> Option<String> {
    (before.task.is_some() && before.task != after.task).then(|| format!("{} changed its task", before.id))
}
