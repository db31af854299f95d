//! How a dashboard is started.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::keymap::Keymap;
use super::pictures::PictureOptions;
use crate::job::Caps;

/// Which characters signs, bars and lines are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Charset {
    /// Signs and eighth blocks.
    Unicode,
    /// ASCII only.
    Ascii,
}

/// Which colours are used: of the 16 ANSI ones, and for light backgrounds darker ones where there are more. The background is
/// never painted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Theme {
    /// Those for light backgrounds once the terminal says that its own is light; until then the usual ones.
    Auto,
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
    /// Bold, dim and reverse only.
    Mono,
}

/// How notices leave through the terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotifyMethod {
    /// No notices.
    Off,
    /// The bell.
    Bell,
    /// A desktop notice ([`super::Effect::Notify`]); the terminal half knows the escape code.
    Desktop,
}

/// How a dashboard is started.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// The keys.
    pub keymap: Keymap,
    /// The characters.
    pub charset: Charset,
    /// The colours.
    pub theme: Theme,
    /// Whether colours may be used at all (`NO_COLOR`, `--color`, `TERM=dumb`).
    pub color: bool,
    /// Whether the terminal has 256 colours. Only the light palette uses them, where none of the sixteen would do.
    pub rich_color: bool,
    /// `--slow-link`: clocks in minutes, no sparkline.
    pub slow_link: bool,
    /// The caps of the configuration. Those in force may have been changed by key.
    pub configured_caps: Caps,
    /// How long a yes can be taken back.
    pub grace: Duration,
    /// The profile's name for the header.
    pub profile: Option<String>,
    /// Whether this is `--demo`.
    pub demo: bool,
    /// `--read-only`: nothing is outcomes, only looked at.
    pub read_only: bool,
    /// Whether the mouse is on at the start.
    pub mouse: bool,
    /// The user of the `scp` line.
    pub user: String,
    /// The host of the `scp` line.
    pub host: String,
    /// The port of the `scp` line, where it is not the usual one.
    pub port: Option<u16>,
    /// The time zone in which times are shown.
    pub zone: TimeZone,
    /// How notices leave.
    pub notify: NotifyMethod,
    /// How pictures are shown.
    pub pictures: PictureOptions,
    /// What the last [`super::SessionEffect::SaveScreenState`] held.
    pub remembered: Option<String>,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self {
            keymap: Keymap::default(),
            charset: Charset::Unicode,
            theme: Theme::Auto,
            color: true,
            rich_color: false,
            slow_link: false,
            configured_caps: Caps::default(),
            grace: Duration::from_secs(5),
            profile: None,
            demo: false,
            read_only: false,
            mouse: false,
            user: String::new(),
            host: String::new(),
            port: None,
            zone: TimeZone::UTC,
            notify: NotifyMethod::Bell,
            pictures: PictureOptions::default(),
            remembered: None,
        }
    }
}
