//! Everything that can wake the loop, in one channel.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;

use super::parser::TerminalEvent;

/// One thing that woke the loop. This list is complete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message<T> {
    /// A signal of the operating system.
    Signal(Signal),
    /// The terminal is gone: reading or writing failed.
    Lost,
    /// The terminal has taken a write.
    Taken {
        /// Its number.
        write: u64,
        /// When.
        at: Instant,
    },
    /// Something came from the terminal, and when it was read: typed, pasted, clicked, answered.
    Terminal(TerminalEvent, Instant),
    /// News from the rest of the program.
    News(T),
}

/// What signals mean to the loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGTERM or SIGQUIT: leave; the terminal is still there.
    Terminate,
    /// SIGHUP: leave; nothing more is written.
    HangUp,
    /// SIGINT from outside (in raw mode Ctrl+c is a key).
    Interrupt,
    /// SIGTSTP from outside.
    Stop,
    /// SIGCONT: the process goes on.
    Continue,
    /// SIGWINCH: the window has a new size.
    Resize,
}

impl<T> Message<T> {
    /// Signals first, so that leaving never waits behind other work; then keys, which a person waits for; then news.
    fn rank(&self) -> u8 {
        match self {
            Self::Signal(_) | Self::Lost => 0,
            Self::Taken { .. } => 1,
            Self::Terminal(..) => 2,
            Self::News(_) => 3,
        }
    }
}

/// The sending end; as many as are needed.
#[derive(Debug)]
pub struct Mailbox<T>(Sender<Message<T>>);

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Mailbox<T> {
    /// Tells the loop news. `false` if the loop is over.
    pub fn news(&self, news: T) -> bool {
        self.send(Message::News(news))
    }

    /// Tells the loop anything. `false` if the loop is over.
    pub fn send(&self, message: Message<T>) -> bool {
        self.0.send(message).is_ok()
    }
}

/// The receiving end. The channel has no bound: the loop takes everything at every turn and never blocks, so what is
/// waiting is what came during one turn.
#[derive(Debug)]
pub struct Inbox<T> {
    receiver: Receiver<Message<T>>,
    // Keeps the channel open even when nobody else holds an end of it.
    sender: Sender<Message<T>>,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel();
        Self { receiver, sender }
    }
}

impl<T> Inbox<T> {
    /// Messages taken in one turn, so that a flood of news cannot keep a frame from being drawn.
    const BATCH: usize = 4096;

    /// A new sending end.
    pub fn mailbox(&self) -> Mailbox<T> {
        Mailbox(self.sender.clone())
    }

    /// Waits for the first message, at most until `deadline` (`None`: for ever), then takes all that are there: signals
    /// first, then keys, then news, each in the order they came.
    pub fn next(&self, deadline: Option<Instant>) -> Vec<Message<T>> {
        let first = match deadline {
            None => self.receiver.recv().ok(),
            Some(deadline) => self.receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok(),
        };
        let mut batch: Vec<_> = first.into_iter().chain(self.receiver.try_iter().take(Self::BATCH)).collect();
        batch.sort_by_key(Message::rank);
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyEvent};

    #[test]
    fn a_batch_has_signals_first_then_keys_then_news_in_their_order() {
        let inbox = Inbox::default();
        let mailbox = inbox.mailbox();
        let now = Instant::now();
        let key = |c| Message::Terminal(TerminalEvent::Key(KeyEvent::from(KeyCode::Char(c))), now);
        for message in [Message::News(1), key('a'), Message::News(2), Message::Signal(Signal::Terminate), key('b')] {
            assert!(mailbox.send(message));
        }
        let wanted = vec![Message::Signal(Signal::Terminate), key('a'), key('b'), Message::News(1), Message::News(2)];
        assert_eq!(inbox.next(None), wanted);
    }
}
