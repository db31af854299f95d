//! The terminal as a pair of open files: where keys come from and where bytes go to.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use rustix::termios::{self, OptionalActions, QueueSelector, Termios};

/// An open terminal. Cloning it is cheap; the files are closed with the last clone.
#[derive(Clone, Debug)]
pub struct Device {
    input: Arc<OwnedFd>,
    output: Arc<OwnedFd>,
}

impl Device {
    /// The terminal of this process: standard input and output where they are one, else the controlling terminal (so that
    /// text can be piped in or out).
    ///
    /// # Errors
    ///
    /// If there is no terminal, or it cannot be opened.
    pub fn open() -> io::Result<Self> {
        let controlling = || OpenOptions::new().read(true).write(true).open("/dev/tty").map(OwnedFd::from);
        let input = if io::stdin().is_terminal() { io::stdin().as_fd().try_clone_to_owned()? } else { controlling()? };
        let output = if io::stdout().is_terminal() { io::stdout().as_fd().try_clone_to_owned()? } else { controlling()? };
        Ok(Self::of(input, output))
    }

    /// These two files.
    pub fn of(input: OwnedFd, output: OwnedFd) -> Self {
        Self { input: Arc::new(input), output: Arc::new(output) }
    }

    /// Where keys come from.
    pub fn input(&self) -> &OwnedFd {
        &self.input
    }

    /// Columns and rows; 80 × 24 where the terminal does not say.
    pub fn size(&self) -> (u16, u16) {
        match termios::tcgetwinsize(&self.output) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => (80, 24),
        }
    }

    /// Pixels of a cell, across and down, where the terminal said how many its window has (RFC 4254 §6.2 carries it over SSH).
    pub fn cell_size(&self) -> Option<(u16, u16)> {
        let size = termios::tcgetwinsize(&self.output).ok()?;
        let cell = (size.ws_xpixel.checked_div(size.ws_col)?, size.ws_ypixel.checked_div(size.ws_row)?);
        (cell.0 > 0 && cell.1 > 0).then_some(cell)
    }

    /// Drops what was typed or answered and nobody has read.
    pub fn drop_input(&self) {
        // Nothing depends on it: an answer that comes late is only ugly.
        let _ = termios::tcflush(&self.input, QueueSelector::IFlush);
    }

    /// The line settings as they are.
    ///
    /// # Errors
    ///
    /// If this is no terminal or it is gone.
    pub fn settings(&self) -> io::Result<Termios> {
        Ok(termios::tcgetattr(&self.input)?)
    }

    /// Sets line settings at once, without waiting for output that the terminal has not taken.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn set(&self, settings: &Termios) -> io::Result<()> {
        Ok(termios::tcsetattr(&self.input, OptionalActions::Now, settings)?)
    }

    /// Drops output that the terminal has not taken yet.
    pub fn drop_output(&self) {
        // Nothing depends on it: it only makes room for the bytes that restore the terminal.
        let _ = termios::tcflush(&self.output, QueueSelector::OFlush);
    }

    /// Writes everything, waiting for the terminal to take it.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.output, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => bytes = &bytes[taken..],
                Err(rustix::io::Errno::INTR) => {}
                // Another program may have set the shared file to non-blocking.
                Err(rustix::io::Errno::AGAIN) => {
                    use rustix::event::{PollFd, PollFlags, poll};
                    let _ = poll(&mut [PollFd::new(&self.output, PollFlags::OUT)], None);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
