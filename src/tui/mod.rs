//! The dashboard: state, keys, and what is shown.
//!
//! `App::update(now, event)` turns what happened into effects; `view::screen` draws the app by a shared reference. This
//! room does no I/O, reads no clock and knows neither SQL nor HTTP: data comes in as [`crate::engine::EngineEvent`], acts leave
//! as [`effect::Effect`].

pub mod app;
pub mod dashboard;
pub mod effect;
pub mod event;
pub mod keymap;
mod location;
pub mod notices;
pub mod options;
pub mod pictures;
pub mod terminal;
pub mod view;
pub mod width;

pub mod availability;
mod batch;
mod dialogs;
mod drafts;
mod events;
mod help;
mod hints;
mod job_list;
mod layout;
mod leaving;
mod line_input;
mod messages;
mod outcomes;
mod prompt_dialog;
pub mod prompt_wording;
mod reasons;
mod screen_state;
mod screens;
mod seen;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text_area;
mod ticks;
mod title;
mod undo;
mod update;
mod wording;

pub use app::App;
pub use dashboard::{DashboardDeps, Exporter, RunTmux, run};
pub use effect::{Effect, SessionEffect};
pub use event::{Event, News};
pub use keymap::{Keymap, KeymapError, keys_table_markdown};
pub use options::{AppOptions, Charset, NotifyMethod, Theme};
pub use pictures::{BlockStyle, PictureOptions, PictureSetting, PictureSettings};
pub use screen_state::first_rows;
