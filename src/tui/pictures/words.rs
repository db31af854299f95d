//! Sentences about pictures.

use super::super::wording;
use super::{Chosen, Reason};
use crate::preview::detect::Why;
use crate::preview::tmux::{ALLOW_PASSTHROUGH, Inspection};
use crate::preview::{Encoded, Note, Way};

/// Why a way was chosen, as a fragment: `TERM=xterm-kitty`.
pub(crate) fn why(reason: &Reason) -> String {
    match reason {
        Reason::Ascii => "only ASCII is drawn".to_owned(),
        Reason::NoCellSize => "the terminal does not say how large a cell is, and sixel needs that".to_owned(),
        Reason::Refused(said) => format!("the terminal refused a picture: {said}"),
        Reason::Detected(why) => match why {
            Why::Setting => "the setting says so".to_owned(),
            Why::SlowLink => "--slow-link".to_owned(),
            Why::NoColor => "no colours are used here (NO_COLOR, --color never or the mono theme)".to_owned(),
            Why::FewColours => "this terminal shows 16 colours or fewer".to_owned(),
            Why::Term(term) if term.is_empty() => "TERM is not set".to_owned(),
            Why::Term(term) => format!("TERM={term} shows no pictures"),
            Why::Tmux(Inspection::Pictures) => "every terminal of this tmux is kitty or Ghostty".to_owned(),
            Why::Tmux(Inspection::HeldBack) => format!("tmux holds pictures back; `{}` lets them through", allow()),
            Why::Tmux(Inspection::OtherTerminal) => "a terminal of this tmux is neither kitty nor Ghostty".to_owned(),
            Why::Tmux(Inspection::Unknown) => "tmux does not say which terminals show it".to_owned(),
            Why::Zellij => "zellij passes no pictures on".to_owned(),
            Why::Screen => "GNU screen passes no pictures on".to_owned(),
            Why::RemoteMultiplexer(term) => format!("TERM={term}: a multiplexer on another machine"),
            Why::Named(name) => format!("this is {name}"),
            Why::Answered(name) => format!("the terminal says it is {name}"),
            Why::AnsweredKitty => "the terminal knows kitty's pictures".to_owned(),
            Why::AnsweredSixel => "the terminal says it shows sixel".to_owned(),
            Why::AnsweredNothing => "the terminal names no pictures it could show".to_owned(),
            Why::Silent => "the terminal did not answer within 2 s".to_owned(),
        },
    }
}

/// The line to type where tmux holds pictures back.
pub(crate) fn allow() -> String {
    format!("tmux {}", ALLOW_PASSTHROUGH.join(" "))
}

/// `kitty`, or `words`.
pub(crate) fn way(way: Option<Way>) -> &'static str {
    way.map_or("words", Way::name)
}

/// What is to be said once when a way is known; nothing where pictures come as one expects.
pub(crate) fn remark(chosen: &Chosen) -> Option<String> {
    match (&chosen.way, &chosen.reason) {
        (None, reason) => Some(format!("no pictures here: {}", why(reason))),
        (Some(Way::Blocks), reason @ Reason::Detected(Why::Tmux(Inspection::HeldBack))) => {
            Some(format!("pictures are made of characters: {}", why(reason)))
        }
        (Some(Way::Blocks), reason @ (Reason::NoCellSize | Reason::Refused(_))) => {
            Some(format!("pictures are made of characters now: {}", why(reason)))
        }
        _ => None,
    }
}

/// Pixels, way and bytes: `1024×1024 · kitty, 58 kB sent`.
pub(crate) fn facts(encoded: &Encoded) -> String {
    let bytes = wording::bytes(encoded.bytes as u64);
    let mut said = format!("{} · {}, {bytes} sent", encoded.source, encoded.way.name());
    for note in &encoded.notes {
        said += match note {
            Note::FirstOfSeveral => ", first of several",
            Note::Reduced => ", reduced",
            Note::BlocksInsteadOf(_) => ", too large for its way",
        };
    }
    said
}
