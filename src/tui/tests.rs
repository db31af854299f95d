//! Tests of the dashboard as a whole: keys in, effects and screens out.

mod actions;
mod comfort;
mod draft_pictures;
mod drafts;
mod grid;
mod habits;
mod picture;
mod pictures;
mod promises;
mod prompts;
mod rows;
mod screens;
mod seeds;
mod sends;
mod terminal_noise;
