//! A session: the engine's thread and the handle that a screen or a script holds.

use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tracing::error;

use super::core::{Command, Engine, Services};
use super::{News, Options, Wish};
use crate::job::JobId;
use crate::store::{Access, Store, StoreError};

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
pub enum Join {
    /// Be the engine, or a screen of the one there is.
    AsScreenToo,
    /// Be the engine or fail with [`StartError::Locked`].
    EngineOnly,
    /// Never be the engine, and write nothing: `watch`, `--read-only`.
    LookOn,
}

/// The engine's thread, from the outside. Dropping it leaves in order.
pub struct Session {
    commands: UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
    /// Far from the numbers that callers of [`Session::wish_as`] count with.
    tickets: u64,
    remembered: Option<String>,
}

impl Session {
    /// Opens the store, becomes its engine if nobody is, and starts the thread. News go to `sink` on that thread; it must not block.
    ///
    /// # Errors
    /// When the store cannot be used, or with [`Join::EngineOnly`] when another process is the engine.
    pub fn start(options: Options, join: Join, services: Services, sink: Box<dyn Fn(News) + Send>) -> Result<Self, StartError> {
        let access = if join == Join::LookOn { Access::ReadOnly } else { Access::ReadWrite };
        let store = Store::open(&options.data_dir, access)?;
        let lock = if join == Join::LookOn { None } else { Store::lock_engine(&options.data_dir)? };
        if lock.is_none() && join == Join::EngineOnly {
            return Err(StartError::Locked { pid: Store::engine_pid(&options.data_dir) });
        }
        let screen = match join {
            Join::AsScreenToo => Some(Store::lock_screen(&options.data_dir)?),
            // Who only looks on may not write a lock file; the engine's progress comes with its other writes.
            Join::EngineOnly | Join::LookOn => None,
        };
        let remembered = store.screen_state()?;
        let made = tokio::time::Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|trouble| StartError::Thread(trouble.to_string()))?;
        let (commands, mut inbox) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || {
                runtime.block_on(async move {
                    let mut engine = Engine::new(store, lock, options, services, sink);
                    engine.runtime_made(made);
                    if join == Join::LookOn {
                        engine.only_look_on();
                    }
                    if let Some(screen) = screen {
                        engine.attach_screen(screen);
                    }
                    if let Err(trouble) = engine.run(&mut inbox).await {
                        error!(%trouble, "the engine cannot go on");
                        engine.tell_broken(&trouble);
                    }
                });
                // What still runs in the runtime's pool (a look-up of a host, say) must not hold up leaving.
            })
            .map_err(|trouble| StartError::Thread(trouble.to_string()))?;
        Ok(Self { commands, thread: Some(thread), tickets: 1 << 32, remembered })
    }

    /// What the last screen of this store wanted to be remembered.
    #[must_use]
    pub fn remembered(&self) -> Option<&str> {
        self.remembered.as_deref()
    }

    /// Sends a wish; its answer comes as [`News::Wished`] with the ticket returned.
    pub fn wish(&mut self, wish: Wish) -> u64 {
        self.tickets += 1;
        self.command(Command::Wish { ticket: self.tickets, wish });
        self.tickets
    }

    /// Sends a wish under a ticket of the caller's.
    pub fn wish_as(&self, ticket: u64, wish: Wish) {
        self.command(Command::Wish { ticket, wish });
    }

    /// Asks for everything about a job; the answer comes as [`News::Details`].
    pub fn details(&self, job: JobId) {
        self.command(Command::Details(job));
    }

    /// Has a text remembered for the next screen.
    pub fn remember(&self, state: String) {
        self.command(Command::SaveScreenState(state));
    }

    fn command(&self, command: Command) {
        // A thread that is gone has said so with `News::Broken`; there is nobody else to tell.
        let _ = self.commands.send(command);
    }

    /// Leaves: waits a moment for the answer to an open paid request, writes everything down, ends the thread.
    pub fn stop(mut self) {
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.command(Command::Stop);
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
