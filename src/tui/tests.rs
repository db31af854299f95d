//! Tests of the dashboard as a whole: keys in, effects and screens out.

mod acts;
mod rows;
mod screens;
mod seeds;
