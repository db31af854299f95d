//! Pictures for a terminal: a file, a box of cells and what the terminal can do become protocol bytes or coloured cells.
//!
//! ```text
//! file ─ decode ─▶ Picture ─ fit ─▶ box ─┬─ palette ─┬─ kitty    paletted PNG in slices
//!        limits first                    │           ├─ sixel    colours packed into passes
//!                                        │           └─ blocks   coloured characters
//!                                        └─ iterm2   JPEG, inline
//! ```
//!
//! - **Limits come first** ([`Limits`]): kind, size and memory are read from the header before a byte is decoded, and a
//!   panic of a decoder is an [`Error`].
//! - **A byte budget is kept** ([`encode()`]) by smaller sides, fewer colours and lower quality, and then by blocks.
//! - **The way is a value with its reason** ([`detect`]): nothing here asks a terminal, reads an environment or runs tmux.
//! - **Nothing here blocks a screen** ([`Worker`]): files become bytes on a thread of their own, the newest request first.
//!
//! The room knows no network, no job, no screen and no sentence; the edge makes words of [`Error`], [`Note`] and
//! [`detect::Why`].

mod blocks;
mod colour;
mod decode;
pub mod detect;
mod encode;
mod error;
mod fit;
mod header;
pub mod iterm2;
pub mod kitty;
mod palette;
mod picture;
mod sixel;
pub mod tmux;
mod worker;

pub use blocks::{BlockStyle, Cell, Colour, Grid, octant, sextant};
pub use colour::Colours;
pub use decode::{Limits, decode, decode_from};
pub use encode::{Body, Encoded, Note, Request, SMALLEST_BOX, Way, budget, encode, encode_picture};
pub use error::Error;
pub use fit::{Cells, Fitted, Pixels, fit};
pub use palette::{Indexed, quantise};
pub use picture::Picture;
pub use sixel::sixel;
pub use worker::{Finished, Worker};
