//! Why a simulator does not start.

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// Another program listens there.
    #[error("port {0} on 127.0.0.1 is in use by another program; choose another port, or 0 for a free one")]
    PortInUse(u16),
    /// The port cannot be opened for another reason, for example because it is reserved for the administrator.
    #[error("port {port} on 127.0.0.1 cannot be opened: {source}")]
    Port {
        /// The wanted port.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
    /// The scenario is wrong.
    #[error("the scenario cannot be used: {0}")]
    Scenario(String),
    /// No thread or runtime could be started.
    #[error("the simulator's thread cannot be started: {0}")]
    Thread(std::io::Error),
}
