//! The thread that hands frames to the terminal, one at a time.
//!
//! There is one slot. While the terminal takes the bytes in it, no other frame is made, so a terminal that takes nothing
//! costs nothing: not a queue, not the loop's time. The loop is told of every write when the terminal has taken it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Slot {
    /// Bytes to be written.
    bytes: Option<Vec<u8>>,
    /// The thread is in the middle of a write.
    writing: bool,
    /// Writing failed; nothing is taken any more.
    lost: bool,
    /// The thread ends when the slot is empty.
    closed: bool,
    /// How many writes were handed over.
    writes: u64,
    /// An emptied buffer for the next frame.
    spare: Vec<u8>,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        // A panic elsewhere must not keep the terminal from being restored.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the writer tells the loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriterEvent {
    /// The terminal took a write: the slot is free again.
    Taken {
        /// Its number, as [`Writer::submit`] gave it.
        write: u64,
        /// When it was taken.
        at: Instant,
    },
    /// The terminal is gone.
    Lost,
}

/// The loop's side of the slot.
pub struct Writer {
    shared: Arc<Shared>,
}

impl Writer {
    /// Starts the thread. `write` writes everything or fails; it may take as long as it likes.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn spawn(
        mut write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
        tell: impl Fn(WriterEvent) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let mine = Arc::clone(&shared);
        thread::Builder::new().name("terminal-writer".into()).spawn(move || {
            loop {
                let mut slot = mine.lock();
                while slot.bytes.is_none() && !slot.closed {
                    slot = mine.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
                }
                let Some(mut bytes) = slot.bytes.take() else { return };
                slot.writing = true;
                drop(slot);
                let written = write(&bytes);
                bytes.clear();
                let mut slot = mine.lock();
                slot.writing = false;
                let write = slot.writes;
                slot.spare = bytes;
                slot.lost = written.is_err();
                let lost = slot.lost;
                mine.changed.notify_all();
                drop(slot);
                if lost {
                    tell(WriterEvent::Lost);
                    return;
                }
                tell(WriterEvent::Taken { write, at: Instant::now() });
            }
        })?;
        Ok(Self { shared })
    }

    /// Whether a frame may be made now. If not, the loop is told when it may.
    pub fn is_free(&self) -> bool {
        let slot = self.shared.lock();
        slot.bytes.is_none() && !slot.writing && !slot.lost
    }

    /// An empty buffer, with the room of an earlier frame.
    pub fn buffer(&self) -> Vec<u8> {
        std::mem::take(&mut self.shared.lock().spare)
    }

    /// Hands over bytes for one write and numbers it. Call it only when [`Self::is_free`] said so; otherwise the bytes are lost.
    pub fn submit(&self, bytes: Vec<u8>) -> u64 {
        let mut slot = self.shared.lock();
        debug_assert!(slot.bytes.is_none() && !slot.writing, "one frame at a time");
        slot.bytes = Some(bytes);
        slot.writes += 1;
        self.shared.changed.notify_all();
        slot.writes
    }

    /// Waits until everything handed over is taken, at most so long. `false` if it is not.
    pub fn wait(&self, most: Duration) -> bool {
        let deadline = Instant::now() + most;
        let mut slot = self.shared.lock();
        loop {
            if slot.lost {
                return false;
            }
            if slot.bytes.is_none() && !slot.writing {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            slot = self.shared.changed.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Writer {
    /// Lets the thread end. It is not waited for: it may hang in a write that the terminal never takes.
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn while_the_terminal_takes_nothing_the_slot_is_taken_and_the_loop_is_told_of_every_write() {
        let (taken, gate) = mpsc::channel::<()>();
        let (told, news) = mpsc::channel();
        let (record, output) = mpsc::channel();
        let writer = Writer::spawn(
            move |bytes| {
                gate.recv().unwrap();
                record.send(bytes.to_vec()).unwrap();
                Ok(())
            },
            move |what| told.send(what).unwrap(),
        )
        .unwrap();
        assert!(writer.is_free());
        writer.submit(b"one".to_vec());
        assert!(!writer.is_free());
        assert!(!writer.is_free());
        assert!(!writer.wait(Duration::ZERO));
        taken.send(()).unwrap();
        assert!(matches!(news.recv().unwrap(), WriterEvent::Taken { write: 1, .. }));
        assert!(writer.is_free());
        writer.submit(b"two".to_vec());
        taken.send(()).unwrap();
        assert!(writer.wait(Duration::from_mins(1)));
        assert_eq!(output.recv().unwrap(), b"one");
        assert_eq!(output.recv().unwrap(), b"two");
        assert!(matches!(news.recv().unwrap(), WriterEvent::Taken { write: 2, .. }));
        assert!(news.try_recv().is_err(), "once each");
    }

    #[test]
    fn a_lost_terminal_is_told_and_takes_no_more_frames() {
        let (told, news) = mpsc::channel();
        let writer = Writer::spawn(|_| Err(io::ErrorKind::BrokenPipe.into()), move |what| told.send(what).unwrap()).unwrap();
        writer.submit(b"one".to_vec());
        assert_eq!(news.recv().unwrap(), WriterEvent::Lost);
        assert!(!writer.is_free());
        assert!(!writer.wait(Duration::from_mins(1)));
    }
}
