//! The terminal half of the screen: taking the terminal over and giving it back, keys, signals, frames, and the fewest bytes.
//!
//! ```text
//! bytes ─ input ─ parser ─┐                                   ┌─ draw ─▶ offscreen ─▶ paint ─▶ writer ─▶ terminal
//! signals ────────────────┼─▶ inbox ─▶ run ─▶ Screen::update ─┤
//! news ───────────────────┘             ▲                     └─ acts: osc (copy, notice, title), guard (mouse, suspend)
//!                                       └── "taken" ── writer
//! ```
//!
//! This half knows nothing of jobs: what is shown is a [`Screen`], what it hears is its own type of news. Invariants:
//! nothing changed means no byte and no timer; one frame is one write; at most one frame is on its way; the loop never
//! waits for the terminal; after a hang-up nothing is drawn; the terminal is asked nothing before the first frame, and no
//! answer is waited for.

pub mod capabilities;
pub mod compose;
pub mod device;
pub mod frames;
pub mod guard;
pub mod inbox;
pub mod input;
pub mod offscreen;
pub mod osc;
pub mod paint;
pub mod parser;
pub mod pictures;
pub mod questions;
pub mod run;
pub mod settled;
pub mod signals;
pub mod writer;

pub use capabilities::Capabilities;
pub use device::Device;
pub use frames::FrameLimiter;
pub use inbox::{Inbox, Mailbox};
pub use parser::{LONGEST_PASTE, Paste, Reply, TerminalEvent};
pub use run::{Effect, Event, Exit, Options, Screen, run};
