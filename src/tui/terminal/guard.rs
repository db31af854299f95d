//! Takes the terminal over and gives it back as it was, whatever happens.
//!
//! Giving back happens at the end, when the guard is dropped, and in a panic hook before the message is printed; doing it
//! twice does nothing. Nothing here asks the terminal a question, so nothing waits for an answer. To a terminal that is gone
//! nothing is written any more.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use rustix::termios::Termios;

use super::device::Device;

/// How long restoring may wait for a terminal that takes no bytes.
const PATIENCE: Duration = Duration::from_millis(300);

/// What the guard switches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Modes {
    /// Keep and bring back the window's title (xterm `CSI 22/23 ; 2 t`).
    pub title: bool,
    /// Switch off what another program left on in the keyboard and the mouse, and put it back on leaving. Not for consoles,
    /// which would print some of these sequences.
    pub foreign: bool,
    /// Be told when the terminal's colours change between dark and light (mode 2031).
    pub scheme: bool,
    /// Where the log is; printed after a panic.
    pub log: Option<PathBuf>,
}

struct Shared {
    device: Device,
    modes: Modes,
    /// The line settings to go back to.
    original: Termios,
    /// Raw mode and alternate screen are on.
    entered: AtomicBool,
    /// Mouse reports are on.
    mouse: AtomicBool,
    /// They were on at some time, so the terminal may not have heard yet that they are off.
    had_mouse: AtomicBool,
    /// What deletes the pictures that are in the terminal.
    pictures: Mutex<Vec<u8>>,
    /// Nothing may be written any more.
    mute: AtomicBool,
    /// Held while bytes are written; `true` once the terminal was given back in a hurry and takes no more frames.
    closed: Mutex<bool>,
    /// The thread whose panic ends the program.
    thread: ThreadId,
    /// Panics of other threads, to be printed once the screen is ours no more.
    strays: Mutex<Vec<String>>,
}

/// The terminal in our hands.
pub struct Guard {
    shared: Arc<Shared>,
}

impl Guard {
    /// Remembers how the terminal is and installs the panic hook in front of the present one. The terminal is not touched
    /// yet. The guard belongs to the calling thread: its panic restores the screen; a panic elsewhere is logged and printed when the screen is left.
    ///
    /// # Errors
    ///
    /// If the device is no terminal.
    pub fn new(device: Device, modes: Modes) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            original: device.settings()?,
            device,
            modes,
            entered: AtomicBool::new(false),
            mouse: AtomicBool::new(false),
            had_mouse: AtomicBool::new(false),
            pictures: Mutex::default(),
            mute: AtomicBool::new(false),
            closed: Mutex::new(false),
            thread: thread::current().id(),
            strays: Mutex::new(Vec::new()),
        });
        hook(Arc::downgrade(&shared));
        Ok(Self { shared })
    }

    /// Switches the line to raw mode and returns the bytes that are to be written first.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn enter(&self) -> io::Result<Vec<u8>> {
        let mut raw = self.shared.original.clone();
        raw.make_raw();
        self.shared.device.set(&raw)?;
        let again = self.shared.entered.swap(true, Ordering::SeqCst);
        let mut bytes = Vec::with_capacity(64);
        if self.shared.modes.title && !again {
            bytes.extend_from_slice(b"\x1b[22;2t");
        }
        bytes.extend_from_slice(b"\x1b[?1049h\x1b[?25l");
        if self.shared.modes.foreign {
            bytes.extend_from_slice(if again { FOREIGN_AGAIN } else { FOREIGN_SAVED });
            bytes.extend_from_slice(FOREIGN_OFF);
        }
        // Bracketed paste, focus reports.
        bytes.extend_from_slice(b"\x1b[?2004h\x1b[?1004h");
        if self.shared.modes.scheme {
            bytes.extend_from_slice(b"\x1b[?2031h");
        }
        if self.shared.mouse.load(Ordering::SeqCst) {
            bytes.extend_from_slice(MOUSE_ON);
        }
        Ok(bytes)
    }

    /// The bytes that switch mouse reports; none if they are so already.
    pub fn mouse(&self, on: bool) -> &'static [u8] {
        if self.shared.mouse.swap(on, Ordering::SeqCst) == on {
            return b"";
        }
        self.shared.had_mouse.store(true, Ordering::SeqCst);
        if on { MOUSE_ON } else { MOUSE_OFF }
    }

    /// From now on these bytes delete the pictures that were sent; they are written first when the terminal is given back.
    pub fn pictures(&self, delete: Vec<u8>) {
        *self.shared.pictures.lock().unwrap_or_else(PoisonError::into_inner) = delete;
    }

    /// The bytes that undo those of [`Self::enter`]; none if the terminal is not in our hands, or gone.
    pub fn leaving(&self) -> Vec<u8> {
        if self.shared.entered.load(Ordering::SeqCst) && !self.shared.mute.load(Ordering::SeqCst) {
            self.shared.leaving()
        } else {
            Vec::new()
        }
    }

    /// Puts the line settings back, after the bytes of [`Self::leaving`] were written or given up.
    pub fn left(&self) {
        if self.shared.entered.swap(false, Ordering::SeqCst) {
            // If the terminal is gone, there is nothing to restore.
            let _ = self.shared.device.set(&self.shared.original);
            self.shared.print_strays();
        }
    }

    /// What the writer thread writes with: everything, or an error once the terminal is gone or was given back after a panic, so
    /// that no late frame lands on the screen of the shell.
    pub fn output(&self) -> impl FnMut(&[u8]) -> io::Result<()> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move |bytes| shared.write(bytes, false)
    }

    /// The terminal is gone: nothing is written from now on, not even to restore it.
    pub fn mute(&self) {
        self.shared.mute.store(true, Ordering::SeqCst);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.restore();
    }
}

/// Clicks and wheel (1000), in decimal form (1006).
const MOUSE_ON: &[u8] = b"\x1b[?1000;1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1000;1006l";

/// Saves the private modes (XTSAVE) that change what keys and mouse send, those that we set ourselves (1004, 2004) too, and
/// pushes kitty's keyboard flags, of which each screen of the terminal has its own. Terminals ignore what they do not know.
const FOREIGN_SAVED: &[u8] = b"\x1b[?1;9;1000;1001;1002;1003;1004;1005;1006;9001;1015;1016;2004s\x1b[>0u";
/// The same where they are saved already: somebody else may have changed them while we were stopped.
const FOREIGN_AGAIN: &[u8] = b"\x1b[=0u";
/// Switches off application cursor keys (1), every kind of mouse report (9 to 1003) in every encoding (1005 to 1016), Windows'
/// keys (9001), the application mode of the number pad (DECKPNM) and modifyOtherKeys.
const FOREIGN_OFF: &[u8] = b"\x1b[?1;9;1000;1001;1002;1003;1005;1006;9001;1015;1016l\x1b>\x1b[>4;0m";
/// Puts them back: kitty's flags are popped, modifyOtherKeys is as it was when the terminal started, the modes are restored.
const FOREIGN_BACK: &[u8] = b"\x1b[<u\x1b[>4m\x1b[?1;9;1000;1001;1002;1003;1004;1005;1006;9001;1015;1016;2004r";

impl Shared {
    fn leaving(&self) -> Vec<u8> {
        // Before the alternate screen is left: each has pictures of its own.
        let mut bytes = self.pictures.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.had_mouse.load(Ordering::SeqCst) {
            bytes.extend_from_slice(MOUSE_OFF);
        }
        if self.modes.scheme {
            bytes.extend_from_slice(b"\x1b[?2031l");
        }
        bytes.extend_from_slice(b"\x1b[?1004l\x1b[?2004l");
        if self.modes.foreign {
            bytes.extend_from_slice(FOREIGN_BACK);
        }
        // Some old terminals take modifyOtherKeys for an underline: attributes are reset after it.
        bytes.extend_from_slice(b"\x1b[m\x1b[?25h\x1b[?1049l");
        if self.modes.title {
            bytes.extend_from_slice(b"\x1b[23;2t");
        }
        bytes
    }

    /// Gives the terminal back without the help of the writer thread, which may be stuck or gone.
    fn restore(self: &Arc<Self>) {
        if !self.entered.swap(false, Ordering::SeqCst) {
            return;
        }
        if !self.mute.load(Ordering::SeqCst) {
            // A frame may have been cut off in the middle: end any string and the synchronized update first.
            let mut bytes = b"\x1b\\\x1b[?2026l".to_vec();
            bytes.extend(self.leaving());
            let shared = Arc::clone(self);
            let (done, wait) = mpsc::channel();
            // On a thread of its own, since a terminal that takes no bytes must not keep the program from ending.
            let started = thread::Builder::new().name("terminal-restore".into()).spawn(move || {
                let _ = shared.write(&bytes, true);
                let _ = done.send(());
            });
            if started.is_ok() {
                let _ = wait.recv_timeout(PATIENCE);
            }
        }
        let _ = self.device.set(&self.original);
        self.print_strays();
    }

    fn write(&self, bytes: &[u8], last: bool) -> io::Result<()> {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        *closed = last;
        self.device.write_all(bytes)
    }

    fn strays(&self) -> MutexGuard<'_, Vec<String>> {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print_strays(&self) {
        let strays = std::mem::take(&mut *self.strays());
        if strays.is_empty() || self.mute.load(Ordering::SeqCst) {
            return;
        }
        let mut stderr = io::stderr().lock();
        for stray in strays {
            let _ = writeln!(stderr, "{stray}");
        }
        self.print_log(&mut stderr);
    }

    fn print_log(&self, stderr: &mut impl io::Write) {
        if let Some(log) = &self.modes.log {
            let _ = writeln!(stderr, "more is in the log: {}", log.display());
        }
    }
}

/// Puts a hook in front of the present one. It outlives the guard and then only passes on.
fn hook(guard: Weak<Shared>) {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let Some(shared) = guard.upgrade().filter(|shared| shared.entered.load(Ordering::SeqCst)) else {
            previous(panic);
            return;
        };
        if thread::current().id() == shared.thread {
            shared.restore();
            previous(panic);
            shared.print_log(&mut io::stderr());
        } else {
            // The program goes on, and so does its screen: a message now would be drawn over.
            tracing::error!(%panic, "a worker failed");
            let mut strays = shared.strays();
            if strays.len() < 20 {
                strays.push(panic.to_string());
            }
        }
    }));
}
