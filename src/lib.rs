//! `mj-enhance`: a dashboard for Midjourney V7 enhance jobs at EvoLink.

pub mod api;
pub mod cli;
pub mod commands;
pub mod config;
pub mod engine;
pub mod failpoint;
pub mod fetch;
pub mod http;
pub mod job;
pub mod preview;
pub mod simulator;
pub mod store;
pub mod tui;
