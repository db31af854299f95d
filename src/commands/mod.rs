//! One command performed on a store: the one path for dashboard, engine and command line.
//!
//! This room knows what may be asked ([`Command`]) and does it: it asks the job room what fits, lets the store check and
//! write in one transaction, and returns values. It knows no screen, no arguments and no sentences, and it reads no clock:
//! time and random numbers are handed in.
//!
//! Invariants: nothing is approved without a [`Consent`] that covers it; what is left out is named with its reason; a
//! command that returns an error has changed nothing.

mod command;
mod perform;
#[cfg(test)]
mod tests;

pub use crate::store::{Consent, QueueMove};
pub use command::{Act, Command, CommandError, CommandOutcome, JobRef, LeftOut};
pub use perform::{Context, Done, make_request, perform};
