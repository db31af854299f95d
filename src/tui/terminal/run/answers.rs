//! What the loop has to do with the terminal's answers, and with the pictures that wait for them.

use std::time::Instant;

use super::super::frames::Urgency;
use super::super::inbox::{Inbox, Message};
use super::super::parser::{Reply, TerminalEvent};
use super::super::pictures::{Refusal, Write};
use super::super::questions::{Learned, PictureAnswers};
use super::{ANSWER_PATIENCE, Event, Exit, Run};
use crate::preview::Pixels;

impl Run<'_> {
    /// What the terminal said by itself or as an answer.
    pub(super) fn hear<T>(&mut self, reply: &Reply, at: Instant, events: &mut Vec<Event<T>>) {
        match reply {
            Reply::Ready => self.pictures.answered(at),
            Reply::Graphics { id, message } if !self.questions.asked_about(reply) => {
                match self.pictures.heard(*id, message, at) {
                    None => return,
                    Some(Refusal::Again) => events.push(Event::PictureRefused { why: message.clone(), last: false }),
                    Some(Refusal::Final(why)) => events.push(Event::PictureRefused { why, last: true }),
                }
                self.frames.ask(Urgency::Now);
            }
            reply => match self.questions.take(reply, at) {
                None => {}
                Some(Learned::Background { dark }) => events.push(Event::Scheme { dark }),
                Some(Learned::Pictures(PictureAnswers { answers, cell })) => {
                    events.extend(cell.map(Event::CellSize));
                    events.push(Event::PictureAnswers(answers));
                }
            },
        }
    }

    /// The size of a cell, where the kernel knows it.
    pub(super) fn cell_size<T>(&self) -> Vec<Event<T>> {
        let cell = self.device.cell_size();
        cell.map(|(width, height)| Event::CellSize(Pixels::new(width.into(), height.into()))).into_iter().collect()
    }

    /// Hands the next part of a picture to the writer, if the terminal has answered for the parts before.
    pub(super) fn send_picture(&mut self, now: Instant) {
        let Some(write) = self.pictures.next_write(now) else { return };
        let Write { mut bytes, covers } = write;
        if let Some(area) = covers {
            self.painter.cover(area);
            self.painter.cursor_was_moved(&mut bytes);
        }
        if self.pictures.wants_frame() {
            self.frames.ask(Urgency::Now);
        }
        self.tell_guard();
        self.writer.submit(bytes);
    }

    /// Whoever gives the terminal back must know which pictures are in it.
    pub(super) fn tell_guard(&mut self) {
        if self.pictures.take_changed() {
            self.guard.pictures(self.pictures.goodbye());
        }
    }

    /// Answers of the terminal that are still on the line would be typed into the shell: they are waited for, but not long.
    pub(super) fn await_answers<T>(&mut self, inbox: &Inbox<T>) {
        let deadline = Instant::now() + ANSWER_PATIENCE;
        while self.finished != Some(Exit::HungUp) && !self.stopped && self.open_questions() > 0 && Instant::now() < deadline {
            for message in inbox.next(Some(deadline)) {
                match message {
                    Message::Terminal(TerminalEvent::Reply(reply), at) => self.hear(&reply, at, &mut Vec::<Event<T>>::new()),
                    Message::Lost => self.finished = Some(Exit::HungUp),
                    _ => {}
                }
            }
        }
        if self.open_questions() > 0 {
            self.device.drop_input();
        }
    }

    pub(super) fn open_questions(&self) -> usize {
        let now = Instant::now();
        self.pictures.open_questions(now) + self.questions.open(now)
    }
}
