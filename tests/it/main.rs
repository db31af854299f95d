//! One integration binary: whole lives, scenarios, screens, command line, pseudo-terminals.

mod catching_up;
mod cli_config;
mod cli_run;
mod cli_service;
mod cli_store;
mod cli_words;
mod corpora;
mod examples;
mod hostile;
mod house;
mod kills;
mod lives;
mod photographs;
mod pictures;
mod program;
mod pty;
mod pty_screen;
mod pty_terminal;
mod rooms;
mod screens_and_engines;
mod secrets;
mod sockets;
mod stage;
mod start;
mod whole;
mod world;
