//! Pictures from elsewhere, and what terminals and tmux say about themselves.

use std::io::Cursor;
use std::path::PathBuf;

use mj_enhance::preview::detect::{self, Answers, Environment, KittyAnswer, Next, Setting};
use mj_enhance::preview::tmux::{self, Wrap};
use mj_enhance::preview::{
    BlockStyle, Body, Cells, Colours, Error, Limits, Pixels, Request, Way, decode_from, encode_picture, kitty,
};

use super::bytes::Bytes;

/// Small enough that every input is quick; that the limits hold is what is tried here, not how high they are.
const LIMITS: Limits = Limits { file: 1 << 20, side: 16_384, pixels: 40_000, memory: 1 << 20 };

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    if bytes.byte() == 255 {
        return names(&mut bytes);
    }
    let request = Request {
        path: PathBuf::new(),
        room: Cells::new(u16::from(bytes.byte()), u16::from(bytes.byte()) / 4),
        cell: Pixels::new(u32::from(bytes.byte()) / 8, u32::from(bytes.byte()) / 4),
        way: bytes.pick(&Way::ALL),
        budget: usize::from(bytes.byte()) * usize::from(bytes.byte()),
        side: Some(u32::from(bytes.byte())),
        colours: bytes.pick(&[Colours::True, Colours::Indexed]),
        blocks: bytes.pick(&[BlockStyle::Half, BlockStyle::Quadrant, BlockStyle::Sextant, BlockStyle::Octant]),
        wrap: bytes.pick(&[Wrap::Plain, Wrap::Tmux]),
    };
    picture(bytes.rest(), &request);
}

fn picture(file: &[u8], request: &Request) {
    let picture = match decode_from(Cursor::new(file), file.len() as u64, &LIMITS) {
        Ok(picture) => picture,
        Err(error) => {
            assert_ne!(error, Error::Panicked, "a decoder panicked");
            let words = error.to_string();
            assert!(!words.is_empty() && !words.contains(char::is_control), "{words:?}");
            return;
        }
    };
    let size = picture.size();
    assert!(size.count() > 0 && size.count() <= LIMITS.pixels && size.longer() <= LIMITS.side, "{size}");
    let encoded = match encode_picture(&picture, request) {
        Ok(encoded) => encoded,
        Err(error) => return assert_eq!(error, Error::OverBudget { budget: request.budget }),
    };
    let room = Cells::new(request.room.columns.max(1), request.room.rows.max(1));
    assert!(encoded.cells.count() > 0 && encoded.cells.is_within(room), "{:?} in {room:?}", encoded.cells);
    assert!(encoded.bytes <= request.budget, "{} of {}", encoded.bytes, request.budget);
    match &encoded.body {
        Body::Png(png) => {
            let wrap = if encoded.way == Way::KittyPlaceholders { Wrap::Tmux } else { request.wrap };
            let id = kitty::Id::new(255, 255).expect("an id");
            let slices = kitty::transmit(id, png, wrap);
            assert!(slices.iter().all(|slice| slice.len() <= kitty::SLICE_MOST));
            assert!(slices.iter().map(Vec::len).sum::<usize>() <= encoded.bytes);
        }
        Body::Sequence(sequence) => assert_eq!(sequence.len(), encoded.bytes),
        Body::Grid(grid) => {
            assert_eq!(grid.content.len(), encoded.cells.count());
            assert!(grid.content.iter().all(|cell| !cell.symbol.is_control()));
        }
    }
}

fn names(bytes: &mut Bytes<'_>) {
    const NAMES: [&str; 10] =
        ["", "xterm-kitty", "tmux-256color", "foot", "dumb", "iTerm2", "WezTerm", "kitty(0.36)", "xterm.js(5)", "xterm-ghostty"];
    let mut name = || if bytes.yes() { bytes.pick(&NAMES).to_owned() } else { bytes.text(20) };
    let (term, term_program, lc_terminal, own, clients) = (name(), name(), name(), name(), name());
    let environment = Environment {
        term,
        term_program,
        lc_terminal,
        tmux: bytes.yes(),
        zellij: bytes.yes(),
        screen: bytes.yes(),
        no_color: bytes.yes(),
        many_colours: bytes.yes(),
        slow_link: bytes.yes(),
    };
    let (_, setting) = bytes.pick(&Setting::ALL);
    match detect::first(setting, &environment) {
        Next::Chosen(chosen) => {
            let off = setting == Setting::Off || environment.slow_link;
            assert!(!off || chosen.way.is_none(), "{chosen:?}");
        }
        Next::AskTmux => assert!(environment.tmux && setting == Setting::Auto),
        Next::AskTerminal => assert!(!environment.tmux, "nothing is asked through tmux"),
    }
    let inspection = tmux::inspect(&bytes.text(8), &clients);
    let inside = detect::in_tmux(inspection).way;
    assert!(matches!(inside, Some(Way::KittyPlaceholders | Way::Blocks)));
    let kitty = bytes.yes().then(|| KittyAnswer { id: bytes.yes().then_some(detect::QUESTION_ID), ok: bytes.yes() });
    let attributes = bytes.yes().then(|| bytes.some(8).iter().map(|byte| u16::from(*byte)).collect());
    let answers = Answers { name: Some(own), kitty, attributes };
    let chosen = detect::by_answers(&answers);
    assert!(answers.attributes.is_some() || chosen.way == Some(Way::Blocks), "{chosen:?}");
}
