//! What the terminal and the connection can do, with what the settings say on top; each decision with its reason.

use std::process::{Command, Stdio};

use crate::config::{ColorWhen, Config, Environment, KEY_VARIABLE, PictureBlocks, PictureWay, Switch, Theme};
use crate::tui::terminal::Capabilities;
use crate::tui::terminal::capabilities::{ColourChoice, Known, Overrides};
use crate::tui::{BlockStyle, PictureOptions, PictureSetting, PictureSettings};

/// The terminal's capabilities under these settings.
#[must_use]
pub fn capabilities(config: &Config, env: &Environment) -> Capabilities {
    let colour = match config.color {
        ColorWhen::Auto => ColourChoice::Auto,
        ColorWhen::Always => ColourChoice::Always,
        ColorWhen::Never => ColourChoice::Never,
    };
    let mut capabilities = Capabilities::of(&env.all(), Overrides { colour, ascii: config.ascii == Switch::On });
    if config.ascii == Switch::Off {
        capabilities.unicode = Known { value: true, why: "ascii is set to false".to_owned() };
    }
    capabilities
}

/// How pictures are shown with these settings in this terminal.
#[must_use]
pub fn pictures(config: &Config, capabilities: &Capabilities, env: &Environment) -> PictureOptions {
    let settings = PictureSettings {
        way: match config.pictures {
            PictureWay::Auto => PictureSetting::Auto,
            PictureWay::Off => PictureSetting::Off,
            PictureWay::Kitty => PictureSetting::Kitty,
            PictureWay::Iterm2 => PictureSetting::Iterm2,
            PictureWay::Sixel => PictureSetting::Sixel,
            PictureWay::Blocks => PictureSetting::Blocks,
        },
        blocks: match config.picture_blocks {
            PictureBlocks::Half => BlockStyle::Half,
            PictureBlocks::Quadrant => BlockStyle::Quadrant,
            PictureBlocks::Sextant => BlockStyle::Sextant,
            PictureBlocks::Octant => BlockStyle::Octant,
        },
        bytes: config.picture_bytes.and_then(|bytes| usize::try_from(bytes).ok()),
    };
    PictureOptions::of(settings, capabilities, &env.all(), config.slow_link, config.theme == Theme::Mono)
}

/// What tmux writes when it is run with these arguments; it never gets the key.
pub fn tmux(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("tmux");
    command.args(arguments).env_remove(KEY_VARIABLE).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Mouse reports take the terminal's own selection away, and over SSH each is a packet: off there unless asked for.
#[must_use]
pub fn mouse(config: &Config, capabilities: &Capabilities) -> Known<bool> {
    let (value, why) = match config.mouse {
        Switch::On => (true, "mouse is set to true"),
        Switch::Off => (false, "mouse is set to false"),
        Switch::Auto if capabilities.ssh.value => (false, "over SSH the terminal's own selection is wanted"),
        Switch::Auto => (true, "this is not an SSH connection"),
    };
    Known { value, why: why.to_owned() }
}

/// Where `scp` finds this machine from the other end of an SSH connection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScpTarget {
    /// The user; empty where it is not known.
    pub user: String,
    /// The address this machine was reached at, else its name.
    pub host: String,
    /// The port, where it is not the usual one.
    pub port: Option<u16>,
}

/// Where `scp` finds this machine, as the SSH connection in the environment tells.
#[must_use]
pub fn scp(env: &Environment) -> ScpTarget {
    let user = env.get("USER").or(env.get("LOGNAME")).unwrap_or_default().to_owned();
    // "client client-port server server-port"
    let connection: Vec<&str> = env.get("SSH_CONNECTION").unwrap_or_default().split_whitespace().collect();
    let host = match connection.get(2).copied() {
        // scp wants an IPv6 address in brackets.
        Some(server) if server.contains(':') => format!("[{server}]"),
        Some(server) => server.to_owned(),
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    let port = connection.get(3).and_then(|port| port.parse().ok()).filter(|port| *port != 22);
    ScpTarget { user, host, port }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Flags, check};

    fn config(file: &str) -> Config {
        check(Some(file), Path::new("c.toml"), &Flags::default(), &Environment::default()).unwrap()
    }

    #[test]
    fn settings_go_before_what_the_environment_says() {
        let env = Environment::of([("TERM", "xterm"), ("LANG", "C")]);
        assert!(!capabilities(&config(""), &env).unicode.value);
        assert!(capabilities(&config("ascii = false"), &env).unicode.value);
        let utf8 = Environment::of([("TERM", "xterm"), ("LANG", "C.UTF-8")]);
        assert!(capabilities(&config(""), &utf8).unicode.value);
        assert!(!capabilities(&config("ascii = true"), &utf8).unicode.value);
    }

    #[test]
    fn over_ssh_the_mouse_is_left_alone_and_scp_knows_the_address() {
        let env = Environment::of([("TERM", "xterm"), ("SSH_CONNECTION", "10.0.0.9 5022 10.0.0.1 22"), ("USER", "me")]);
        let here = capabilities(&config(""), &env);
        assert!(!mouse(&config(""), &here).value);
        assert!(mouse(&config("mouse = true"), &here).value);
        let target = ScpTarget { user: "me".to_owned(), host: "10.0.0.1".to_owned(), port: None };
        assert_eq!(scp(&env), target);
        let far = Environment::of([("SSH_CONNECTION", "fd00::9 5022 fd00::1 2222"), ("USER", "me")]);
        assert_eq!(scp(&far), ScpTarget { host: "[fd00::1]".to_owned(), port: Some(2222), ..target });
        let local = capabilities(&config(""), &Environment::of([("TERM", "xterm")]));
        assert!(mouse(&config(""), &local).value);
    }
}
