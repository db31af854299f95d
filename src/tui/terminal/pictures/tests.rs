//! A terminal double under random frames, boxes, resizes, suspends and lost answers: what it shows is what was named.

mod double;

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::super::compose;
use super::super::paint::{self, Painter};
use super::*;
use crate::preview::{Cells, Pixels};
use double::Double;

const MS: Duration = Duration::from_millis(1);

/// A picture of its own for each key.
fn picture(way: Way, key: u64, cells: Cells, bytes: usize) -> Arc<Encoded> {
    let mark = u8::try_from(key).unwrap();
    let body = match way {
        Way::Kitty | Way::KittyPlaceholders => Body::Png(vec![mark; bytes]),
        Way::Iterm2 => {
            Body::Sequence(format!("\x1b]1337;File=inline=1;width={};height={}:{mark}\x07", cells.columns, cells.rows).into())
        }
        _ => Body::Sequence(format!("\x1bP0;1;0q{mark},{},{}\x1b\\", cells.columns, cells.rows).into()),
    };
    let pixels = Pixels::new(1, 1);
    Arc::new(Encoded { way, cells, source: pixels, sent: pixels, bytes, body, notes: Vec::new() })
}

/// Program and terminal.
struct Stage {
    way: Way,
    painter: Painter,
    pictures: Pictures,
    terminal: Double,
    size: (u16, u16),
    named: Vec<(u64, Rect)>,
    boxes: Option<Rect>,
    cursor: Option<Position>,
    text: u16,
    now: Instant,
    /// The cells of the last frame, as the screen drew them.
    drawn: Buffer,
    bytes: usize,
}

impl Stage {
    fn new(way: Way) -> Self {
        let size = (40, 14);
        Self {
            way,
            painter: Painter::new(paint::Style::default()),
            pictures: Pictures::new(77),
            terminal: Double::new(size),
            size,
            named: Vec::new(),
            boxes: None,
            cursor: None,
            text: 0,
            now: Instant::now(),
            drawn: Buffer::empty(Rect::ZERO),
            bytes: 0,
        }
    }

    fn spots(&self) -> Vec<Spot> {
        let of = |(key, area): &(u64, Rect)| Spot {
            key: *key,
            picture: picture(self.way, *key, Cells::new(area.width, area.height), 9_000),
            area: *area,
        };
        self.named.iter().map(of).collect()
    }

    fn frame(&mut self) -> Vec<u8> {
        let screen = Rect::new(0, 0, self.size.0, self.size.1);
        let mut buffer = Buffer::empty(screen);
        for y in 0..screen.height {
            let text = format!("{} ", (u32::from(self.text) + 3) * (u32::from(y) + 7)).repeat(9);
            buffer.set_stringn(0, y, &text, usize::from(screen.width - self.text % 9 - y % 5), Style::new());
        }
        for (key, area) in &self.named {
            for_each(&mut buffer, *area, |cell| {
                cell.reset();
                cell.set_symbol("w").set_diff_option(CellDiffOption::Skip);
            });
            let area = area.intersection(screen);
            if !area.is_empty() {
                buffer.set_stringn(area.x, area.y, format!("{key}"), usize::from(area.width), Style::new());
            }
        }
        for_each(&mut buffer, self.boxes.unwrap_or_default(), |cell| {
            cell.reset();
            cell.set_symbol("#");
        });
        let (spots, mut out) = (self.spots(), Vec::new());
        let frame = compose::Frame { buffer: &buffer, cursor: self.cursor, spots, links: &[], synchronized: true };
        compose::append(frame, &mut self.painter, &mut self.pictures, self.now, &mut out);
        self.drawn = buffer;
        self.terminal.take(&out);
        self.hear();
        // What the terminal refused just now is mended by the frame that its answer asks for; that one is checked.
        if !self.pictures.wants_frame() {
            self.check();
        }
        out
    }

    /// A part of a picture leaves, if one may; the terminal answers after so many milliseconds, or never.
    fn write(&mut self, answer: Option<u32>) -> Option<usize> {
        let Write { mut bytes, covers } = self.pictures.next_write(self.now)?;
        if let Some(area) = covers {
            self.painter.cover(area);
            self.painter.cursor_was_moved(&mut bytes);
        }
        self.terminal.take(&bytes);
        if let Some(ms) = answer {
            self.now += MS * ms;
            self.pictures.answered(self.now);
        }
        self.hear();
        Some(bytes.len())
    }

    /// What the terminal says about pictures reaches us.
    fn hear(&mut self) {
        for (id, error) in std::mem::take(&mut self.terminal.errors) {
            let _ = self.pictures.heard(Some(id), &error, self.now);
        }
    }

    /// Until nothing is left to be done; the bytes of the writes between frames.
    fn settle(&mut self) -> usize {
        let mut bytes = 0;
        for _ in 0..2_000 {
            if self.pictures.wants_frame() {
                self.frame();
            } else if let Some(written) = self.write(Some(5)) {
                bytes += written;
            } else if let Some(at) = self.pictures.deadline(self.now) {
                assert!(at > self.now, "a deadline that has passed has something to write");
                self.now = at;
            } else {
                return bytes;
            }
        }
        panic!("it never comes to rest: {:?}", self.pictures);
    }

    /// Where pictures ought to be once all is sent.
    fn visible(&self) -> Vec<(u64, Rect)> {
        let screen = Rect::new(0, 0, self.size.0, self.size.1);
        let mut seen: Vec<(u64, Rect)> = Vec::new();
        for (key, area) in &self.named {
            let whole = area.intersection(screen) == *area && area.bottom() < screen.bottom();
            let free = self.boxes.is_none_or(|lies| !lies.intersects(*area));
            if whole && free && !seen.iter().any(|(known, _)| known == key) {
                seen.push((*key, *area));
            }
        }
        seen
    }

    /// After every frame: pictures only where they were named, and the words of the screen everywhere else.
    fn check(&self) {
        let shown = self.terminal.shown();
        let visible = self.visible();
        for picture in &shown {
            assert!(visible.contains(picture), "{picture:?} is left over; named are {visible:?}");
        }
        let covered = |x, y| shown.iter().any(|(_, area)| area.contains(Position::new(x, y)));
        for y in 0..self.size.1 {
            for x in 0..self.size.0 {
                if !covered(x, y) {
                    let (is, wanted) = (self.terminal.text(x, y), self.drawn[(x, y)].symbol().to_owned());
                    assert_eq!(is, wanted, "at {x},{y} with {shown:?}");
                }
            }
        }
        if let Some(at) = self.cursor {
            assert_eq!(self.terminal.cursor(), (at.x, at.y));
        }
    }

    fn check_at_rest(&mut self) {
        self.frame();
        self.settle();
        self.check();
        let mut shown = self.terminal.shown();
        let mut visible = self.visible();
        shown.sort_by_key(|(key, _)| *key);
        visible.sort_by_key(|(key, _)| *key);
        assert_eq!(shown, visible);
        assert!(self.frame().is_empty(), "a frame in which nothing changes has no bytes");
        assert!(self.pictures.next_write(self.now).is_none() && self.pictures.deadline(self.now).is_none(), "idle is idle");
    }

    fn leave(&mut self) {
        let goodbye = self.pictures.goodbye();
        self.pictures.left();
        self.terminal.take(&goodbye);
        self.terminal.check_nothing_is_left();
    }
}

const A: Rect = Rect::new(2, 1, 10, 5);
const B: Rect = Rect::new(20, 1, 10, 5);

fn stage(way: Way, named: &[(u64, Rect)]) -> Stage {
    let mut stage = Stage::new(way);
    stage.named = named.to_vec();
    stage.frame();
    stage.settle();
    stage.check_at_rest();
    stage
}

#[test]
fn a_picture_that_the_terminal_holds_comes_back_goes_and_flips_in_a_hundred_bytes() {
    let mut stage = stage(Way::Kitty, &[(1, A), (2, B)]);
    let pictures = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        text.split("\x1b_G").skip(1).map(|part| part.split_inclusive("\x1b\\").next().unwrap().len() + 3).sum::<usize>()
    };
    // Flip: the second takes the place of the first.
    stage.named = vec![(2, A)];
    let flip = pictures(stage.frame());
    assert!((40..=100).contains(&flip), "{flip}");
    stage.named = vec![(1, A), (2, B)];
    let back = pictures(stage.frame());
    assert!((60..=130).contains(&back), "two are placed: {back}");
    stage.boxes = Some(Rect::new(5, 2, 30, 3));
    let gone = pictures(stage.frame());
    assert!(gone <= 2 * 30, "{gone}");
    assert_eq!(stage.terminal.shown(), []);
    stage.boxes = None;
    let again = pictures(stage.frame());
    assert!(again <= 2 * 52, "{again}");
    assert_eq!(stage.settle(), 0, "no data");
    stage.leave();
}

#[test]
fn the_last_sixteen_stay_in_the_terminal_and_the_one_shown_longest_ago_leaves() {
    let mut stage = Stage::new(Way::Kitty);
    for key in 0..20 {
        stage.named = vec![(key, A)];
        stage.check_at_rest();
    }
    assert_eq!(stage.terminal.held(), HELD_MOST);
    for (key, sent) in [(19, false), (4, false), (3, true)] {
        stage.named = vec![(key, A)];
        stage.frame();
        assert_eq!(stage.settle() > 0, sent, "{key}");
        stage.check();
    }
    stage.leave();
}

#[test]
fn what_is_cleared_is_sent_again() {
    for way in [Way::Kitty, Way::KittyPlaceholders, Way::Iterm2, Way::Sixel] {
        let mut stage = stage(way, &[(1, A)]);
        // Ctrl+l.
        stage.painter.forget();
        stage.pictures.forget();
        stage.frame();
        assert_eq!(stage.terminal.shown(), [], "{way:?}");
        assert!(stage.settle() > 0);
        stage.check_at_rest();
        // Ctrl+z and fg.
        stage.leave();
        stage.terminal.take(b"\x1b[2J");
        stage.painter.forget();
        stage.pictures.left();
        stage.check_at_rest();
        stage.leave();
    }
}

#[test]
fn a_picture_that_nobody_looks_at_any_more_is_not_sent_to_its_end() {
    let mut stage = Stage::new(Way::Kitty);
    stage.named = vec![(1, A)];
    stage.frame();
    assert!(stage.write(None).unwrap() > 4_000);
    assert_eq!(stage.write(None), None, "the terminal has to answer first");
    stage.named = vec![(2, A)];
    let frame = stage.frame();
    assert!(
        frame.starts_with(b"\x1b_Gq=2,m=0;\x1b\\\x1b_Ga=d,d=I,"),
        "outside of the frame: {:?}",
        String::from_utf8_lossy(&frame)
    );
    stage.pictures.answered(stage.now);
    stage.check_at_rest();
    assert_eq!(stage.terminal.held(), 1);
    stage.leave();
}

#[test]
fn an_error_gets_the_picture_once_more_and_a_second_one_is_the_last() {
    let mut stage = stage(Way::Kitty, &[(1, A)]);
    let id = stage.terminal.ids()[0];
    assert_eq!(stage.pictures.heard(Some(31), "ENOENT", stage.now), None, "none of ours");
    assert_eq!(stage.pictures.heard(Some(id), "OK", stage.now), None);
    assert_eq!(stage.pictures.heard(Some(id), "ENOENT:gone", stage.now), Some(Refusal::Again));
    stage.frame();
    assert!(stage.settle() > 9_000, "sent again");
    stage.check_at_rest();
    let id = stage.terminal.ids()[0];
    stage.now += PATIENCE_WITH_ERRORS + MS;
    assert_eq!(stage.pictures.heard(Some(id), "ENOENT:gone", stage.now), Some(Refusal::Again), "the first was long ago");
    stage.frame();
    stage.settle();
    let id = stage.terminal.ids()[0];
    assert_eq!(stage.pictures.heard(Some(id), "EINVAL:bad", stage.now), Some(Refusal::Final("EINVAL:bad".to_owned())));
    stage.named.clear();
    stage.check_at_rest();
    stage.leave();
}

#[test]
fn what_tmux_may_have_dropped_behind_another_window_is_sent_again() {
    let mut stage = Stage::new(Way::KittyPlaceholders);
    stage.pictures.focus(false);
    stage.named = vec![(1, A)];
    stage.check_at_rest();
    assert!(stage.pictures.focus(true));
    stage.frame();
    assert!(stage.settle() > 9_000);
    stage.check_at_rest();
    assert!(!stage.pictures.focus(true), "once");
    stage.leave();
}

#[test]
fn an_inline_picture_comes_back_300_ms_after_a_box_has_closed() {
    for way in [Way::Iterm2, Way::Sixel] {
        let mut stage = stage(way, &[(1, A)]);
        stage.boxes = Some(Rect::new(0, 0, 5, 5));
        stage.frame();
        stage.boxes = None;
        stage.frame();
        assert_eq!(stage.write(Some(0)), None);
        assert_eq!(stage.pictures.deadline(stage.now), Some(stage.now + INLINE_REST));
        stage.now += INLINE_REST;
        assert!(stage.write(Some(0)).is_some());
        stage.check_at_rest();
    }
}

#[test]
fn a_frame_beside_a_picture_costs_no_more_than_without_one() {
    for way in [Way::Kitty, Way::KittyPlaceholders, Way::Iterm2, Way::Sixel] {
        let (mut with, mut without) = (stage(way, &[(1, A)]), stage(way, &[]));
        for _ in 0..20 {
            for stage in [&mut with, &mut without] {
                stage.text += 1;
            }
            let (frame, plain) = (with.frame(), without.frame());
            assert!(frame.len() <= plain.len(), "{way:?}: {} bytes, without it {}", frame.len(), plain.len());
            assert_eq!(with.write(Some(1)), None, "{way:?}: no data");
        }
    }
}

/// One line: bytes are queued, keys' answers among them.
fn worst_key(bits_per_second: u64, trip: Duration) -> (Duration, Duration) {
    let mut pictures = Pictures::new(5);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 60, 30));
    let area = Rect::new(0, 0, 40, 20);
    for_each(&mut buffer, area, |cell| {
        cell.set_diff_option(CellDiffOption::Skip);
    });
    let start = Instant::now();
    // 66 kB on the line.
    let spot = Spot { key: 1, picture: picture(Way::Kitty, 1, Cells::new(40, 20), 48_000), area };
    let _ = pictures.frame(vec![spot], &mut buffer, start);
    let (mut now, mut line_free) = (start, start);
    let mut answers = std::collections::VecDeque::new();
    let mut worst = Duration::ZERO;
    loop {
        while answers.front().is_some_and(|at| *at <= now) {
            pictures.answered(now);
            answers.pop_front();
        }
        while let Some(write) = pictures.next_write(now) {
            let took = Duration::from_nanos(write.bytes.len() as u64 * 8 * 1_000_000_000 / bits_per_second);
            line_free = line_free.max(now) + took;
            answers.push_back(line_free + trip);
        }
        // A key pressed now is answered by 300 bytes of a frame.
        let key = (now + trip / 2).max(line_free) + Duration::from_nanos(2_400_000_000_000 / bits_per_second) + trip / 2;
        worst = worst.max(key - now);
        if pictures.wants_frame() && answers.is_empty() {
            return (worst, now - start);
        }
        now += MS * 5;
    }
}

#[test]
fn a_key_is_answered_while_a_picture_loads() {
    for (bits, most, whole) in [(56_000, 1_200, 17_000), (1_000_000, 400, 1_500), (10_000_000, 250, 1_000)] {
        let (key, picture) = worst_key(bits, MS * 150);
        assert!(key <= MS * most, "{bits}: a key waits {key:?}");
        assert!(picture <= MS * whole, "{bits}: the picture takes {picture:?}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Name(Vec<(u64, usize)>),
    Frame,
    Write(Option<u32>),
    Wait(u64),
    Box(Option<(u16, u16, u16, u16)>),
    Resize(u16, u16),
    Redraw,
    Suspend,
    Focus(bool),
    Text,
    Cursor(Option<(u16, u16)>),
    /// The terminal forgets its pictures by itself.
    Evict,
}

/// Places of pictures that a screen may use at the same time; some reach over the edge.
const PLACES: [Rect; 5] = [A, B, Rect::new(2, 7, 12, 5), Rect::new(28, 7, 10, 6), Rect::new(33, 1, 12, 4)];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => proptest::collection::btree_map(0_usize..5, 0_u64..24, 0..4).prop_map(|all| {
            Step::Name(all.into_iter().map(|(place, key)| (key, place)).collect())
        }),
        3 => Just(Step::Frame),
        6 => proptest::option::weighted(0.9, 0_u32..900).prop_map(Step::Write),
        2 => (0_u64..20_000).prop_map(Step::Wait),
        2 => proptest::option::of((0_u16..40, 0_u16..14, 1_u16..20, 1_u16..8)).prop_map(Step::Box),
        1 => (20_u16..60, 6_u16..20).prop_map(|(width, height)| Step::Resize(width, height)),
        1 => Just(Step::Redraw),
        1 => Just(Step::Suspend),
        1 => any::<bool>().prop_map(Step::Focus),
        2 => Just(Step::Text),
        1 => proptest::option::of((0_u16..20, 0_u16..6)).prop_map(Step::Cursor),
        1 => Just(Step::Evict),
    ]
}

fn perform(stage: &mut Stage, step: Step) {
    match step {
        Step::Name(all) => stage.named = all.into_iter().map(|(key, place)| (key, PLACES[place])).collect(),
        Step::Frame => {
            stage.frame();
        }
        Step::Write(answer) if !stage.pictures.wants_frame() => {
            stage.write(answer);
        }
        Step::Write(_) => {}
        Step::Wait(ms) => stage.now += Duration::from_millis(ms),
        Step::Box(area) => stage.boxes = area.map(|(x, y, width, height)| Rect::new(x, y, width, height)),
        Step::Resize(width, height) => {
            stage.size = (width, height);
            stage.terminal.resize((width, height));
            stage.painter.forget();
            stage.pictures.forget();
            stage.cursor = None;
            stage.frame();
        }
        Step::Redraw => {
            stage.painter.forget();
            stage.pictures.forget();
        }
        Step::Suspend => {
            stage.leave();
            stage.terminal.take(b"\x1b[2J\x1b[?25l");
            stage.painter.forget();
            stage.painter.cursor_was_hidden();
            stage.pictures.left();
            stage.frame();
        }
        Step::Focus(focused) => {
            if stage.pictures.focus(focused) {
                stage.frame();
            }
        }
        Step::Text => stage.text += 1,
        Step::Cursor(at) => {
            stage.cursor = at.map(|(x, y)| Position::new(x, y)).filter(|at| at.x < stage.size.0 && at.y < stage.size.1);
        }
        Step::Evict => {
            stage.terminal.evict();
            // The errors are long ago, each time.
            stage.now += PATIENCE_WITH_ERRORS * 2;
        }
    }
}

#[test]
fn a_picture_that_arrives_when_nobody_wants_it_any_more_asks_for_one_frame() {
    let mut stage = Stage::new(Way::Kitty);
    for step in [Step::Name(vec![(0, 0)]), Step::Frame, Step::Write(Some(0)), Step::Write(Some(0)), Step::Write(Some(0))] {
        perform(&mut stage, step);
    }
    while !stage.pictures.wants_frame() {
        stage.write(Some(0)).expect("it is on its way");
    }
    perform(&mut stage, Step::Name(Vec::new()));
    stage.frame();
    assert!(!stage.pictures.wants_frame(), "one frame, not one after the other");
    stage.check_at_rest();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn what_the_terminal_shows_is_what_the_screen_named(
        way in prop_oneof![Just(Way::Kitty), Just(Way::KittyPlaceholders), Just(Way::Iterm2), Just(Way::Sixel)],
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut stage = Stage::new(way);
        for step in steps {
            perform(&mut stage, step);
        }
        stage.check_at_rest();
        stage.bytes = 0;
        stage.leave();
    }
}
