//! The thread that reads the terminal.
//!
//! It sleeps until bytes come. A terminal that is gone is told once, and the thread ends; it never turns in a circle. It
//! can be paused, so that another program gets the keys.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::device::Device;
use super::inbox::{Mailbox, Message};
use super::parser::{Parser, mark_bursts};

const PAUSE: u8 = b'p';
const RESUME: u8 = b'r';

/// The reading thread's handle; the thread ends when it is dropped.
pub struct Reader {
    control: PipeWriter,
}

impl Reader {
    /// Starts to read.
    ///
    /// # Errors
    ///
    /// If the pipe or the thread cannot be made.
    pub fn start<T: Send + 'static>(device: Device, mailbox: Mailbox<T>) -> io::Result<Self> {
        let (commands, control) = io::pipe()?;
        thread::Builder::new().name("terminal-reader".into()).spawn(move || read(&device, commands, &mailbox))?;
        Ok(Self { control })
    }

    /// Leaves the keys to somebody else.
    pub fn pause(&mut self) {
        // If the thread is gone, it reads no keys either.
        let _ = self.control.write_all(&[PAUSE]);
    }

    /// Takes the keys again.
    pub fn resume(&mut self) {
        let _ = self.control.write_all(&[RESUME]);
    }
}

fn read<T>(device: &Device, mut commands: PipeReader, mailbox: &Mailbox<T>) {
    let mut parser = Parser::default();
    let mut events = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let wait = parser.deadline().map(|deadline| timespec(deadline.saturating_duration_since(Instant::now())));
        let mut files = [PollFd::new(device.input(), PollFlags::IN), PollFd::new(&commands, PollFlags::IN)];
        match poll(&mut files, wait.as_ref()) {
            // Only now is it certain that nothing came in time, however late this thread had its turn.
            Ok(0) => parser.expire(Instant::now(), &mut events),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => {
                mailbox.send(Message::Lost);
                return;
            }
        }
        let (keys, command) = (files[0].revents(), files[1].revents());
        if !command.is_empty() && !obey(&mut commands) {
            return;
        }
        if !command.is_empty() {
            // Whatever was readable before a pause may be gone by now.
            continue;
        }
        if keys.contains(PollFlags::IN) {
            match rustix::io::read(device.input(), &mut bytes) {
                Ok(0) => {
                    mailbox.send(Message::Lost);
                    return;
                }
                Ok(count) => parser.feed(&bytes[..count], Instant::now(), &mut events),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(_) => {
                    mailbox.send(Message::Lost);
                    return;
                }
            }
        } else if keys.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            mailbox.send(Message::Lost);
            return;
        }
        mark_bursts(&mut events);
        let now = Instant::now();
        for event in events.drain(..) {
            if !mailbox.send(Message::Terminal(event, now)) {
                return;
            }
        }
    }
}

fn timespec(wait: Duration) -> Timespec {
    // Rounded up, so that the deadline has passed when the wait is over.
    let wait = wait + Duration::from_millis(1);
    Timespec { tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(wait.subsec_nanos()) }
}

/// Reads a command; a pause lasts until the next one. `false`: end.
fn obey(commands: &mut PipeReader) -> bool {
    let mut command = [0];
    loop {
        match commands.read(&mut command) {
            Ok(1) if command[0] == PAUSE => {}
            Ok(1) => return true,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => return false,
        }
    }
}
