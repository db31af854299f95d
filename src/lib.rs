//! `mj-enhance`: a dashboard for Midjourney V7 enhance jobs at EvoLink.

pub mod api;
pub mod job;
pub mod store;
