//! Signals of the operating system, turned into messages by a thread of their own.

use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};

use super::inbox::{Mailbox, Message, Signal};

/// Listens while it lives.
pub struct Watch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// If the handlers cannot be installed or the thread cannot be started.
    pub fn start<T: Send + 'static>(mailbox: Mailbox<T>) -> io::Result<Self> {
        let mut signals = Signals::new([SIGTERM, SIGQUIT, SIGHUP, SIGINT, SIGTSTP, SIGCONT, SIGWINCH])?;
        let handle = signals.handle();
        let thread = thread::Builder::new().name("terminal-signals".into()).spawn(move || {
            for signal in signals.forever() {
                if let Some(signal) = meaning(signal)
                    && !mailbox.send(Message::Signal(signal))
                {
                    return;
                }
            }
        })?;
        Ok(Self { handle, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It ends by itself now; a panic in it has been reported by the hook.
            let _ = thread.join();
        }
    }
}

fn meaning(signal: i32) -> Option<Signal> {
    match signal {
        // From outside: in raw mode Ctrl+\\ is a key.
        SIGTERM | SIGQUIT => Some(Signal::Terminate),
        SIGHUP => Some(Signal::HangUp),
        SIGINT => Some(Signal::Interrupt),
        SIGTSTP => Some(Signal::Stop),
        SIGCONT => Some(Signal::Continue),
        SIGWINCH => Some(Signal::Resize),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::inbox::Inbox;
    use super::*;

    #[test]
    fn a_signal_arrives_as_a_message_until_the_watch_ends() {
        let inbox = Inbox::<()>::default();
        let watch = Watch::start(inbox.mailbox()).unwrap();
        // This signal does nothing to other tests: its default is to be ignored.
        signal_hook::low_level::raise(SIGWINCH).unwrap();
        assert_eq!(inbox.next(None), [Message::Signal(Signal::Resize)]);
        drop(watch);
        assert!(inbox.next(Some(std::time::Instant::now())).is_empty());
    }

    #[test]
    fn only_a_hangup_says_that_the_terminal_is_gone() {
        assert_eq!(meaning(SIGHUP), Some(Signal::HangUp));
        assert_eq!(meaning(SIGTERM), Some(Signal::Terminate));
        assert_eq!(meaning(SIGQUIT), Some(Signal::Terminate), "the terminal is given back, and no core is left");
        assert_eq!(meaning(signal_hook::consts::SIGUSR1), None);
    }
}
