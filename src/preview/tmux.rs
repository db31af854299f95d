//! tmux between us and the terminal: what it lets through, and how.
//!
//! Nothing is ever set in a user's tmux; it is only read, by two commands whose output [`inspect`] understands.

/// How a command for the outer terminal is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Wrap {
    /// As it is.
    #[default]
    Plain,
    /// In an envelope that tmux opens.
    Tmux,
}

const OPEN: &[u8] = b"\x1bPtmux;";
const CLOSE: &[u8] = b"\x1b\\";

impl Wrap {
    /// The command as it is written.
    pub fn wrap(self, command: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Plain => command,
            Self::Tmux => {
                let mut out = Vec::with_capacity(command.len() + wrapped_length(self));
                out.extend_from_slice(OPEN);
                for byte in command {
                    if byte == 0x1b {
                        out.push(0x1b);
                    }
                    out.push(byte);
                }
                out.extend_from_slice(CLOSE);
                out
            }
        }
    }
}

/// What an envelope adds to a command with two escape characters.
pub(super) fn wrapped_length(wrap: Wrap) -> usize {
    match wrap {
        Wrap::Plain => 0,
        Wrap::Tmux => OPEN.len() + CLOSE.len() + 2,
    }
}

/// The arguments of `tmux` that tell whether sequences are let through.
pub const ASK_PASSTHROUGH: [&str; 3] = ["display-message", "-p", "#{allow-passthrough}"];

/// The arguments of `tmux` that name the terminals that are attached.
pub const ASK_CLIENTS: [&str; 3] = ["list-clients", "-F", "#{client_termname} #{client_termtype}"];

/// The arguments of `tmux` that let sequences through; for a sentence, never for us to run.
pub const ALLOW_PASSTHROUGH: [&str; 4] = ["set", "-g", "allow-passthrough", "on"];

/// What tmux says about itself and its terminals.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Inspection {
    /// Every terminal is kitty or Ghostty, and sequences are let through.
    Pictures,
    /// Every terminal is kitty or Ghostty, but sequences are held back: one line of configuration is missing.
    HeldBack,
    /// A terminal is attached that knows no placeholders.
    OtherTerminal,
    /// No terminal is attached, or tmux did not say.
    Unknown,
}

/// Judges what the two commands wrote to their standard output.
pub fn inspect(passthrough: &str, clients: &str) -> Inspection {
    let mut clients = clients.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    if clients.peek().is_none() {
        return Inspection::Unknown;
    }
    if !clients.all(knows_placeholders) {
        return Inspection::OtherTerminal;
    }
    match passthrough.trim() {
        "on" | "all" | "1" => Inspection::Pictures,
        // tmux before 3.3 has no such option and lets nothing through that is not asked for.
        _ => Inspection::HeldBack,
    }
}

/// `xterm-kitty kitty(0.36.4)` or `xterm-256color ghostty 1.2.0`: the name of the description, then what the terminal
/// calls itself, which may be missing.
fn knows_placeholders(client: &str) -> bool {
    let (description, own) = client.split_once(' ').unwrap_or((client, ""));
    let own = own.trim().to_ascii_lowercase();
    if own.is_empty() {
        return matches!(description, "xterm-kitty" | "xterm-ghostty" | "ghostty");
    }
    own.starts_with("kitty") || own.starts_with("ghostty")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_counts_and_passthrough_must_be_on() {
        for (passthrough, clients, wanted) in [
            ("on\n", "xterm-kitty kitty(0.36.4)\n", Inspection::Pictures),
            ("all\n", "xterm-ghostty ghostty 1.2.0\nxterm-kitty \n", Inspection::Pictures),
            ("on", "xterm-256color ghostty 1.2.0", Inspection::Pictures),
            ("on", "xterm-ghostty", Inspection::Pictures),
            ("off\n", "xterm-kitty kitty(0.36.4)\n", Inspection::HeldBack),
            ("\n", "xterm-kitty\n", Inspection::HeldBack),
            ("on\n", "xterm-kitty kitty(0.36.4)\nxterm-256color \n", Inspection::OtherTerminal),
            ("on\n", "xterm-kitty WezTerm 20240203\n", Inspection::OtherTerminal),
            ("off\n", "xterm-256color iTerm2 3.5\n", Inspection::OtherTerminal),
            ("on\n", "\n\n", Inspection::Unknown),
            ("", "", Inspection::Unknown),
        ] {
            assert_eq!(inspect(passthrough, clients), wanted, "{passthrough:?} {clients:?}");
        }
    }

    #[test]
    fn an_envelope_doubles_every_escape() {
        assert_eq!(Wrap::Tmux.wrap(b"\x1b_Gx\x1b\\".to_vec()), b"\x1bPtmux;\x1b\x1b_Gx\x1b\x1b\\\x1b\\");
        assert_eq!(Wrap::Plain.wrap(b"\x1b_Gx\x1b\\".to_vec()), b"\x1b_Gx\x1b\\");
    }
}
