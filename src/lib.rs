//! mj-enhance.

pub mod api;
pub mod engine;
pub mod fetch;
pub mod job;
pub mod simulator;
pub mod store;
