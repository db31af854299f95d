//! One integration binary: whole lives, scenarios, screens, command line, pseudo-terminals.

mod lives;
mod rooms;
mod sockets;
mod world;
