//! Whether the box that asks has been seen.
//!
//! A confirmation counts only once the whole box has been on the terminal long enough to be read. The state of the screen is
//! numbered; the box has stood there since one revision, and the terminal half tells which revision a person had before their
//! eyes when they pressed a key ([`super::Event::Settled`]).

use jiff::Timestamp;

use super::dialogs::Dialog;
use crate::job::{PriceLines, Quote};

/// What a price box says besides its words: the quote, what was approved before, and what is covered.
type Price = (Quote, PriceLines, Option<PriceLines>, Option<PriceLines>);

/// What makes one box that asks another one.
type Asked = (Timestamp, Option<Price>);

/// Revisions of the screen, and since when the present box asks.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Seen {
    revision: u64,
    /// What asks now, if anything does.
    asked: Option<Asked>,
    /// The first revision that shows it as it is.
    since: u64,
    /// The newest revision that has been seen.
    settled: u64,
    /// A `y` came too early.
    pub early: bool,
}

impl Seen {
    /// The state that is drawn now.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// A revision has been on the terminal long enough.
    pub(crate) fn settle(&mut self, revision: u64) {
        self.settled = self.settled.max(revision);
    }

    /// What was on the terminal is gone or rearranged: the box has to be drawn and seen anew.
    pub(crate) fn lost(&mut self) {
        self.asked = None;
    }

    /// An event was taken; this lies on top now.
    pub(crate) fn turn(&mut self, top: Option<&Dialog>) {
        self.revision += 1;
        let asked = match top {
            Some(Dialog::Price(price)) => {
                let says = (price.quote, price.before, price.covered, price.cap_room);
                Some((price.opened, Some(says)))
            }
            Some(Dialog::Ask(ask)) => Some((ask.opened, None)),
            _ => None,
        };
        if asked != self.asked {
            (self.asked, self.since, self.early) = (asked, self.revision, false);
        }
    }

    /// Whether the box that asks has been seen as it is.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled >= self.since
    }
}
