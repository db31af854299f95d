//! The key stays out of everything that is written.
