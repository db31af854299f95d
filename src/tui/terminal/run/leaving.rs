//! Giving the terminal back: at the end, and while the process is stopped.

use std::time::{Duration, Instant};

use super::super::frames::Urgency;
use super::{ANSWER_PATIENCE, Exit, Run};

impl Run<'_> {
    /// Gives the terminal back and stops the process group, as Ctrl+z does in other programs.
    pub(super) fn suspend(&mut self) {
        use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};
        // Without a shell that does job control nobody could wake us again: then the group is that of the session's leader.
        if self.stopped || !self.options.signals || getsid(None).is_ok_and(|session| session == getpgrp()) {
            return;
        }
        if self.open_questions() > 0 {
            let now = Instant::now();
            if now < *self.suspend_by.get_or_insert(now + ANSWER_PATIENCE) {
                return;
            }
            self.device.drop_input();
        }
        self.suspend_by = None;
        self.stopped = true;
        self.log.forget();
        self.reader.pause();
        self.give_back();
        // SIGSTOP, because our own handler takes SIGTSTP. It returns when the process goes on; SIGCONT comes as a message.
        if kill_current_process_group(Signal::STOP).is_err() {
            self.go_on();
        }
    }

    /// Stops the process once the terminal has answered what it was asked, or is not waited for any longer.
    pub(super) fn suspend_if_answered(&mut self) {
        if self.suspend_by.is_some() {
            self.suspend();
        }
    }

    /// Takes the terminal again, after being stopped by us or from outside.
    pub(super) fn go_on(&mut self) {
        // Stopped from outside (SIGSTOP), nothing was given back: its pictures are still in the terminal.
        let gave_back = std::mem::replace(&mut self.stopped, false);
        match self.guard.enter() {
            Ok(bytes) => self.out_of_band.before = bytes,
            Err(_) => self.finished = Some(Exit::HungUp),
        }
        self.reader.resume();
        self.painter.forget();
        if gave_back {
            self.pictures.left();
        } else {
            self.pictures.forget();
        }
        self.tell_guard();
        self.painter.cursor_was_hidden();
        self.frames.ask(Urgency::Now);
    }

    fn give_back(&mut self) {
        let bytes = self.guard.leaving();
        let taken = self.writer.wait(self.options.patience);
        if !taken && !bytes.is_empty() {
            // The terminal is stuck. What it has not taken is dropped, so that the bytes that restore it may get through.
            self.device.drop_output();
        }
        if (taken || self.writer.wait(Duration::from_millis(50))) && !bytes.is_empty() {
            self.writer.submit(bytes);
            self.writer.wait(self.options.patience);
        }
        self.guard.left();
    }

    pub(super) fn leave(mut self) -> Exit {
        // After a hang-up no frame is drawn, but somebody may have sent SIGHUP to a terminal that is still there: the few
        // bytes that restore it are offered, and a line that is really gone refuses them at once.
        if !self.stopped {
            self.give_back();
        }
        self.finished.unwrap_or(Exit::Quit)
    }
}
