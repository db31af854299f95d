//! What a complete control sequence (`CSI …` or `SS3 …`) means: xterm, VT220, the Linux console, rxvt, kitty's keyboard.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::event::{Reply, TerminalEvent};

/// A key with modifiers, pressed.
pub(super) fn key(code: KeyCode, modifiers: KeyModifiers) -> TerminalEvent {
    TerminalEvent::Key(KeyEvent::new(code, modifiers))
}

/// What a control sequence is.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// These events; none for what is not known.
    Events(Vec<TerminalEvent>),
    /// A paste begins.
    PasteBegins,
    /// So many characters of a mouse report follow.
    MouseFollows(u8),
}

/// The parameters of a sequence: `;` between, `:` within; an empty one is `None`.
struct Parameters(Vec<Vec<Option<u32>>>);

impl Parameters {
    /// `None` if there is anything but numbers.
    fn read(bytes: &[u8]) -> Option<Self> {
        let number = |part: &[u8]| -> Option<Option<u32>> {
            if part.is_empty() {
                return Some(None);
            }
            std::str::from_utf8(part).ok()?.parse().ok().map(Some)
        };
        let field = |field: &[u8]| field.split(|byte| *byte == b':').map(number).collect::<Option<Vec<_>>>();
        if !bytes.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':')) {
            return None;
        }
        if bytes.is_empty() {
            return Some(Self(Vec::new()));
        }
        bytes.split(|byte| *byte == b';').map(field).collect::<Option<Vec<_>>>().map(Self)
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn get(&self, field: usize, part: usize) -> Option<u32> {
        self.0.get(field)?.get(part).copied().flatten()
    }

    /// All as plain numbers; `None` if one is missing or has parts.
    fn plain(&self) -> Option<Vec<u32>> {
        self.0.iter().map(|field| if let [one] = field[..] { one } else { None }).collect()
    }

    /// The modifiers of a key in its second field, and how it was pressed; `None` for a release and for what is wrong.
    fn pressed(&self) -> Option<(KeyModifiers, KeyEventKind, bool)> {
        let number = self.get(1, 0).unwrap_or(1);
        let kind = match self.get(1, 1) {
            None | Some(1) => KeyEventKind::Press,
            Some(2) => KeyEventKind::Repeat,
            Some(_) => return None,
        };
        let bits = number.checked_sub(1)?;
        Some((modifiers(bits), kind, bits & 64 != 0))
    }
}

/// xterm and kitty: a sum of 1 (Shift), 2 (Alt), 4 (Ctrl), 8 (Super), 16 (Hyper), 32 (Meta). Locks (64, 128) are none.
fn modifiers(bits: u32) -> KeyModifiers {
    let mut modifiers = KeyModifiers::NONE;
    for (bit, one) in [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
        (8, KeyModifiers::SUPER),
        (16, KeyModifiers::HYPER),
        (32, KeyModifiers::META),
    ] {
        modifiers.set(one, bits & bit != 0);
    }
    modifiers
}

/// The meaning of `CSI` with these parameter and intermediate bytes and this final byte.
pub(super) fn meaning(parameters: &[u8], last: u8) -> Meaning {
    match (parameters, last) {
        (b"", b'M') => return Meaning::MouseFollows(3),
        // Highlight tracking (mode 1001): two or six characters of coordinates.
        (b"", b't') => return Meaning::MouseFollows(2),
        (b"", b'T') => return Meaning::MouseFollows(6),
        _ => {}
    }
    let private = parameters.first().filter(|byte| matches!(byte, b'<'..=b'?')).copied();
    let rest = &parameters[usize::from(private.is_some())..];
    if rest.iter().any(|byte| (0x20..=0x2f).contains(byte)) {
        return Meaning::Events(mode_report(private, rest, last).into_iter().collect());
    }
    let Some(read) = Parameters::read(rest) else { return Meaning::Events(Vec::new()) };
    match private {
        Some(b'<') => Meaning::Events(sgr_mouse(&read, last).into_iter().collect()),
        Some(b'?') => Meaning::Events(private_reply(&read, last).map(TerminalEvent::Reply).into_iter().collect()),
        Some(_) => Meaning::Events(Vec::new()),
        None if last == b'~' && read.count() == 1 && read.get(0, 0) == Some(200) => Meaning::PasteBegins,
        None if last == b'u' => Meaning::Events(unicode_key(&read)),
        None => Meaning::Events(public(&read, last).into_iter().collect()),
    }
}

/// `CSI ? mode ; state $ y`.
fn mode_report(private: Option<u8>, parameters: &[u8], last: u8) -> Option<TerminalEvent> {
    let numbers = parameters.strip_suffix(b"$").and_then(Parameters::read).and_then(|read| read.plain())?;
    match (private, last, &numbers[..]) {
        (Some(b'?'), b'y', [mode, state]) => Some(TerminalEvent::Reply(Reply::Mode { mode: *mode, state: *state })),
        // rxvt: `$` alone ends a key with Shift, so no final byte was waited for.
        (None, b'$', [number]) => numbered(*number).map(|code| key(code, KeyModifiers::SHIFT)),
        _ => None,
    }
}

fn private_reply(read: &Parameters, last: u8) -> Option<Reply> {
    let numbers = read.plain()?;
    match (last, &numbers[..]) {
        (b'c', _) => Some(Reply::Attributes(numbers)),
        (b'u', [flags]) => Some(Reply::KeyboardFlags(*flags)),
        (b'n', [997, scheme @ (1 | 2)]) => Some(Reply::Scheme { dark: *scheme == 1 }),
        _ => None,
    }
}

/// Sequences with parameters that are numbers only.
fn public(read: &Parameters, last: u8) -> Option<TerminalEvent> {
    match last {
        b'I' | b'O' if read.count() == 0 => Some(TerminalEvent::Focus(last == b'I')),
        b'n' => (read.plain()? == [0]).then_some(TerminalEvent::Reply(Reply::Ready)),
        b't' => match read.plain()?[..] {
            [6, height, width] => Some(TerminalEvent::Reply(Reply::CellSize {
                width: u16::try_from(width).ok()?,
                height: u16::try_from(height).ok()?,
            })),
            _ => None,
        },
        // urxvt's mouse (mode 1015).
        b'M' => match read.plain()?[..] {
            [button, column, row] => mouse(button.checked_sub(32)?, column, row, None),
            _ => None,
        },
        b'~' => tilde(read),
        // rxvt: Ctrl, and Ctrl with Shift.
        b'^' if read.count() == 1 => numbered(read.get(0, 0)?).map(|code| key(code, KeyModifiers::CONTROL)),
        b'@' if read.count() == 1 => numbered(read.get(0, 0)?).map(|code| key(code, KeyModifiers::CONTROL | KeyModifiers::SHIFT)),
        b'a'..=b'd' if read.count() == 0 => letter(last.to_ascii_uppercase()).map(|code| key(code, KeyModifiers::SHIFT)),
        // With parameters this is the cursor's place (CPR), which looks like F3 with modifiers.
        b'R' if read.count() > 0 => None,
        last => {
            let alone = read.count() == 0;
            if !(alone || read.count() == 2 && read.get(0, 0).is_none_or(|number| number == 1)) {
                return None;
            }
            let (modifiers, kind, _) = read.pressed()?;
            if last == b'Z' {
                return Some(pressed(KeyCode::BackTab, modifiers | KeyModifiers::SHIFT, kind));
            }
            letter(last).map(|code| pressed(code, modifiers, kind))
        }
    }
}

fn pressed(code: KeyCode, modifiers: KeyModifiers, kind: KeyEventKind) -> TerminalEvent {
    TerminalEvent::Key(KeyEvent::new_with_kind(code, modifiers, kind))
}

fn tilde(read: &Parameters) -> Option<TerminalEvent> {
    // `CSI 27 ; modifiers ; code ~` (modifyOtherKeys).
    if let ([27, number, code], true) = (&read.plain().unwrap_or_default()[..], read.count() == 3) {
        let modifiers = modifiers(number.checked_sub(1)?);
        return character(*code, None, modifiers, false).map(|(code, modifiers)| key(code, modifiers));
    }
    if read.count() > 2 {
        return None;
    }
    let (modifiers, kind, _) = read.pressed()?;
    numbered(read.get(0, 0)?).map(|code| pressed(code, modifiers, kind))
}

/// `CSI code:shifted:base ; modifiers:event ; text u` (kitty) and `CSI code ; modifiers u` (xterm). The base key, which is a
/// guess by the place on the keyboard, is never used.
fn unicode_key(read: &Parameters) -> Vec<TerminalEvent> {
    let nothing = Vec::new();
    if read.count() == 0 || read.count() > 3 {
        return nothing;
    }
    let Some((modifiers, kind, capitals)) = read.pressed() else { return nothing };
    let commands = modifiers - KeyModifiers::SHIFT;
    let text: Option<String> = read
        .0
        .get(2)
        .map(|codes| codes.iter().flatten().filter_map(|code| char::from_u32(*code)).filter(|c| !c.is_control()).collect());
    let code = read.get(0, 0).unwrap_or(0);
    if let Some(text) = text.filter(|text| !text.is_empty() && commands.is_empty())
        && functional(code).is_none_or(|code| matches!(code, KeyCode::Char(_)))
    {
        let each = |c: char| {
            let shift = if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
            pressed(KeyCode::Char(c), shift, kind)
        };
        return text.chars().map(each).collect();
    }
    let found = character(code, read.get(0, 1), modifiers, capitals);
    found.map(|(code, modifiers)| pressed(code, modifiers, kind)).into_iter().collect()
}

/// The key of a code point, of which `shifted` is what Shift makes of it where the terminal says so.
fn character(code: u32, shifted: Option<u32>, modifiers: KeyModifiers, capitals: bool) -> Option<(KeyCode, KeyModifiers)> {
    if let Some(code) = functional(code) {
        return Some((code, modifiers));
    }
    let code = match code {
        8 | 127 => KeyCode::Backspace,
        9 if modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
        9 => KeyCode::Tab,
        13 => KeyCode::Enter,
        27 => KeyCode::Esc,
        _ => {
            let shift = modifiers.contains(KeyModifiers::SHIFT);
            let c = char::from_u32(code).filter(|c| !c.is_control() && !is_private(*c))?;
            let c = match shifted.filter(|_| shift).and_then(char::from_u32).filter(|c| !c.is_control()) {
                Some(shifted) => shifted,
                None if shift != capitals && c.is_lowercase() => upper(c),
                None => c,
            };
            let shift = if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
            return Some((KeyCode::Char(c), (modifiers - KeyModifiers::SHIFT) | shift));
        }
    };
    Some((code, modifiers))
}

fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
}

/// kitty's private numbers for keys without a character: the number pad and F13 on. Locks, media and modifier keys are none.
fn functional(code: u32) -> Option<KeyCode> {
    Some(match code {
        57376..=57398 => KeyCode::F(u8::try_from(code - 57376 + 13).ok()?),
        57399..=57408 => KeyCode::Char(char::from_digit(code - 57399, 10)?),
        57409 => KeyCode::Char('.'),
        57410 => KeyCode::Char('/'),
        57411 => KeyCode::Char('*'),
        57412 => KeyCode::Char('-'),
        57413 => KeyCode::Char('+'),
        57414 => KeyCode::Enter,
        57415 => KeyCode::Char('='),
        57416 => KeyCode::Char(','),
        57417 => KeyCode::Left,
        57418 => KeyCode::Right,
        57419 => KeyCode::Up,
        57420 => KeyCode::Down,
        57421 => KeyCode::PageUp,
        57422 => KeyCode::PageDown,
        57423 => KeyCode::Home,
        57424 => KeyCode::End,
        57425 => KeyCode::Insert,
        57426 => KeyCode::Delete,
        _ => return None,
    })
}

/// What `SS3` with this final byte and these parameters means.
pub(super) fn single_shift(parameters: &[u8], last: u8) -> Option<TerminalEvent> {
    let number = match parameters {
        [] => 1,
        digits => std::str::from_utf8(digits).ok()?.parse::<u32>().ok()?,
    };
    let modifiers = modifiers(number.checked_sub(1)?);
    let keypad = |c| Some(key(KeyCode::Char(c), modifiers));
    match last {
        // The number pad in application mode (DECKPAM) sends the character with its high bits changed.
        b'j'..=b'y' => keypad(char::from(last - 0x40)),
        b'X' => keypad('='),
        b' ' => keypad(' '),
        b'I' => Some(key(KeyCode::Tab, modifiers)),
        b'M' => Some(key(KeyCode::Enter, modifiers)),
        b'Z' => Some(key(KeyCode::BackTab, modifiers | KeyModifiers::SHIFT)),
        // rxvt: Ctrl and an arrow.
        b'a'..=b'd' => letter(last.to_ascii_uppercase()).map(|code| key(code, modifiers | KeyModifiers::CONTROL)),
        last => letter(last).map(|code| key(code, modifiers)),
    }
}

fn letter(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        _ => return None,
    })
}

fn numbered(number: u32) -> Option<KeyCode> {
    let f = |n: u32| u8::try_from(n).ok().map(KeyCode::F);
    match number {
        1 | 7 => Some(KeyCode::Home),
        2 => Some(KeyCode::Insert),
        3 => Some(KeyCode::Delete),
        4 | 8 => Some(KeyCode::End),
        5 => Some(KeyCode::PageUp),
        6 => Some(KeyCode::PageDown),
        11..=15 => f(number - 10),
        17..=21 => f(number - 11),
        23..=26 => f(number - 12),
        28..=29 => f(number - 13),
        31..=34 => f(number - 14),
        _ => None,
    }
}

/// SGR mouse report (mode 1006): `button;column;row`, counted from 1. In pixels (mode 1016) it has the same form, so that
/// mode is switched off on entering.
fn sgr_mouse(read: &Parameters, last: u8) -> Option<TerminalEvent> {
    let [button, column, row] = read.plain()?[..] else { return None };
    match last {
        b'M' => mouse(button, column, row, Some(false)),
        b'm' => mouse(button, column, row, Some(true)),
        _ => None,
    }
}

/// The characters after `CSI M`: button, column and row, each 32 more than it is.
pub(super) fn old_mouse(characters: &[u32]) -> Option<TerminalEvent> {
    let [button, column, row] = *characters else { return None };
    mouse(button.checked_sub(32)?, column.checked_sub(32)?, row.checked_sub(32)?, None)
}

/// `released`: not said (`None`) where button 3 stands for a release.
fn mouse(button: u32, column: u32, row: u32, released: Option<bool>) -> Option<TerminalEvent> {
    let which = || match button & 3 {
        0 => MouseButton::Left,
        1 => MouseButton::Middle,
        _ => MouseButton::Right,
    };
    let moves = button & 32 != 0;
    let kind = match (button & !0b1_1111, released) {
        (64, Some(false) | None) => match button & 3 {
            0 => MouseEventKind::ScrollUp,
            1 => MouseEventKind::ScrollDown,
            2 => MouseEventKind::ScrollLeft,
            _ => MouseEventKind::ScrollRight,
        },
        (0, Some(true)) => MouseEventKind::Up(which()),
        (0, None) if button & 3 == 3 => MouseEventKind::Up(MouseButton::Left),
        (32, Some(false) | None) if moves && button & 3 == 3 => MouseEventKind::Moved,
        (32, Some(false) | None) => MouseEventKind::Drag(which()),
        (0, Some(false) | None) if button & 3 != 3 => MouseEventKind::Down(which()),
        _ => return None,
    };
    let at = |number: u32| u16::try_from(number.checked_sub(1)?).ok();
    let mut held = KeyModifiers::NONE;
    held.set(KeyModifiers::SHIFT, button & 4 != 0);
    held.set(KeyModifiers::ALT, button & 8 != 0);
    held.set(KeyModifiers::CONTROL, button & 16 != 0);
    Some(TerminalEvent::Mouse(MouseEvent { kind, column: at(column)?, row: at(row)?, modifiers: held }))
}
