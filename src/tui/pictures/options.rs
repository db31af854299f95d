//! How pictures are shown in this terminal, as far as settings and environment say.

use std::collections::BTreeMap;

use super::super::terminal::capabilities::{Capabilities, Colours as TerminalColours};
use crate::preview::detect::{Environment, Next, Setting, first};
use crate::preview::{BlockStyle, Colours, budget};

/// A picture is sent with no longer side than this over SSH: the terminal scales it up itself.
const SIDE_OVER_SSH: u32 = 400;

/// What the user set about pictures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PictureSettings {
    /// `pictures`, `--pictures`.
    pub way: Setting,
    /// `picture_blocks`.
    pub blocks: BlockStyle,
    /// `picture_bytes`; `None`: as the line suggests.
    pub bytes: Option<usize>,
}

/// How pictures are shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PictureOptions {
    /// Which way is wanted.
    pub setting: Setting,
    /// What tells the way.
    pub environment: Environment,
    /// The line goes through SSH: pictures rest longer before they are sent, and the first one says what it takes.
    pub over_ssh: bool,
    /// The most bytes of one picture.
    pub budget: usize,
    /// The longest side that is sent, in pixels.
    pub side: Option<u32>,
    /// Of pictures made of characters.
    pub colours: Colours,
    /// Of pictures made of characters.
    pub blocks: BlockStyle,
    /// Nothing but ASCII is drawn, so no characters make a picture.
    pub ascii: bool,
}

impl Default for PictureOptions {
    /// A terminal of which nothing is known.
    fn default() -> Self {
        Self {
            setting: Setting::Auto,
            environment: Environment::default(),
            over_ssh: false,
            budget: budget(false, false),
            side: None,
            colours: Colours::Indexed,
            blocks: BlockStyle::Half,
            ascii: false,
        }
    }
}

impl PictureOptions {
    /// What settings, abilities and environment variables say. `mono`: the theme uses no colours.
    pub fn of(
        settings: PictureSettings,
        capabilities: &Capabilities,
        variables: &BTreeMap<String, String>,
        slow_link: bool,
        mono: bool,
    ) -> Self {
        let get = |name: &str| variables.get(name).cloned().unwrap_or_default();
        let set = |name: &str| variables.get(name).is_some_and(|value| !value.is_empty());
        let (colours, tmux, over_ssh) = (capabilities.colours.value, set("TMUX"), capabilities.ssh.value);
        Self {
            setting: settings.way,
            environment: Environment {
                term: get("TERM"),
                term_program: get("TERM_PROGRAM"),
                lc_terminal: get("LC_TERMINAL"),
                tmux,
                zellij: set("ZELLIJ"),
                screen: set("STY"),
                no_color: colours == TerminalColours::None || mono,
                many_colours: colours >= TerminalColours::Indexed,
                slow_link,
            },
            over_ssh,
            budget: settings.bytes.map_or_else(|| budget(over_ssh, tmux), |bytes| if tmux { bytes / 2 } else { bytes }),
            side: over_ssh.then_some(SIDE_OVER_SSH),
            colours: if colours == TerminalColours::True { Colours::True } else { Colours::Indexed },
            blocks: settings.blocks,
            ascii: !capabilities.unicode.value,
        }
    }

    /// What settings and environment alone say.
    pub(super) fn first(&self) -> Next {
        first(self.setting, &self.environment)
    }
}
