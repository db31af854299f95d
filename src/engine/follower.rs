//! The follower of another process's engine: it shows what that one writes, writes commands for it, and takes its lock
//! when it ends.
//!
//! It sends nothing and asks the service for nothing; that is why it is a type of its own and no mode of the engine.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::base::{Base, SessionMessage};
use super::draft_reader::LIST_EVERY;
use super::{Command, CommandError, CommandOutcome, Role, Sending};
use crate::job::Job;
use crate::store::{EngineLock, EngineRequest, Store, StoreError};

/// See the module.
pub(super) struct Follower {
    base: Base,
    engine_pid: Option<u32>,
    /// It never takes over and writes nothing.
    read_only: bool,
    /// When the engine is asked once more for the drafts that this process's dashboard shows.
    ask_for_drafts_at: Option<Instant>,
    stopping: bool,
}

impl Follower {
    /// A follower over a store that another process may be the engine of; see [`Follower::start`].
    pub(super) fn new(base: Base, read_only: bool) -> Self {
        Self { base, engine_pid: None, read_only, ask_for_drafts_at: None, stopping: false }
    }

    /// What an engine in its place needs.
    pub(super) fn into_base(self) -> Base {
        self.base
    }

    /// Tells the dashboard that the session is over.
    pub(super) fn publish_broken(&self, error: &StoreError) {
        self.base.publisher.broken(error);
    }

    /// Reads what is not over, and publishes it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn start(&mut self) -> Result<(), StoreError> {
        let jobs = self.base.open(|_| false)?;
        self.engine_pid = Store::engine_pid(&self.base.options.data_dir);
        let approval_floor = self.base.account.settings().approval_floor;
        for job in &jobs {
            self.base.jobs.put(job, approval_floor);
        }
        Ok(())
    }

    /// Follows until told to stop, until the commands' other end is gone, or until the engine's lock is free: then that
    /// is returned, and this process must be the engine.
    ///
    /// # Errors
    /// When the store cannot be read at the start.
    pub(super) async fn run(
        &mut self,
        commands: &mut UnboundedReceiver<SessionMessage>,
    ) -> Result<Option<EngineLock>, StoreError> {
        while !self.stopping {
            let (idle, now) = (self.is_idle(), self.base.now());
            self.base.publish(Role::Screen { engine_pid: self.engine_pid }, None, idle, Arc::default(), now);
            let loading = !self.base.publisher.is_loaded();
            if loading {
                self.base.publisher.load_more(&self.base.store)?;
            }
            let wake = self.next_wake();
            tokio::select! {
                // Commands first: a key must not wait behind the rows that are still read.
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => self.stopping = true,
                },
                () = tokio::time::sleep_until(wake), if !loading => {}
                () = tokio::task::yield_now(), if loading => {}
            }
            if let Some(lock) = self.tick() {
                return Ok(Some(lock));
            }
        }
        if !self.read_only
            && let Err(error) = self.base.store.flush()
        {
            tracing::warn!(%error, "the store could not be flushed; it is complete all the same");
        }
        Ok(None)
    }

    fn command(&mut self, message: SessionMessage) {
        match message {
            SessionMessage::Command { ticket, command } => {
                let outcome = if self.read_only { Err(CommandError::ReadOnly) } else { self.perform(command) };
                self.base.publisher.command_done(ticket, outcome);
            }
            SessionMessage::Details(job) => self.base.publisher.details(job, &self.base.store),
            SessionMessage::ShowDrafts(shown) => {
                self.base.drafts.show(shown);
                self.base.publish_drafts();
                self.ask_for_drafts_at = shown.then(Instant::now);
                self.ask_for_drafts();
            }
            SessionMessage::ListDrafts => self.ask(EngineRequest::ListDrafts { now: true }),
            SessionMessage::LookAtDraft(task) => self.ask(EngineRequest::LookAtDraft(task)),
            SessionMessage::FetchDraft(task) => self.ask(EngineRequest::FetchDraft(task)),
            SessionMessage::SaveScreenState(_) if self.read_only => {}
            SessionMessage::SaveScreenState(state) => self.base.save_screen_state(&state),
            SessionMessage::Stop => self.stopping = true,
        }
    }

    /// Asks the engine once a minute to look through the list for drafts, while they are shown here.
    fn ask_for_drafts(&mut self) {
        let now = Instant::now();
        if self.ask_for_drafts_at.is_some_and(|at| at <= now) {
            self.ask_for_drafts_at = Some(now + LIST_EVERY);
            self.ask(EngineRequest::ListDrafts { now: false });
        }
    }

    /// Asks the engine for something, unless this process only looks.
    fn ask(&mut self, request: EngineRequest) {
        if !self.read_only
            && let Err(error) = self.base.store.ask(&[request])
        {
            self.base.store_failed(&error);
        }
    }

    /// Does a command: writes it for the engine.
    fn perform(&mut self, command: Command) -> Result<CommandOutcome, CommandError> {
        let done = self.base.perform(command, false)?;
        self.take(done.changed);
        Ok(done.outcome)
    }

    fn take(&mut self, jobs: Vec<Job>) {
        let jobs = jobs.into_iter().map(|job| self.base.take(job).0).collect();
        self.base.publisher.jobs(jobs);
    }

    /// What is due once a second: other processes' changes, and the engine's lock.
    fn tick(&mut self) -> Option<EngineLock> {
        let rests = self.base.publisher.is_idle();
        if !self.base.peers.take_tick(Instant::now(), rests) {
            return None;
        }
        let looked = self.read_external_changes();
        if self.base.peers.looked(looked.is_ok())
            && let Err(error) = looked
        {
            self.base.store_failed(&error);
        }
        self.base.tell_of_ending_links();
        self.ask_for_drafts();
        let data_dir = &self.base.options.data_dir;
        if self.read_only {
            self.engine_pid = Store::engine_pid(data_dir);
            return None;
        }
        match Store::lock_engine(data_dir) {
            Ok(Some(lock)) => return Some(lock),
            Ok(None) => self.engine_pid = Store::engine_pid(data_dir),
            Err(error) => self.base.store_failed(&error),
        }
        None
    }

    fn read_external_changes(&mut self) -> Result<(), StoreError> {
        let Some((jobs, floor_moved)) = self.base.external_changes()? else { return Ok(()) };
        self.take(jobs);
        if floor_moved {
            let approval_floor = self.base.account.settings().approval_floor;
            for job in self.base.jobs.all() {
                self.base.jobs.put(&job, approval_floor);
            }
        }
        Ok(())
    }

    /// Whether nothing is under way that the engine does by itself.
    fn is_idle(&self) -> bool {
        let Base { jobs, account, options, publisher, .. } = &self.base;
        let may_send = !account.is_paused() && options.sending != Sending::Nothing;
        publisher.is_loaded() && jobs.in_flight() == 0 && !jobs.has_to_fetch() && !(may_send && jobs.has_approved())
    }

    fn next_wake(&self) -> Instant {
        let tick = self.base.peers.next_deadline();
        let wake = self.base.publisher.next_deadline().map_or(tick, |at| at.min(tick));
        // A time that has passed is taken up in the next turn, but never in a busy loop.
        wake.max(Instant::now() + std::time::Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use tokio::sync::mpsc::unbounded_channel;

    use super::super::account::tests::options;
    use super::super::base::tests::silent;
    use super::super::index::tests::job;
    use super::super::{EngineEvent, NoticeKind, Options};
    use super::*;
    use crate::job::Phase;
    use crate::store::{Access, PauseReason};

    type Heard = Arc<Mutex<Vec<EngineEvent>>>;

    /// A follower over the store in this folder, and what it says.
    fn follower(folder: &Path, read_only: bool) -> (Follower, Heard) {
        let store = Store::open(folder, Access::ReadWrite).unwrap();
        let heard: Heard = Arc::default();
        let said = Arc::clone(&heard);
        let events = Box::new(move |event| said.lock().unwrap().push(event));
        let options = Options { data_dir: folder.to_owned(), ..options() };
        let base = Base::new(store, options, silent(), events, Instant::now(), None);
        (Follower::new(base, read_only), heard)
    }

    fn roles(heard: &Heard) -> Vec<Role> {
        let heard = heard.lock().unwrap();
        let role = |event: &EngineEvent| if let EngineEvent::Status(status) = event { Some(status.role.clone()) } else { None };
        heard.iter().filter_map(role).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn it_writes_commands_and_takes_the_lock_of_an_engine_that_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut other = Store::open(folder.path(), Access::ReadWrite).unwrap();
        other.import(&[Job::clone(&job(1, Phase::Unwatched))], jiff::Timestamp::MAX).unwrap();
        let held = Store::lock_engine(folder.path()).unwrap().unwrap();
        let (mut follower, heard) = follower(folder.path(), false);
        follower.start().unwrap();
        let (commands, mut inbox) = unbounded_channel();
        commands.send(SessionMessage::Command { ticket: 7, command: Command::Pause }).unwrap();
        let ends = async {
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            drop(held);
        };
        let (lock, ()) = tokio::join!(follower.run(&mut inbox), ends);
        assert!(lock.unwrap().is_some(), "the lock is free");
        assert!(roles(&heard).iter().all(|role| matches!(role, Role::Screen { .. })), "{:?}", roles(&heard));
        assert_eq!(other.settings().unwrap().paused, Some(PauseReason::You), "written for the engine");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_only_watches_writes_nothing_and_leaves_a_free_lock_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (mut follower, heard) = follower(folder.path(), true);
        follower.start().unwrap();
        let (commands, mut inbox) = unbounded_channel();
        commands.send(SessionMessage::Command { ticket: 7, command: Command::Pause }).unwrap();
        let later = async {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            commands.send(SessionMessage::Stop).unwrap();
        };
        let (lock, ()) = tokio::join!(follower.run(&mut inbox), later);
        assert!(lock.unwrap().is_none());
        let refused = |event: &EngineEvent| matches!(event, EngineEvent::CommandDone { ticket: 7, outcome: Err(_) });
        assert!(heard.lock().unwrap().iter().any(refused));
        assert_eq!(Store::open(folder.path(), Access::ReadWrite).unwrap().settings().unwrap().paused, None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_only_watches_tells_of_links_that_end_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut ending = Job::clone(&job(1, Phase::ToFetch(crate::job::FetchTrouble::default())));
        ending.link_expires_at = Some(jiff::Timestamp::now() + jiff::SignedDuration::from_hours(3));
        Store::open(folder.path(), Access::ReadWrite).unwrap().import(&[ending], jiff::Timestamp::now()).unwrap();
        let (mut follower, heard) = follower(folder.path(), true);
        follower.start().unwrap();
        let (commands, mut inbox) = unbounded_channel();
        let later = async {
            tokio::time::sleep(std::time::Duration::from_secs(9)).await;
            commands.send(SessionMessage::Stop).unwrap();
        };
        let (lock, ()) = tokio::join!(follower.run(&mut inbox), later);
        assert!(lock.unwrap().is_none());
        let kinds: Vec<NoticeKind> = heard
            .lock()
            .unwrap()
            .iter()
            .filter_map(|event| if let EngineEvent::Notice(notice) = event { Some(notice.kind.clone()) } else { None })
            .collect();
        assert_eq!(kinds, [NoticeKind::LinksEnding { results: 1, hours: 4 }]);
    }
}
