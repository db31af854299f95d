//! A session: the engine's thread and the handle that a screen or a script holds.

use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::error;

use super::base::{Base, Services, SessionMessage};
use super::event_loop::Engine;
use super::follower::Follower;
use super::{Command, EngineEvent, Options};
use crate::job::{JobId, TaskId};
use crate::store::{Access, EngineLock, Store, StoreError};

/// Why a session could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process is the engine, and this one was to be it or nothing.
    #[error("another mj-enhance{} is the engine of this store; screens may stay, `run` may not", .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked {
        /// Its process id, where it wrote one.
        pid: Option<u32>,
    },
    /// The thread or its runtime could not be made.
    #[error("the engine's thread could not be started: {0}")]
    Thread(String),
}

/// Whether a session must be the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartMode {
    /// Be the engine, or a screen of the one there is.
    EngineOrFollower,
    /// Be the engine or fail with [`StartError::Locked`].
    EngineOnly,
    /// Never be the engine, and write nothing: `watch`, `--read-only`.
    ReadOnly,
}

/// Runs an engine until it is told to stop.
async fn lead(mut engine: Engine, inbox: &mut UnboundedReceiver<SessionMessage>) {
    if let Err(error) = engine.run(inbox).await {
        error!(%error, "the engine cannot go on");
        engine.publish_broken(&error);
    }
}

/// Follows another process's engine until told to stop, and goes on as the engine when that one ends.
async fn follow(mut follower: Follower, inbox: &mut UnboundedReceiver<SessionMessage>) {
    let started = follower.start();
    let mut lock = match started {
        Ok(()) => follower.run(inbox).await,
        Err(error) => Err(error),
    };
    loop {
        match lock {
            Ok(None) => return,
            Ok(Some(free)) => match Engine::take_over(follower.into_base(), free) {
                Ok(mut engine) => {
                    if let Err(error) = engine.serve(inbox).await {
                        error!(%error, "the engine cannot go on");
                        engine.publish_broken(&error);
                    }
                    return;
                }
                Err(base) => {
                    follower = Follower::new(*base, false);
                    lock = follower.run(inbox).await;
                }
            },
            Err(error) => {
                error!(%error, "the follower cannot go on");
                follower.publish_broken(&error);
                return;
            }
        }
    }
}

/// What a session's thread does: with the lock it is the engine of this store, without it it follows another process's and
/// goes on when that one ends. For who brings a runtime of their own, such as a test under a paused clock; everybody else
/// starts a [`Session`].
///
/// It ends when told to stop, or when the other end of `inbox` is gone; what it cannot go on from it tells as
/// [`EngineEvent::Broken`].
pub async fn attend(
    store: Store,
    lock: Option<EngineLock>,
    options: Options,
    services: Services,
    events: Box<dyn Fn(EngineEvent) + Send>,
    inbox: &mut UnboundedReceiver<SessionMessage>,
) {
    let base = Base::new(store, options, services, events, tokio::time::Instant::now(), None);
    match lock {
        Some(lock) => lead(Engine::over(base, lock), inbox).await,
        None => follow(Follower::new(base, false), inbox).await,
    }
}

/// The engine's thread, from outside. Dropping it leaves in order.
pub struct Session {
    commands: UnboundedSender<SessionMessage>,
    thread: Option<JoinHandle<()>>,
    /// Far from the numbers that callers of [`Session::send_as`] count with.
    tickets: u64,
    remembered: Option<String>,
}

impl Session {
    /// Opens the store, becomes its engine if nobody is, and starts the thread. EngineEvent go to `events` on that thread; it must not block.
    ///
    /// # Errors
    /// When the store cannot be used, or with [`StartMode::EngineOnly`] when another process is the engine.
    pub fn start(
        options: Options,
        join: StartMode,
        services: Services,
        events: Box<dyn Fn(EngineEvent) + Send>,
    ) -> Result<Self, StartError> {
        let access = if join == StartMode::ReadOnly { Access::ReadOnly } else { Access::ReadWrite };
        let store = Store::open(&options.data_dir, access)?;
        let lock = if join == StartMode::ReadOnly { None } else { Store::lock_engine(&options.data_dir)? };
        if lock.is_none() && join == StartMode::EngineOnly {
            return Err(StartError::Locked { pid: Store::engine_pid(&options.data_dir) });
        }
        let screen = match join {
            StartMode::EngineOrFollower => Some(Store::lock_screen(&options.data_dir)?),
            // Who only looks on may not write a lock file; the engine's progress comes with its other writes.
            StartMode::EngineOnly | StartMode::ReadOnly => None,
        };
        let remembered = store.screen_state()?;
        let made = tokio::time::Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StartError::Thread(error.to_string()))?;
        let (commands, mut inbox) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || {
                runtime.block_on(async move {
                    let base = Base::new(store, options, services, events, made, screen);
                    match lock {
                        Some(lock) => lead(Engine::over(base, lock), &mut inbox).await,
                        None => follow(Follower::new(base, join == StartMode::ReadOnly), &mut inbox).await,
                    }
                });
                // What still runs in the runtime's pool (a look-up of a host, say) must not hold up leaving.
            })
            .map_err(|error| StartError::Thread(error.to_string()))?;
        Ok(Self { commands, thread: Some(thread), tickets: 1 << 32, remembered })
    }

    /// What the last screen of this store wanted to be remembered.
    #[must_use]
    pub fn remembered(&self) -> Option<&str> {
        self.remembered.as_deref()
    }

    /// Sends a command; its answer comes as [`EngineEvent::CommandDone`] with the ticket returned.
    pub fn send(&mut self, command: Command) -> u64 {
        self.tickets += 1;
        self.command(SessionMessage::Command { ticket: self.tickets, command });
        self.tickets
    }

    /// Sends a command under a ticket of the caller's.
    pub fn send_as(&self, ticket: u64, command: Command) {
        self.command(SessionMessage::Command { ticket, command });
    }

    /// Asks for everything about a job; the answer comes as [`EngineEvent::Details`].
    pub fn details(&self, job: JobId) {
        self.command(SessionMessage::Details(job));
    }

    /// Says that the dashboard shows drafts, or no more. While it does, [`EngineEvent::Drafts`] tells of them, the account's
    /// list is read for them at most once a minute.
    pub fn show_drafts(&self, shown: bool) {
        self.command(SessionMessage::ShowDrafts(shown));
    }

    /// Has the account's list read for drafts now.
    pub fn list_drafts(&self) {
        self.command(SessionMessage::ListDrafts);
    }

    /// Says that the dashboard shows the pictures of a draft of another program's; those that are not on disk are fetched, and
    /// [`EngineEvent::Drafts`] names them.
    pub fn look_at_draft(&self, task: TaskId) {
        self.command(SessionMessage::LookAtDraft(task));
    }

    /// Has the pictures of a draft of another program's fetched, whether they are shown or not.
    pub fn fetch_draft(&self, task: TaskId) {
        self.command(SessionMessage::FetchDraft(task));
    }

    /// Has a text remembered for the next screen.
    pub fn remember(&self, state: String) {
        self.command(SessionMessage::SaveScreenState(state));
    }

    fn command(&self, command: SessionMessage) {
        // A thread that is gone has said so with `EngineEvent::Broken`; there is nobody else to tell.
        let _ = self.commands.send(command);
    }

    /// Leaves: waits a moment for the answer to an open paid request, writes everything down, ends the thread.
    pub fn stop(mut self) {
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.command(SessionMessage::Stop);
            if thread.join().is_err() {
                error!("the engine's thread ended by a fault of this program");
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.join();
    }
}
