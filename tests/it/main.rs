//! One integration binary: whole lives, scenarios, screens, command line, pseudo-terminals.

mod catching_up;
mod cli_config;
mod cli_run;
mod cli_service;
mod cli_store;
mod cli_words;
mod hostile;
mod lives;
mod program;
mod rooms;
mod sockets;
mod stage;
mod world;
