//! The dashboard: loop, state, keys, views and the terminal under them.

pub mod terminal;
