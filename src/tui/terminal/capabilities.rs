//! What the terminal can do, and why we think so.
//!
//! Only the environment is asked, never the terminal: a question costs a round trip at start and its answer may come as
//! keys. Every choice carries its reason, for `doctor`.

use std::collections::BTreeMap;

use super::osc::Notifier;

/// A choice and its reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known<T> {
    /// What was chosen.
    pub value: T,
    /// Why: a fragment such as `NO_COLOR is set`.
    pub why: String,
}

fn known<T>(value: T, why: impl Into<String>) -> Known<T> {
    Known { value, why: why.into() }
}

/// Colours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Colours {
    /// None; bold, underline and reverse stay.
    None,
    /// The sixteen of the terminal's own palette.
    Sixteen,
    /// 256.
    Indexed,
    /// 24 bit.
    True,
}

/// What `--color` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ColourChoice {
    /// Decide from the environment.
    #[default]
    Auto,
    /// Colours even where the environment says no.
    Always,
    /// No colours.
    Never,
}

/// What the command line and the configuration say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Overrides {
    /// `--color`.
    pub colour: ColourChoice,
    /// `--ascii`.
    pub ascii: bool,
}

/// What the terminal can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// Whether a screen can be shown at all.
    pub screen: Known<bool>,
    /// How many colours.
    pub colours: Known<Colours>,
    /// Characters outside ASCII.
    pub unicode: Known<bool>,
    /// The line goes through SSH: no mouse by default.
    pub ssh: Known<bool>,
    /// Sequences for the outer terminal are wrapped for tmux.
    pub tmux: Known<bool>,
    /// What asks the outer terminal is wrapped for GNU screen.
    pub gnu_screen: Known<bool>,
    /// How notices are sent.
    pub notices: Known<Notifier>,
    /// The longest copy sequence in bytes; 0: copying is not known to work.
    pub copy_limit: Known<usize>,
    /// Links (OSC 8).
    pub links: Known<bool>,
    /// The window's title can be set and put back.
    pub title: Known<bool>,
    /// Frames are bracketed by mode 2026. A terminal that does not know it ignores the brackets.
    pub synchronized: Known<bool>,
}

/// Environment variables by name.
pub type Environment = BTreeMap<String, String>;

impl Capabilities {
    /// Reads the environment that is passed.
    pub fn of(environment: &Environment, overrides: Overrides) -> Self {
        let get = |name: &str| environment.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let term = get("TERM").unwrap_or("");
        let program = get("TERM_PROGRAM").unwrap_or("");
        let console = term == "linux" || term.starts_with("vt") || term == "ansi";
        let dumb = term.is_empty() || term == "dumb" || term == "unknown";
        let tmux = get("TMUX").is_some() || term.starts_with("tmux");
        let screen = !tmux && (get("STY").is_some() || term.starts_with("screen"));
        Self {
            screen: match dumb {
                true if term.is_empty() => known(false, "TERM is not set"),
                true => known(false, format!("TERM={term} has no screen")),
                false => known(true, format!("TERM={term}")),
            },
            colours: colours(&get, term, dumb, console, overrides.colour),
            unicode: unicode(&get, term, dumb, overrides.ascii),
            ssh: match ["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"].iter().find(|name| get(name).is_some()) {
                Some(name) => known(true, format!("{name} is set")),
                None => known(false, "no SSH variable is set"),
            },
            tmux: if tmux { known(true, "TMUX is set or TERM begins with tmux") } else { known(false, "TMUX is not set") },
            gnu_screen: if screen {
                known(true, "STY is set or TERM begins with screen")
            } else {
                known(false, "neither STY nor TERM names it")
            },
            notices: notices(&get, term, program, dumb || console, tmux, screen),
            copy_limit: copy_limit(term, dumb || console, tmux, screen),
            links: if dumb || console || screen || program == "Apple_Terminal" {
                known(false, format!("{} does not know OSC 8", if program.is_empty() { term } else { program }))
            } else {
                known(true, "terminals that do not know OSC 8 ignore it")
            },
            title: if dumb || console {
                known(false, format!("TERM={term} has no window title"))
            } else {
                known(true, format!("TERM={term}"))
            },
            synchronized: if dumb || console {
                // The console of Linux is local and fast; VT-type terminals may show unknown private modes.
                known(false, format!("TERM={term} does not know mode 2026"))
            } else if tmux || screen {
                // tmux 3.7 draws the whole pane anew for each bracket: ten times the bytes over the line behind it.
                known(false, if tmux { "tmux collects frames itself" } else { "GNU screen does not know mode 2026" })
            } else {
                known(true, "terminals that do not know mode 2026 ignore it")
            },
        }
    }

    /// One line for each ability: name, value, reason.
    pub fn report(&self) -> Vec<(&'static str, String, &str)> {
        fn yes(flag: bool) -> String {
            if flag { "yes" } else { "no" }.to_owned()
        }
        let colours = match self.colours.value {
            Colours::None => "none",
            Colours::Sixteen => "16",
            Colours::Indexed => "256",
            Colours::True => "24 bit",
        };
        let notices = match self.notices.value {
            Notifier::Osc9 => "OSC 9",
            Notifier::Osc777 => "OSC 777",
            Notifier::Osc99 => "OSC 99",
            Notifier::Bell => "bell",
        };
        vec![
            ("screen", yes(self.screen.value), self.screen.why.as_str()),
            ("colours", colours.to_owned(), &self.colours.why),
            ("Unicode", yes(self.unicode.value), &self.unicode.why),
            ("SSH", yes(self.ssh.value), &self.ssh.why),
            ("tmux", yes(self.tmux.value), &self.tmux.why),
            ("notices", notices.to_owned(), &self.notices.why),
            ("copy", format!("{} bytes", self.copy_limit.value), &self.copy_limit.why),
            ("links", yes(self.links.value), &self.links.why),
            ("title", yes(self.title.value), &self.title.why),
            ("synchronized frames", yes(self.synchronized.value), &self.synchronized.why),
        ]
    }
}

/// Terminals whose name says that they show every colour. `COLORTERM` says it too, but does not cross SSH.
const TRUE_COLOUR_TERMS: [&str; 9] =
    ["xterm-kitty", "xterm-ghostty", "ghostty", "foot", "foot-extra", "wezterm", "alacritty", "contour", "rio"];

fn colours<'a>(
    get: &impl Fn(&str) -> Option<&'a str>,
    term: &str,
    dumb: bool,
    console: bool,
    choice: ColourChoice,
) -> Known<Colours> {
    if choice == ColourChoice::Never {
        return known(Colours::None, "--color never");
    }
    if choice == ColourChoice::Auto {
        // https://no-color.org: any value that is not empty.
        if get("NO_COLOR").is_some() {
            return known(Colours::None, "NO_COLOR is set");
        }
        if dumb {
            return known(Colours::None, "TERM says that there are none");
        }
    }
    if console {
        return known(Colours::Sixteen, format!("TERM={term}"));
    }
    match get("COLORTERM") {
        Some(value @ ("truecolor" | "24bit")) => known(Colours::True, format!("COLORTERM={value}")),
        _ if TRUE_COLOUR_TERMS.contains(&term) => known(Colours::True, format!("TERM={term}")),
        _ if get("LC_TERMINAL") == Some("iTerm2") && term.starts_with("xterm") => known(Colours::True, "LC_TERMINAL=iTerm2"),
        _ if term.contains("256color") || term.contains("direct") => known(Colours::Indexed, format!("TERM={term}")),
        _ if choice == ColourChoice::Always => known(Colours::Sixteen, "--color always"),
        _ => known(Colours::Sixteen, "nothing says that there are more"),
    }
}

/// The first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set counts (POSIX, Base Definitions §8.2).
fn unicode<'a>(get: &impl Fn(&str) -> Option<&'a str>, term: &str, dumb: bool, ascii: bool) -> Known<bool> {
    if ascii {
        return known(false, "--ascii");
    }
    if dumb {
        return known(false, "TERM says that little can be shown");
    }
    if term == "linux" {
        return known(false, "the font of the Linux console has few signs");
    }
    for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
        if let Some(value) = get(name) {
            let upper = value.to_uppercase();
            let utf8 = upper.contains("UTF-8") || upper.contains("UTF8");
            return known(utf8, format!("{name}={value}"));
        }
    }
    known(false, "no locale is set")
}

fn notices<'a>(
    get: &impl Fn(&str) -> Option<&'a str>,
    term: &str,
    program: &str,
    plain: bool,
    tmux: bool,
    screen: bool,
) -> Known<Notifier> {
    if plain {
        return known(Notifier::Bell, format!("TERM={term} has only a bell"));
    }
    if screen {
        return known(Notifier::Bell, "GNU screen hands no notices on");
    }
    if get("KITTY_WINDOW_ID").is_some() || term == "xterm-kitty" {
        return known(Notifier::Osc99, "this is kitty");
    }
    if get("WEZTERM_PANE").is_some() || get("GHOSTTY_RESOURCES_DIR").is_some() || term == "xterm-ghostty" {
        return known(Notifier::Osc777, "this is WezTerm or Ghostty");
    }
    if get("ITERM_SESSION_ID").is_some() || get("LC_TERMINAL") == Some("iTerm2") {
        return known(Notifier::Osc9, "this is iTerm2");
    }
    if term.starts_with("foot") || term.starts_with("rxvt") || get("VTE_VERSION").is_some() {
        return known(Notifier::Osc777, "this is foot, urxvt or a VTE terminal");
    }
    match program {
        "iTerm.app" | "WarpTerminal" => known(Notifier::Osc9, format!("TERM_PROGRAM={program}")),
        "WezTerm" | "ghostty" | "rio" => known(Notifier::Osc777, format!("TERM_PROGRAM={program}")),
        _ if get("WT_SESSION").is_some() => known(Notifier::Bell, "Windows Terminal takes OSC 9 for other things"),
        _ if tmux => known(Notifier::Bell, "the terminal around tmux is not known, and tmux shows a bell"),
        _ => known(Notifier::Bell, "nothing says that the terminal shows notices"),
    }
}

/// Bytes of a copy sequence, prefix and end included: the limit of hterm, which the usual copy scripts keep to. What is
/// longer may be dropped without a word.
const LONGEST_COPY: usize = 100_000;

fn copy_limit(term: &str, plain: bool, tmux: bool, screen: bool) -> Known<usize> {
    if plain {
        return known(0, format!("TERM={term} has no clipboard"));
    }
    if screen {
        return known(0, "GNU screen hands no clipboard on");
    }
    if tmux {
        return known(LONGEST_COPY, "tmux takes OSC 52 automatically where set-clipboard is on");
    }
    known(LONGEST_COPY, "the least that common terminals take")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], overrides: Overrides) -> Capabilities {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Capabilities::of(&environment, overrides)
    }

    #[test]
    fn colours_follow_the_flag_then_no_color_then_the_terminal() {
        let xterm = ("TERM", "xterm-256color");
        let choice = |colour| Overrides { colour, ascii: false };
        for (variables, colour, wanted) in [
            (vec![xterm], ColourChoice::Auto, Colours::Indexed),
            (vec![xterm, ("COLORTERM", "truecolor")], ColourChoice::Auto, Colours::True),
            (vec![xterm, ("NO_COLOR", "1")], ColourChoice::Auto, Colours::None),
            (vec![xterm, ("NO_COLOR", "")], ColourChoice::Auto, Colours::Indexed),
            (vec![xterm, ("NO_COLOR", "1")], ColourChoice::Always, Colours::Indexed),
            (vec![xterm], ColourChoice::Never, Colours::None),
            (vec![("TERM", "linux"), ("COLORTERM", "truecolor")], ColourChoice::Auto, Colours::Sixteen),
            (vec![("TERM", "xterm")], ColourChoice::Auto, Colours::Sixteen),
            // Over SSH, where COLORTERM is lost.
            (vec![("TERM", "xterm-kitty"), ("SSH_TTY", "/dev/pts/1")], ColourChoice::Auto, Colours::True),
            (vec![("TERM", "xterm-ghostty")], ColourChoice::Auto, Colours::True),
            (vec![("TERM", "foot")], ColourChoice::Auto, Colours::True),
            (vec![xterm, ("LC_TERMINAL", "iTerm2")], ColourChoice::Auto, Colours::True),
            (vec![("TERM", "tmux-256color"), ("LC_TERMINAL", "iTerm2")], ColourChoice::Auto, Colours::Indexed),
            (vec![("TERM", "xterm-kitty"), ("NO_COLOR", "1")], ColourChoice::Auto, Colours::None),
            (vec![("TERM", "dumb")], ColourChoice::Auto, Colours::None),
            (vec![("TERM", "dumb")], ColourChoice::Always, Colours::Sixteen),
        ] {
            assert_eq!(of(&variables, choice(colour)).colours.value, wanted, "{variables:?} {colour:?}");
        }
    }

    #[test]
    fn the_face_follows_the_locale() {
        let xterm = ("TERM", "xterm");
        for (variables, ascii, wanted) in [
            (vec![xterm, ("LANG", "de_DE.UTF-8")], false, true),
            (vec![xterm, ("LANG", "C.utf8")], false, true),
            (vec![xterm, ("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], false, false),
            (vec![xterm, ("LC_CTYPE", "en_US.UTF-8"), ("LANG", "C")], false, true),
            (vec![xterm, ("LC_ALL", ""), ("LANG", "en_US.UTF-8")], false, true),
            (vec![xterm], false, false),
            (vec![xterm, ("LANG", "de_DE.UTF-8")], true, false),
            (vec![("TERM", "linux"), ("LANG", "de_DE.UTF-8")], false, false),
        ] {
            let overrides = Overrides { ascii, ..Overrides::default() };
            assert_eq!(of(&variables, overrides).unicode.value, wanted, "{variables:?}");
        }
    }

    #[test]
    fn a_terminal_without_a_screen_is_known() {
        for (term, wanted) in [("dumb", false), ("unknown", false), ("", false), ("xterm", true), ("linux", true)] {
            assert_eq!(of(&[("TERM", term)], Overrides::default()).screen.value, wanted, "{term}");
        }
        assert!(!of(&[], Overrides::default()).screen.value);
    }

    #[test]
    fn notices_go_the_way_the_terminal_knows() {
        let xterm = ("TERM", "xterm-256color");
        for (variables, wanted) in [
            (vec![xterm], Notifier::Bell),
            (vec![xterm, ("KITTY_WINDOW_ID", "1")], Notifier::Osc99),
            (vec![("TERM", "tmux-256color"), ("KITTY_WINDOW_ID", "1"), ("TMUX", "/tmp/x")], Notifier::Osc99),
            (vec![xterm, ("TERM_PROGRAM", "iTerm.app")], Notifier::Osc9),
            (vec![xterm, ("TERM_PROGRAM", "WezTerm")], Notifier::Osc777),
            (vec![xterm, ("VTE_VERSION", "7600")], Notifier::Osc777),
            (vec![("TERM", "foot")], Notifier::Osc777),
            (vec![("TERM", "screen-256color"), ("STY", "1.x")], Notifier::Bell),
            (vec![("TERM", "linux")], Notifier::Bell),
            (vec![("TERM", "screen-256color"), ("TMUX", "/tmp/x"), ("TERM_PROGRAM", "tmux")], Notifier::Bell),
        ] {
            assert_eq!(of(&variables, Overrides::default()).notices.value, wanted, "{variables:?}");
        }
    }

    #[test]
    fn frames_have_no_brackets_inside_a_multiplexer() {
        for (variables, wanted) in [
            (vec![("TERM", "xterm-256color")], true),
            (vec![("TERM", "xterm-kitty")], true),
            (vec![("TERM", "xterm-256color"), ("TMUX", "/tmp/x")], false),
            (vec![("TERM", "tmux-256color")], false),
            (vec![("TERM", "screen-256color")], false),
            (vec![("TERM", "xterm-256color"), ("STY", "1.x")], false),
            (vec![("TERM", "linux")], false),
        ] {
            assert_eq!(of(&variables, Overrides::default()).synchronized.value, wanted, "{variables:?}");
        }
    }

    #[test]
    fn ssh_tmux_and_limits_are_known_and_everything_has_a_reason() {
        let over = of(
            &[("TERM", "screen-256color"), ("TMUX", "/tmp/tmux-1/default,1,0"), ("SSH_TTY", "/dev/pts/1")],
            Overrides::default(),
        );
        assert!(over.ssh.value && over.tmux.value && over.links.value && !over.synchronized.value);
        assert_eq!(over.copy_limit.value, 100_000);
        let console = of(&[("TERM", "linux")], Overrides::default());
        assert!(!console.title.value && !console.links.value && !console.synchronized.value);
        assert_eq!(console.copy_limit.value, 0);
        for capabilities in [over, console, of(&[], Overrides::default())] {
            for (name, value, why) in capabilities.report() {
                assert!(!value.is_empty() && !why.is_empty(), "{name}");
            }
        }
    }
}
