//! Which way a picture takes in this terminal, and why.
//!
//! Everything is judged from values that are handed in: settings, environment, what tmux said, what the terminal answered.
//! Names that tell are enough; only where they do not is there something to ask, and that is itself the answer
//! ([`Next::AskTmux`], [`Next::AskTerminal`]): the caller asks when the first picture is wanted, never before.

use super::Way;
use super::tmux::Inspection;

/// The `pictures` setting. `config` has the same list: neither room knows the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Setting {
    /// By what the terminal is.
    #[default]
    Auto,
    /// No pictures.
    Off,
    /// kitty's protocol; inside tmux with placeholders.
    Kitty,
    /// iTerm2's protocol.
    Iterm2,
    /// Sixel.
    Sixel,
    /// Coloured characters.
    Blocks,
}

impl Setting {
    /// Every setting with its name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("auto", Self::Auto),
        ("off", Self::Off),
        ("kitty", Self::Kitty),
        ("iterm2", Self::Iterm2),
        ("sixel", Self::Sixel),
        ("blocks", Self::Blocks),
    ];

    /// The setting of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, setting)| *setting)
    }
}

/// What the environment tells.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment {
    /// `TERM`.
    pub term: String,
    /// `TERM_PROGRAM`.
    pub term_program: String,
    /// `LC_TERMINAL`, which crosses SSH.
    pub lc_terminal: String,
    /// `TMUX` is set.
    pub tmux: bool,
    /// `ZELLIJ` is set.
    pub zellij: bool,
    /// `STY` is set (GNU screen).
    pub screen: bool,
    /// `NO_COLOR` is set, or no colours are wanted.
    pub no_color: bool,
    /// Whether 256 colours or more are shown.
    pub many_colours: bool,
    /// `--slow-link`.
    pub slow_link: bool,
}

/// Why a way was chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// The setting says so.
    Setting,
    /// `--slow-link`: no picture is worth its bytes.
    SlowLink,
    /// `NO_COLOR`.
    NoColor,
    /// Sixteen colours or fewer.
    FewColours,
    /// `TERM=dumb`, the Linux console: the description of the terminal.
    Term(String),
    /// What tmux said.
    Tmux(Inspection),
    /// zellij passes no picture on.
    Zellij,
    /// GNU screen passes no picture on.
    Screen,
    /// A multiplexer on another machine: `TERM` is one of its names.
    RemoteMultiplexer(String),
    /// The environment names the terminal.
    Named(String),
    /// The terminal named itself.
    Answered(String),
    /// It answered kitty's question.
    AnsweredKitty,
    /// It says that it shows sixel pictures.
    AnsweredSixel,
    /// It answered, but knows no pictures.
    AnsweredNothing,
    /// It did not answer in time.
    Silent,
}

/// A way and its reason. No way: words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chosen {
    /// The way, or `None` for words.
    pub way: Option<Way>,
    /// The reason.
    pub why: Why,
}

fn chosen(way: impl Into<Option<Way>>, why: Why) -> Chosen {
    Chosen { way: way.into(), why }
}

/// What follows from settings and environment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing is left to ask.
    Chosen(Chosen),
    /// tmux must be read first: [`super::tmux::inspect`], then [`in_tmux`].
    AskTmux,
    /// The terminal must be asked: [`QUESTION`], then [`by_answers`].
    AskTerminal,
}

/// Judges settings and environment.
pub fn first(setting: Setting, environment: &Environment) -> Next {
    let Environment { term, tmux, .. } = environment;
    let known = |way: Option<Way>, why| Next::Chosen(Chosen { way, why });
    if setting == Setting::Off {
        return known(None, Why::Setting);
    }
    if environment.slow_link {
        return known(None, Why::SlowLink);
    }
    if matches!(term.as_str(), "dumb" | "linux" | "") {
        return known(None, Why::Term(term.clone()));
    }
    match setting {
        Setting::Kitty if *tmux => return known(Some(Way::KittyPlaceholders), Why::Setting),
        Setting::Kitty => return known(Some(Way::Kitty), Why::Setting),
        Setting::Iterm2 => return known(Some(Way::Iterm2), Why::Setting),
        Setting::Sixel => return known(Some(Way::Sixel), Why::Setting),
        Setting::Auto | Setting::Off | Setting::Blocks => {}
    }
    if environment.no_color {
        return known(None, Why::NoColor);
    }
    if !environment.many_colours {
        return known(None, Why::FewColours);
    }
    if setting == Setting::Blocks {
        return known(Some(Way::Blocks), Why::Setting);
    }
    // The innermost multiplexer is the one that is written to; a variable of an outer one may have been inherited, and
    // then two of them stand in the way.
    if environment.zellij {
        return known(Some(Way::Blocks), Why::Zellij);
    }
    if environment.screen {
        return known(Some(Way::Blocks), Why::Screen);
    }
    if *tmux {
        return Next::AskTmux;
    }
    // Names of the terminal cross SSH, but so do those of a terminal behind somebody's tmux.
    if ["tmux", "screen"].iter().any(|name| term.split(['-', '.']).next() == Some(*name)) {
        return known(Some(Way::Blocks), Why::RemoteMultiplexer(term.clone()));
    }
    match by_name(environment) {
        Some(chosen) => Next::Chosen(chosen),
        None => Next::AskTerminal,
    }
}

fn by_name(environment: &Environment) -> Option<Chosen> {
    let Environment { term, term_program, lc_terminal, .. } = environment;
    let way = match term.as_str() {
        "xterm-kitty" | "xterm-ghostty" => Some(Way::Kitty),
        "foot" | "foot-extra" | "foot-direct" => Some(Way::Sixel),
        "wezterm" => Some(Way::Iterm2),
        _ => None,
    };
    if way.is_some() {
        return Some(chosen(way, Why::Named(term.clone())));
    }
    if lc_terminal == "iTerm2" {
        return Some(chosen(Way::Iterm2, Why::Named(lc_terminal.clone())));
    }
    let way = match term_program.as_str() {
        "iTerm.app" | "WezTerm" | "WarpTerminal" | "mintty" | "rio" => Way::Iterm2,
        "ghostty" => Way::Kitty,
        "Apple_Terminal" => Way::Blocks,
        // VS Code and others show pictures only if their user said so: they must be asked.
        _ => return None,
    };
    Some(chosen(way, Why::Named(term_program.clone())))
}

/// Judges what tmux said.
pub fn in_tmux(inspection: Inspection) -> Chosen {
    let way = if inspection == Inspection::Pictures { Way::KittyPlaceholders } else { Way::Blocks };
    chosen(way, Why::Tmux(inspection))
}

/// What a terminal is asked when its first picture is wanted: its name, whether it knows kitty's protocol, how large a
/// cell is, and what every terminal answers, as the end mark. Never written inside tmux, which swallows some of it.
pub const QUESTION: &[u8] = b"\x1b[>q\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t\x1b[c";

/// The id in kitty's part of [`QUESTION`].
pub const QUESTION_ID: u32 = 31;

/// The answer to kitty's question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KittyAnswer {
    /// The id in it; iTerm2 leaves it out.
    pub id: Option<u32>,
    /// Whether it says `OK`.
    pub ok: bool,
}

/// What came back until the end mark or until nobody waited any longer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answers {
    /// The text of the answer to `CSI > q`.
    pub name: Option<String>,
    /// Of kitty's question.
    pub kitty: Option<KittyAnswer>,
    /// The numbers of the answer to `CSI c`; `None`: none came within two seconds.
    pub attributes: Option<Vec<u16>>,
}

/// The number among the attributes that says sixel.
const SIXEL: u16 = 4;

/// How a terminal that named itself is treated; its name beats what it claims to know.
enum Brand {
    /// Always this way.
    Way(Way),
    /// This way if it says that it shows sixel pictures, else blocks: its user may have switched them off.
    IfSixel(Way),
}

/// By the beginning of the name, in lower case.
///
/// kitty's protocol is answered by Konsole, Contour, Warp and WezTerm too, but without what is needed here.
const BRANDS: [(&str, Brand); 17] = [
    ("kitty", Brand::Way(Way::Kitty)),
    ("ghostty", Brand::Way(Way::Kitty)),
    ("wezterm", Brand::Way(Way::Iterm2)),
    ("iterm2", Brand::Way(Way::Iterm2)),
    ("warp", Brand::Way(Way::Iterm2)),
    ("rio", Brand::Way(Way::Iterm2)),
    ("mintty", Brand::Way(Way::Iterm2)),
    ("foot", Brand::Way(Way::Sixel)),
    ("xterm.js", Brand::IfSixel(Way::Iterm2)),
    ("konsole", Brand::IfSixel(Way::Sixel)),
    ("contour", Brand::IfSixel(Way::Sixel)),
    ("xterm(", Brand::IfSixel(Way::Sixel)),
    ("vte(", Brand::IfSixel(Way::Sixel)),
    ("mlterm", Brand::IfSixel(Way::Sixel)),
    ("windows terminal", Brand::IfSixel(Way::Sixel)),
    ("tmux", Brand::Way(Way::Blocks)),
    ("zellij", Brand::Way(Way::Blocks)),
];

/// Judges what the terminal answered.
pub fn by_answers(answers: &Answers) -> Chosen {
    let Some(attributes) = &answers.attributes else {
        return chosen(Way::Blocks, Why::Silent);
    };
    let sixel = attributes.contains(&SIXEL);
    if let Some(name) = &answers.name {
        let lower = name.trim_start().to_ascii_lowercase();
        if let Some((_, brand)) = BRANDS.iter().find(|(beginning, _)| lower.starts_with(beginning)) {
            let way = match brand {
                Brand::Way(way) => *way,
                Brand::IfSixel(way) if sixel => *way,
                Brand::IfSixel(_) => Way::Blocks,
            };
            return chosen(way, Why::Answered(name.clone()));
        }
    }
    if answers.kitty == Some(KittyAnswer { id: Some(QUESTION_ID), ok: true }) {
        chosen(Way::Kitty, Why::AnsweredKitty)
    } else if sixel {
        chosen(Way::Sixel, Why::AnsweredSixel)
    } else {
        chosen(Way::Blocks, Why::AnsweredNothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(term: &str) -> Environment {
        Environment { term: term.to_owned(), many_colours: true, ..Environment::default() }
    }

    fn way(next: &Next) -> Option<Way> {
        match next {
            Next::Chosen(chosen) => chosen.way,
            asks => panic!("{asks:?}"),
        }
    }

    #[test]
    fn the_question_is_forty_seven_bytes() {
        assert_eq!(QUESTION.len(), 47);
        assert!(QUESTION.ends_with(b"\x1b[c"), "the end mark comes last");
    }

    #[test]
    fn names_that_tell_need_no_question() {
        for (term, program, lc, wanted) in [
            ("xterm-kitty", "", "", Way::Kitty),
            ("xterm-ghostty", "ghostty", "", Way::Kitty),
            ("xterm-256color", "ghostty", "", Way::Kitty),
            ("foot", "", "", Way::Sixel),
            ("foot-extra", "", "", Way::Sixel),
            ("xterm-256color", "", "iTerm2", Way::Iterm2),
            ("xterm-256color", "iTerm.app", "", Way::Iterm2),
            ("xterm-256color", "WezTerm", "", Way::Iterm2),
            ("xterm-256color", "Apple_Terminal", "", Way::Blocks),
        ] {
            let environment = Environment { term_program: program.to_owned(), lc_terminal: lc.to_owned(), ..environment(term) };
            let next = first(Setting::Auto, &environment);
            assert_eq!(way(&next), Some(wanted), "{term} {program} {lc}");
            let Next::Chosen(Chosen { why: Why::Named(name), .. }) = next else { panic!("{next:?}") };
            assert!([term, program, lc].contains(&name.as_str()));
        }
        for (term, program) in [("xterm-256color", ""), ("xterm-256color", "vscode"), ("alacritty", ""), ("footer", "")] {
            let environment = Environment { term_program: program.to_owned(), ..environment(term) };
            assert_eq!(first(Setting::Auto, &environment), Next::AskTerminal, "{term} {program}");
        }
    }

    #[test]
    fn words_where_a_picture_is_of_no_use() {
        let plain = environment("xterm-kitty");
        let slow = Environment { slow_link: true, ..plain.clone() };
        let mono = Environment { no_color: true, ..plain.clone() };
        let few = Environment { many_colours: false, ..plain.clone() };
        for (setting, environment, why) in [
            (Setting::Off, &plain, Why::Setting),
            (Setting::Auto, &slow, Why::SlowLink),
            (Setting::Kitty, &slow, Why::SlowLink),
            (Setting::Auto, &mono, Why::NoColor),
            (Setting::Blocks, &mono, Why::NoColor),
            (Setting::Auto, &few, Why::FewColours),
            (Setting::Auto, &environment("dumb"), Why::Term("dumb".to_owned())),
            (Setting::Kitty, &environment("linux"), Why::Term("linux".to_owned())),
            (Setting::Auto, &environment(""), Why::Term(String::new())),
        ] {
            assert_eq!(first(setting, environment), Next::Chosen(Chosen { way: None, why }), "{setting:?}");
        }
        assert_eq!(way(&first(Setting::Sixel, &mono)), Some(Way::Sixel), "asked for by name");
    }

    #[test]
    fn multiplexers_come_before_the_names_behind_them() {
        let iterm = Environment { lc_terminal: "iTerm2".to_owned(), ..environment("xterm-kitty") };
        let tmux = Environment { tmux: true, ..iterm.clone() };
        assert_eq!(first(Setting::Auto, &tmux), Next::AskTmux);
        assert_eq!(way(&first(Setting::Kitty, &tmux)), Some(Way::KittyPlaceholders));
        assert_eq!(way(&first(Setting::Auto, &Environment { zellij: true, ..tmux.clone() })), Some(Way::Blocks));
        assert_eq!(way(&first(Setting::Auto, &Environment { screen: true, ..tmux })), Some(Way::Blocks));
        for term in ["tmux-256color", "screen", "screen-256color", "screen.xterm-256color", "tmux"] {
            let remote = Environment { term: term.to_owned(), ..iterm.clone() };
            let next = first(Setting::Auto, &remote);
            let wanted = chosen(Way::Blocks, Why::RemoteMultiplexer(term.to_owned()));
            assert_eq!(next, Next::Chosen(wanted), "{term}");
        }
        for (inspection, wanted) in [
            (Inspection::Pictures, Way::KittyPlaceholders),
            (Inspection::HeldBack, Way::Blocks),
            (Inspection::OtherTerminal, Way::Blocks),
            (Inspection::Unknown, Way::Blocks),
        ] {
            assert_eq!(in_tmux(inspection), chosen(wanted, Why::Tmux(inspection)));
        }
    }

    #[test]
    fn the_name_beats_the_abilities() {
        let ok = Some(KittyAnswer { id: Some(QUESTION_ID), ok: true });
        let nameless = Some(KittyAnswer { id: None, ok: true });
        let error = Some(KittyAnswer { id: Some(QUESTION_ID), ok: false });
        let plain: &[u16] = &[62, 22];
        let sixel: &[u16] = &[62, 4, 22];
        for (name, kitty, attributes, wanted) in [
            ("kitty(0.36.4)", ok, plain, Way::Kitty),
            ("ghostty 1.2.0", ok, plain, Way::Kitty),
            ("WezTerm 20240203", ok, sixel, Way::Iterm2),
            ("Konsole 24.08", ok, plain, Way::Blocks),
            ("Konsole 24.08", ok, sixel, Way::Sixel),
            ("contour 0.5", ok, sixel, Way::Sixel),
            ("Warp(v0.2025)", ok, plain, Way::Iterm2),
            ("iTerm2 3.5.0", nameless, sixel, Way::Iterm2),
            ("xterm.js(5.5.0)", None, plain, Way::Blocks),
            ("xterm.js(5.5.0)", None, sixel, Way::Iterm2),
            ("XTerm(390)", None, sixel, Way::Sixel),
            ("VTE(7600)", None, plain, Way::Blocks),
            ("tmux 3.3a", None, sixel, Way::Blocks),
            ("something new", ok, sixel, Way::Kitty),
            ("something new", nameless, plain, Way::Blocks),
            ("something new", error, sixel, Way::Sixel),
            ("", None, sixel, Way::Sixel),
            ("", None, plain, Way::Blocks),
        ] {
            let name = (!name.is_empty()).then(|| name.to_owned());
            let answers = Answers { name: name.clone(), kitty, attributes: Some(attributes.to_vec()) };
            assert_eq!(by_answers(&answers).way, Some(wanted), "{answers:?}");
        }
        let late = Answers { name: Some("kitty(0.36.4)".to_owned()), kitty: ok, attributes: None };
        assert_eq!(by_answers(&late), chosen(Way::Blocks, Why::Silent));
    }

    #[test]
    fn settings_have_the_names_of_the_configuration() {
        for (name, setting) in Setting::ALL {
            assert_eq!(Setting::of(name), Some(setting));
        }
        assert_eq!(Setting::of("Kitty"), None);
    }
}
