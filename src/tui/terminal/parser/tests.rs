use crossterm::event::{KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;

use super::*;

/// A parser and its time.
struct Line {
    parser: Parser,
    now: Instant,
    events: Vec<TerminalEvent>,
}

impl Line {
    fn new() -> Self {
        Self { parser: Parser::default(), now: Instant::now(), events: Vec::new() }
    }

    fn wait(&mut self, time: Duration) -> &mut Self {
        let end = self.now + time;
        while let Some(deadline) = self.parser.deadline().filter(|deadline| *deadline <= end) {
            self.parser.expire(deadline, &mut self.events);
        }
        self.now = end;
        self
    }

    fn wait_ms(&mut self, milliseconds: u64) -> &mut Self {
        self.wait(Duration::from_millis(milliseconds))
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.parser.feed(bytes.as_ref(), self.now, &mut self.events);
        self
    }

    fn take(&mut self) -> Vec<TerminalEvent> {
        std::mem::take(&mut self.events)
    }

    /// What came until everything that waits has ended.
    fn end(&mut self) -> Vec<TerminalEvent> {
        self.wait(Duration::from_mins(1)).take()
    }
}

fn all(bytes: impl AsRef<[u8]>) -> Vec<TerminalEvent> {
    Line::new().send(bytes).end()
}

fn plain(code: KeyCode) -> TerminalEvent {
    key(code, KeyModifiers::NONE)
}

fn typed(text: &str) -> Vec<TerminalEvent> {
    text.chars().map(|c| plain(KeyCode::Char(c))).collect()
}

fn paste(text: &str) -> TerminalEvent {
    TerminalEvent::Paste(Paste { text: text.to_owned(), cut: false })
}

#[test]
fn keys_are_known() {
    use KeyCode as K;
    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
    const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
    for (bytes, code, modifiers) in [
        ("a", K::Char('a'), NONE),
        ("A", K::Char('A'), SHIFT),
        ("é", K::Char('é'), NONE),
        ("夏", K::Char('夏'), NONE),
        ("\r", K::Enter, NONE),
        ("\n", K::Char('j'), CONTROL),
        ("\t", K::Tab, NONE),
        ("\x1b[Z", K::BackTab, SHIFT),
        ("\x1b[1;2Z", K::BackTab, SHIFT),
        ("\x7f", K::Backspace, NONE),
        ("\x03", K::Char('c'), CONTROL),
        ("\x1a", K::Char('z'), CONTROL),
        ("\0", K::Char(' '), CONTROL),
        ("\x1b", K::Esc, NONE),
        ("\x1b[A", K::Up, NONE),
        ("\u{9b}A", K::Up, NONE),
        ("\x1bOB", K::Down, NONE),
        ("\u{8f}B", K::Down, NONE),
        ("\x1bO5A", K::Up, CONTROL),
        ("\x1b[1;5C", K::Right, CONTROL),
        ("\x1b[1;2D", K::Left, SHIFT),
        ("\x1b[H", K::Home, NONE),
        ("\x1b[4~", K::End, NONE),
        ("\x1b[6;5~", K::PageDown, CONTROL),
        ("\x1bOP", K::F(1), NONE),
        ("\x1b[[A", K::F(1), NONE),
        ("\x1b[15~", K::F(5), NONE),
        ("\x1b[24~", K::F(12), NONE),
        // rxvt.
        ("\x1b[7$", K::Home, SHIFT),
        ("\x1b[8^", K::End, CONTROL),
        ("\x1b[a", K::Up, SHIFT),
        ("\x1bOa", K::Up, CONTROL),
        // The number pad in application mode.
        ("\x1bOy", K::Char('9'), NONE),
        ("\x1bOk", K::Char('+'), NONE),
        ("\x1bOM", K::Enter, NONE),
        // CSI u and modifyOtherKeys.
        ("\x1b[99;5u", K::Char('c'), CONTROL),
        ("\x1b[121u", K::Char('y'), NONE),
        ("\x1b[121;2u", K::Char('Y'), SHIFT),
        ("\x1b[121:89;2u", K::Char('Y'), SHIFT),
        ("\x1b[121;65u", K::Char('Y'), SHIFT),
        ("\x1b[121;129u", K::Char('y'), NONE),
        ("\x1b[121;1:1u", K::Char('y'), NONE),
        ("\x1b[49:33;2u", K::Char('!'), NONE),
        ("\x1b[97;;228u", K::Char('ä'), NONE),
        ("\x1b[1085::121u", K::Char('н'), NONE),
        ("\x1b[57404u", K::Char('5'), NONE),
        ("\x1b[57419;5u", K::Up, CONTROL),
        ("\x1b[57414u", K::Enter, NONE),
        ("\x1b[27u", K::Esc, NONE),
        ("\x1b[9;2u", K::BackTab, SHIFT),
        ("\x1b[27;5;121~", K::Char('y'), CONTROL),
        ("\x1b[27;2;13~", K::Enter, SHIFT),
    ] {
        assert_eq!(all(bytes), [key(code, modifiers)], "{bytes:?}");
    }
    // The same control characters as single bytes.
    assert_eq!(all(b"\x9bA\x8fB"), [plain(K::Up), plain(K::Down)]);
}

#[test]
fn a_repeat_is_a_key_and_a_release_is_nothing() {
    let repeat = KeyEvent::new_with_kind(KeyCode::Char('j'), KeyModifiers::NONE, KeyEventKind::Repeat);
    assert_eq!(all("\x1b[106;1:2u"), [TerminalEvent::Key(repeat)]);
    for released in ["\x1b[106;1:3u", "\x1b[121;1:3u", "\x1b[121::121;1:3;121u", "\x1b[1;1:3A", "\x1b[3;1:3~", "\x1b[57414;1:3u"]
    {
        assert_eq!(all(released), [], "{released:?}");
    }
}

#[test]
fn a_key_with_another_layer_is_not_the_plain_one() {
    for (bytes, layer) in
        [("\x1b[121;9u", KeyModifiers::SUPER), ("\x1b[121;17u", KeyModifiers::HYPER), ("\x1b[121;33u", KeyModifiers::META)]
    {
        assert_eq!(all(bytes), [key(KeyCode::Char('y'), layer)], "{bytes:?}");
    }
}

#[test]
fn esc_and_a_key_in_one_packet_are_two_keys() {
    let esc = || plain(KeyCode::Esc);
    let shifted = |c| key(KeyCode::Char(c), KeyModifiers::SHIFT);
    assert_eq!(all("\x1bq"), [esc(), plain(KeyCode::Char('q'))]);
    assert_eq!(all("\x1bP"), [esc(), shifted('P')]);
    assert_eq!(all("\x1bPy"), [esc(), shifted('P'), plain(KeyCode::Char('y'))]);
    assert_eq!(all("\x1bP\r"), [esc(), shifted('P'), plain(KeyCode::Enter)]);
    assert_eq!(all("\x1bP\x1b"), [esc(), shifted('P'), esc()]);
    assert_eq!(all("\x1bP\x1b[A"), [esc(), shifted('P'), plain(KeyCode::Up)]);
    assert_eq!(all("\x1bX"), [esc(), shifted('X')]);
    assert_eq!(all("\x1b]"), [esc(), plain(KeyCode::Char(']'))]);
    assert_eq!(all("\x1b1\x1b[A"), [esc(), plain(KeyCode::Char('1')), plain(KeyCode::Up)]);
    assert_eq!(all("\x1b\x1b"), [esc(), esc()]);
    assert_eq!(all("\x1b\x1b[A"), [esc(), plain(KeyCode::Up)]);
    assert_eq!(all("\x1bé"), [esc(), plain(KeyCode::Char('é'))]);
    // Esc and P one after the other, by a person.
    let mut line = Line::new();
    assert_eq!(line.send("\x1b").wait_ms(200).send("P").wait_ms(300).take(), [esc(), shifted('P')]);
    assert_eq!(line.send("n").take(), typed("n"));
}

/// Everything a terminal sends by itself, with what it means; none of it is a key.
const SENT_BY_ITSELF: &[&[u8]] = &[
    b"\x1bP>|ghostty 1.1.3\x1b\\",
    b"\x1bP>|xterm(390)\x07",
    b"\x1bP!|7E565445\x1b\\",
    b"\x1bP1$r0;4:3m\x1b\\",
    b"\x1bP0+r\x1b\\",
    b"\x1bP1+r524742=38\x1b\\",
    b"\x1bPunknown yes\x1b\\",
    b"\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\",
    b"\x1b]11;rgb:ffff/ffff/ffff\x07",
    b"\x1b]10;rgb:yyyy\x1b\\",
    b"\x1b]4;1;rgb:cdcd/0000/0000\x1b\\",
    b"\x1b]52;c;eXl5eQ==\x1b\\",
    b"\x1b]99;i=mj:p=close;\x1b\\",
    b"\x1b]lshell: yay \xc3\x9c\x1b\\",
    b"\x1b]Licon\x1b\\",
    b"\x1b_Gi=31;OK\x1b\\",
    b"\x1b_G;OK\x1b\\",
    b"\x1b_Gi=1,p=2;ENOENT:Put command refers to non-existent image\x1b\\",
    b"\x1b_unknown\x1b\\",
    b"\x1b^private y\x1b\\",
    b"\x1bXstart of string y\x1b\\",
    "\u{90}>|foot(1.20)\u{9c}".as_bytes(),
    "\u{9d}11;rgb:00/00/00\u{9c}".as_bytes(),
    "\u{9f}Gi=1;OK\u{9c}".as_bytes(),
    "\u{9e}y\u{9c}\u{98}y\u{9c}".as_bytes(),
    "\u{84}\u{85}\u{9b}?1;2c".as_bytes(),
    b"\x90>|mlterm\x9c",
    b"\x9d10;y\x1b\\",
    b"\x1b[?62;22c",
    b"\x1b[>1;95;0c",
    b"\x1b[=0;1c",
    b"\x1b[?2026;2$y",
    b"\x1b[4;1$y",
    b"\x1b[0n",
    b"\x1b[3n",
    b"\x1b[?997;1n",
    b"\x1b[?15n",
    b"\x1b[24;80R",
    b"\x1b[1;5R",
    b"\x1b[?1;1;1R",
    b"\x1b[6;20;10t",
    b"\x1b[4;480;800t",
    b"\x1b[8;24;80t",
    b"\x1b[?1u",
    b"\x1b[?0;1;2S",
    b"\x1b[I",
    b"\x1b[O",
    b"\x1b[<0;5;10M",
    b"\x1b[<0;5;10m",
    b"\x1b[<35;5;10M",
    b"\x1b[<64;5;10M",
    b"\x1b[<0;812;613M",
    b"\x1b[M !!",
    b"\x1b[My\xc8\xc8",
    b"\x1b[M\x20\xc4\x80!",
    b"\x1b[32;5;10M",
    b"\x1b[t!!",
    b"\x1b[T!!!!!!",
    b"\x1b[0;1;24;80;1&w",
    b"\x1b[89;21;121;1;0;1_",
    b"\x1b[89;21;121;0;0;1_",
    b"\x1b[48;24;80;480;800t",
    b"\x1bP1!~79\x1b\\",
    b"\x1b]5522;type=read:status=OK;eXk=\x1b\\",
    b"\x1b[1085:1053:121;2:3u",
    b"\x9fGi=1;yes\x9c",
    b"\x98y\x9c\x9ey\x9c",
    b"\x1b[121;1:3u",
    b"\x1b[1;1:3B",
    b"\x1b[57441;2u",
    b"\x1b[57358u",
    b"\x1b[57430u",
    b"\x1b[57500;1u",
    b"\x1b[201~",
    b"\x1b[999~",
    b"\x1b[5;6;7;8;9A",
    b"\x1b[38;5;1m",
    b"\x1b[2J",
    b"\x1b[12;yx",
    b"\xff\xfe\xc0",
];

fn is_typed(event: &TerminalEvent) -> bool {
    matches!(event, TerminalEvent::Key(_) | TerminalEvent::Paste(_))
}

#[test]
fn what_a_terminal_sends_by_itself_types_nothing_wherever_it_is_cut() {
    // `CSI 1 2 ; y` is noise that ends in a key.
    for sent in SENT_BY_ITSELF.iter().filter(|sent| !sent.ends_with(b"yx")) {
        assert!(!all(sent).iter().any(is_typed), "{:?} typed {:?}", String::from_utf8_lossy(sent), all(sent));
        for cut in 1..sent.len() {
            for delay in [0, 20, 60, 200, 290] {
                let mut line = Line::new();
                let events = line.send(&sent[..cut]).wait_ms(delay).send(&sent[cut..]).end();
                // A lone Esc that waited longer than its time is the key: that one alone.
                let esc = sent[..cut] == *b"\x1b" && delay >= 50;
                let left = if esc { &events[1..] } else { &events[..] };
                assert!(
                    !left.iter().any(is_typed) && (!esc || events[0] == plain(KeyCode::Esc)),
                    "{:?} cut at {cut} with {delay} ms typed {events:?}",
                    String::from_utf8_lossy(sent)
                );
                // And the next key counts.
                assert_eq!(line.send("q").end(), typed("q"));
            }
        }
        // Byte by byte over a slow line.
        let mut line = Line::new();
        for byte in *sent {
            line.send([*byte]).wait_ms(40);
        }
        let events = line.end();
        assert!(!events.iter().any(is_typed), "{:?} in bytes typed {events:?}", String::from_utf8_lossy(sent));
    }
}

#[test]
fn a_torn_key_is_the_key_or_nothing() {
    for (sent, code) in
        [("\x1b[A", KeyCode::Up), ("\x1bOP", KeyCode::F(1)), ("\x1b[15~", KeyCode::F(5)), ("\x1b[80u", KeyCode::Char('P'))]
    {
        for cut in 2..sent.len() {
            for delay in [60, 200, 900] {
                let events = Line::new().send(&sent[..cut]).wait_ms(delay).send(&sent[cut..]).end();
                assert!(matches!(&events[..], [TerminalEvent::Key(key)] if key.code == code), "{sent:?} at {cut}: {events:?}");
            }
            for delay in [1_500, 5_000] {
                let events = Line::new().send(&sent[..cut]).wait_ms(delay).send(&sent[cut..]).end();
                assert_eq!(events, [], "{sent:?} at {cut} after {delay} ms");
            }
        }
        // After the Esc alone the rest is dropped.
        for delay in [60, 200, 1_000] {
            let events = Line::new().send("\x1b").wait_ms(delay).send(&sent[1..]).end();
            assert_eq!(events, [plain(KeyCode::Esc)], "{sent:?} after {delay} ms");
        }
    }
}

#[test]
fn the_rest_of_a_string_that_was_given_up_is_dropped_long_after_and_no_key_is_late() {
    for (begun, rest) in [
        ("\x1bP", ">|kitty(0.35.2)\x1b\\"),
        ("\x1bP>", "|kitty(0.35.2)\x1b\\"),
        ("\x1bP", "1$r0my\x1b\\"),
        ("\x1b_", "Gi=31;y\x1b\\"),
        ("\x1b]", "11;rgb:ff/ff/ff\x07"),
        // Of a kind that nobody knows.
        ("\x1bP", "yes\x1b\\"),
        ("\x1bX", "any y\x1b\\"),
        ("\x1b^", "any y\x07"),
    ] {
        for delay in [600, 5_000, 50_000] {
            let mut line = Line::new();
            line.send(begun).wait_ms(delay).take();
            assert!(!line.send(rest).take().iter().any(is_typed), "{begun:?}, {rest:?} after {delay} ms");
            assert_eq!(line.send("y").end(), typed("y"), "{begun:?}: the next key counts");
        }
    }
    // After a lone Esc what is no key begins a sequence for longer than what may be one.
    for (rest, keys) in [("[B", ""), ("[200~Py\x1b[201~", ""), ("]11;rgb:0/0/0\x07", ""), ("Oy", "Oy"), ("Py", "Py")] {
        let events = Line::new().send("\x1b").wait_ms(5_000).send(rest).end();
        let wanted = [vec![plain(KeyCode::Esc)], typed(keys)].concat();
        let typed: Vec<_> = events.into_iter().filter(|event| matches!(event, TerminalEvent::Key(_))).collect();
        assert_eq!(typed.len(), wanted.len(), "{rest:?}: {typed:?}");
    }
    assert_eq!(Line::new().send("\x1b").wait_ms(13_000).send("[j").end().len(), 3);
    // A person's keys after Esc and P: at once, the same and all of them.
    let mut line = Line::new();
    assert_eq!(line.send("\x1b").wait_ms(60).send("P").wait_ms(310).take().len(), 2);
    for keys in ["y", "j", ">", "P", "q"] {
        assert_eq!(line.wait_ms(400).send(keys).wait_ms(310).take(), typed(keys));
    }
}

#[test]
fn keys_of_one_read_are_told_from_a_key_that_came_alone() {
    let mut alone = all("y");
    mark_bursts(&mut alone);
    assert_eq!(alone, typed("y"));
    let mut several = all("\x1b[Iky");
    mark_bursts(&mut several);
    assert!(matches!(&several[..], [TerminalEvent::Focus(true), TerminalEvent::KeyInBurst(_), TerminalEvent::KeyInBurst(_)]));
}

#[test]
fn a_sequence_that_never_ends_costs_one_key_and_ctrl_c_ends_anything() {
    let ctrl_c = || key(KeyCode::Char('c'), KeyModifiers::CONTROL);
    for begun in
        ["\x1b[", "\x1bO", "\x1b[12;", "\x1b[M", "\x1b[M!", "\x1bP>|gho", "\x1b]11;rgb", "\x1b_G", "\x1b[200~text", "\u{90}x"]
    {
        let mut line = Line::new();
        let events = line.send(begun).send("\x03").take();
        assert_eq!(events.last(), Some(&ctrl_c()), "{begun:?}: {events:?}");
        assert_eq!(line.send("q").end(), typed("q"), "{begun:?}");
        let mut line = Line::new();
        line.send(begun).wait(Duration::from_secs(15)).take();
        assert_eq!(line.send("q").end(), typed("q"), "{begun:?} is forgotten");
    }
    // However long, nothing of it is typed and it takes no memory.
    let mut line = Line::new();
    line.send("\x1b[").send("1;".repeat(100_000)).send("y\x1b]11;").send("y".repeat(100_000)).send("\x1b\\");
    assert_eq!(line.send("q").end(), typed("q"));
}

#[test]
fn answers_are_read() {
    for (bytes, reply) in [
        ("\x1b]11;rgb:ffff/8080/0000\x1b\\", Reply::Background([255, 128, 0])),
        ("\x1b]11;rgb:ff/ff/ff\x07", Reply::Background([255, 255, 255])),
        ("\x1b[?62;4;22c", Reply::Attributes(vec![62, 4, 22])),
        ("\x1bP>|ghostty 1.1.3\x1b\\", Reply::Version("ghostty 1.1.3".into())),
        ("\x1b_Gi=31;OK\x1b\\", Reply::Graphics { id: Some(31), message: "OK".into() }),
        ("\x1b[0n", Reply::Ready),
        ("\x1b[6;20;10t", Reply::CellSize { width: 10, height: 20 }),
        ("\x1b[?2026;2$y", Reply::Mode { mode: 2026, state: 2 }),
        ("\x1b[?997;2n", Reply::Scheme { dark: false }),
        ("\x1b[?997;1n", Reply::Scheme { dark: true }),
        ("\x1b[?5u", Reply::KeyboardFlags(5)),
    ] {
        assert_eq!(all(bytes), [TerminalEvent::Reply(reply)], "{bytes:?}");
    }
}

#[test]
fn clicks_are_known_in_every_encoding() {
    let click = |kind| TerminalEvent::Mouse(MouseEvent { kind, column: 4, row: 9, modifiers: KeyModifiers::NONE });
    let down = MouseEventKind::Down(MouseButton::Left);
    for (bytes, kind) in [
        (&b"\x1b[<0;5;10M"[..], down),
        (b"\x1b[<0;5;10m", MouseEventKind::Up(MouseButton::Left)),
        (b"\x1b[<65;5;10M", MouseEventKind::ScrollDown),
        (b"\x1b[<35;5;10M", MouseEventKind::Moved),
        (b"\x1b[<34;5;10M", MouseEventKind::Drag(MouseButton::Right)),
        (b"\x1b[M %*", down),
        (b"\x1b[M#%*", MouseEventKind::Up(MouseButton::Left)),
        (b"\x1b[Ma%*", MouseEventKind::ScrollDown),
        (b"\x1b[32;5;10M", down),
        (b"\x1b[97;5;10M", MouseEventKind::ScrollDown),
    ] {
        assert_eq!(all(bytes), [click(kind)], "{bytes:?}");
    }
    let far = |column| TerminalEvent::Mouse(MouseEvent { kind: down, column, row: 0, modifiers: KeyModifiers::NONE });
    // Column 224 as UTF-8 (mode 1005), column 200 as a byte (X10).
    assert_eq!(all(b"\x1b[M \xc4\x80!"), [far(223)]);
    assert_eq!(all(b"\x1b[M \xe8!"), [far(199)]);
    assert_eq!(all("\x1b[I\x1b[O"), [TerminalEvent::Focus(true), TerminalEvent::Focus(false)]);
}

#[test]
fn a_paste_ends_by_its_mark_by_silence_by_ctrl_c_and_by_its_length() {
    assert_eq!(all("\x1b[200~a\r\nb\rc\x1b[31m\x1b[201~q"), [paste("a\nb\nc\x1b[31m"), plain(KeyCode::Char('q'))]);
    // Its own end mark in it: what is between the two is pasted, not typed.
    assert_eq!(all("\x1b[200~a\x1b[201~\rRy\x1b[201~q"), [paste("a\nRy"), plain(KeyCode::Char('q'))]);
    assert_eq!(all("\x1b[200~a\x1b[201~x\x1b[200~b\x1b[201~"), [paste("a"), plain(KeyCode::Char('x')), paste("b")]);
    let mut line = Line::new();
    assert_eq!(line.send("\x1b[200~one").wait_ms(900).send(" two").wait_ms(900).take(), []);
    assert_eq!(line.wait_ms(200).take(), [paste("one two")]);
    assert_eq!(line.send("q").take(), typed("q"));
    // A rest that comes later still is no key.
    let mut line = Line::new();
    assert_eq!(
        line.send("\x1b[200~one").wait_ms(2_000).send("Ry\x1b[201~q").take(),
        [paste("one"), paste("Ry"), plain(KeyCode::Char('q'))]
    );
    let mut line = Line::new();
    line.send("\x1b[200~one").wait_ms(2_000).send("a burst nobody can type").send("Ry\x1b[201~q");
    assert_eq!(line.take(), [paste("one"), paste("a burst nobody can typeRy"), plain(KeyCode::Char('q'))]);
    let mut line = Line::new();
    let ctrl_c = key(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(line.send("\x1b[200~one").send("\x03\x03").take(), [paste("one"), ctrl_c.clone(), ctrl_c]);
}

#[test]
fn a_paste_that_is_too_long_is_cut_after_a_line_and_says_so() {
    let line_of = |n: usize| format!("line {n:08}\r");
    let text: String = (0..200_000).map(line_of).collect();
    assert!(text.len() > LONGEST_PASTE * 2);
    let mut line = Line::new();
    line.send("\x1b[200~");
    for piece in text.as_bytes().chunks(4096) {
        line.send(piece);
    }
    line.send("\x1b[2").send("01~q");
    let events = line.take();
    let [TerminalEvent::Paste(Paste { text, cut: true }), last] = &events[..] else { panic!("{} events", events.len()) };
    assert_eq!(*last, plain(KeyCode::Char('q')));
    assert!(text.len() <= LONGEST_PASTE && text.len() > LONGEST_PASTE - 100);
    assert!(text.lines().all(|line| line.len() == 13), "no line is cut in two");
    // The longest one that is not too long.
    let longest = "x".repeat(LONGEST_PASTE);
    assert_eq!(all(format!("\x1b[200~{longest}\x1b[201~")), [paste(&longest)]);
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_mean_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
        let cut = cut.min(bytes.len());
        let whole = all(&bytes);
        let pieces = Line::new().send(&bytes[..cut]).send(&bytes[cut..]).end();
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn answers_one_after_the_other_in_any_pieces_with_any_delays_type_nothing(
        which in proptest::collection::vec(0..SENT_BY_ITSELF.len(), 1..12),
        pieces in proptest::collection::vec((1_usize..40, 0_u64..290), 1..40),
    ) {
        let bytes: Vec<u8> = which.iter().map(|at| SENT_BY_ITSELF[*at]).filter(|sent| !sent.ends_with(b"yx")).flatten().copied().collect();
        let mut line = Line::new();
        let (mut at, mut escapes) = (0, 0);
        for (length, delay) in pieces.iter().cycle() {
            if at >= bytes.len() {
                break;
            }
            let end = (at + length).min(bytes.len());
            line.send(&bytes[at..end]).wait_ms(*delay);
            escapes += usize::from(bytes[end - 1] == 0x1b && *delay >= 50);
            at = end;
        }
        let events = line.end();
        let keys: Vec<_> = events.iter().filter(|event| is_typed(event)).collect();
        prop_assert!(keys.len() <= escapes && keys.iter().all(|key| **key == plain(KeyCode::Esc)), "{:?}", keys);
    }

    #[test]
    fn a_string_of_any_content_types_nothing(
        introducer in prop_oneof![Just("\x1bP"), Just("\x1b]"), Just("\x1b_"), Just("\x1b^"), Just("\x1bX"), Just("\u{90}"), Just("\u{9d}")],
        body in "[ -~é夏]{0,60}",
        end in prop_oneof![Just("\x1b\\"), Just("\u{9c}"), Just("\x07")],
        cut in 2_usize..40,
        delay in 0_u64..490,
    ) {
        let sent = format!("{introducer}{body}{end}");
        let cut = cut.min(sent.len());
        let events = Line::new().send(&sent.as_bytes()[..cut]).wait_ms(delay).send(&sent.as_bytes()[cut..]).end();
        prop_assert!(!events.iter().any(is_typed), "{:?} typed {:?}", sent, events);
    }

    #[test]
    fn a_paste_comes_out_as_it_went_in(text in "[ -~\n夏]{0,300}", size in 1_usize..50) {
        let mut line = Line::new();
        for piece in format!("\x1b[200~{text}\x1b[201~").as_bytes().chunks(size) {
            line.send(piece);
        }
        prop_assert_eq!(line.end(), vec![paste(&text)]);
    }
}

#[test]
fn a_key_of_another_script_is_never_the_latin_one_of_its_place() {
    // Greek upsilon, Cyrillic en, Arabic ghain, a full-width y, the digits of two scripts, y with a mark of its own.
    for (typed, latin) in [("υ", 'y'), ("н", 'y'), ("غ", 'y'), ("ｙ", 'y'), ("ý", 'y'), ("١", '1'), ("१", '1')] {
        let c = typed.chars().next().unwrap();
        assert_eq!(all(typed), [plain(KeyCode::Char(c))], "{typed}");
        // With the Latin key of its place beside it, as kitty tells it, and as text.
        for sent in [
            format!("\x1b[{}::{}u", u32::from(c), u32::from(latin)),
            format!("\x1b[{}::{};1:1;{}u", u32::from(c), u32::from(latin), u32::from(c)),
            format!("\x1b[27;1;{}~", u32::from(c)),
        ] {
            assert_eq!(all(&sent), [plain(KeyCode::Char(c))], "{sent:?}");
        }
        // Cut at any byte: the same character, or nothing, never another.
        for cut in 1..typed.len() {
            let events = Line::new().send(&typed.as_bytes()[..cut]).wait_ms(200).send(&typed.as_bytes()[cut..]).end();
            assert_eq!(events, [plain(KeyCode::Char(c))], "{typed} at {cut}");
            let events = Line::new().send(&typed.as_bytes()[..cut]).wait_ms(1_500).send(&typed.as_bytes()[cut..]).end();
            assert_eq!(events, [], "{typed} at {cut}, late");
        }
    }
}
