//! Lines that are typed into: filter and command line; and the keys of every box.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::super::dialogs::{CommandInput, Dialog, FilterInput};
use super::super::keymap::{Action, Keymap};
use super::super::layout::Page;
use super::super::line_input::LineInput;
use super::canvas::Canvas;
use crate::job::query::Query;
use crate::tui::width::columns;

/// Shows a field of one line with its cursor, if the keys go there; how many columns are scrolled away comes back.
pub(super) fn field(
    canvas: &mut Canvas<'_>,
    x: u16,
    y: u16,
    width: u16,
    field: &LineInput,
    style: Style,
    has_cursor: bool,
) -> usize {
    line(canvas, (x, y), width, (field.line(), field.cells_before()), style, has_cursor)
}

/// A line of text with the columns before its cursor; scrolls where it is longer than its room.
pub(super) fn line(
    canvas: &mut Canvas<'_>,
    (x, y): (u16, u16),
    width: u16,
    (line, before): (&str, usize),
    style: Style,
    has_cursor: bool,
) -> usize {
    let room = usize::from(width.saturating_sub(1));
    let skipped = before.saturating_sub(room);
    let shown = skip_columns(line, skipped);
    canvas.text(x, y, width, shown, style);
    if has_cursor {
        let at = u16::try_from(before - skipped).unwrap_or(u16::MAX);
        canvas.cursor = Some((x.saturating_add(at), y));
    }
    skipped
}

fn skip_columns(line: &str, count: usize) -> &str {
    let at = line.char_indices().map(|(at, _)| at).chain([line.len()]).find(|at| usize::from(columns(&line[..*at])) >= count);
    &line[at.unwrap_or(line.len())..]
}

pub(super) fn filter_line(canvas: &mut Canvas<'_>, area: Rect, line: &FilterInput) {
    let styles = canvas.styles;
    canvas.text(area.x, area.y, area.width, "/", styles.accent.add_modifier(styles.bold));
    let text = line.field.line();
    let page = canvas.app.screens.page();
    let wrong = if page == Page::Jobs { Query::read(text).1 } else { Vec::new() };
    let said = match wrong.first() {
        Some(error) => error.message.clone(),
        None if page == Page::Drafts => crate::job::text::count(canvas.app.drafts.len(), "draft"),
        None if page == Page::Events => format!("{} events", canvas.app.shown_events().count()),
        None => crate::job::text::count(canvas.app.jobs.order().len(), "job"),
    };
    let note = columns(&said).min(area.width / 2);
    let room = area.width.saturating_sub(note + 3);
    let skipped = field(canvas, area.x + 1, area.y, room, &line.field, styles.plain, true);
    for error in &wrong {
        let from = columns(&text[..error.range.start]);
        let to = columns(&text[..error.range.end]);
        let skipped = u16::try_from(skipped).unwrap_or(u16::MAX);
        let (from, to) = (from.saturating_sub(skipped).min(room), to.saturating_sub(skipped).min(room));
        let style = styles.bad.add_modifier(Modifier::UNDERLINED);
        canvas.restyle(Rect::new(area.x + 1 + from, area.y, to - from, 1), style);
    }
    let style = if wrong.is_empty() { styles.dim } else { styles.bad };
    canvas.right(area.right() - note, area.y, note, &said, style);
}

pub(super) fn command_line(canvas: &mut Canvas<'_>, area: Rect, line: &CommandInput) {
    canvas.text(area.x, area.y, area.width, ":", canvas.styles.accent.add_modifier(canvas.styles.bold));
    field(canvas, area.x + 1, area.y, area.width.saturating_sub(1), &line.field, canvas.styles.plain, true);
}

/// The keys of a box, for the footer; they are fixed, so that they can be printed in it.
pub(super) fn keys_of(dialog: &Dialog, keymap: &Keymap, page: Page) -> Vec<(String, String)> {
    let pairs: &[(&str, &str)] = match dialog {
        Dialog::Filter(_) => match page {
            Page::Jobs => &[("Enter", "keep"), ("Esc", "clear"), ("", "state:failed kind:draft prompt:fog age>2h tag:x -text")],
            Page::Drafts => &[("Enter", "keep"), ("Esc", "clear"), ("", "fog tag:harbour known:likely -word")],
            _ => &[("Enter", "keep"), ("Esc", "clear"), ("Up Down", "move")],
        },
        Dialog::Add(_) => &[("Ctrl+d", "price"), ("Esc", "back, lines kept"), ("Tab", "lines or tag")],
        Dialog::Prompts(_) => {
            &[("Ctrl+d", "price"), ("Esc", "back"), ("Tab", "times, tag"), ("Ctrl+f", "repair"), ("Ctrl+p Ctrl+n", "earlier")]
        }
        Dialog::Price(price) if price.purpose.records() => &[("y", "confirm"), ("n", "back"), ("h", "add held, nothing is sent")],
        Dialog::Price(_) | Dialog::Ask(_) => &[("y", "confirm"), ("n", "back")],
        Dialog::Menu(_) => &[("Enter", "choose"), ("Up Down", "move"), ("Esc", "back")],
        Dialog::Tag(_) => &[("Enter", "set the tag"), ("Tab", "known tags"), ("Esc", "back")],
        Dialog::Caps(_) => &[("Enter", "set; empty is no cap"), ("Tab", "other cap"), ("Esc", "back")],
        Dialog::Command(_) => &[("Enter", "do it"), ("Tab", "complete"), ("Up Down", "choose"), ("Esc", "back")],
        Dialog::Help(_) => &[("Esc", "back"), ("Up Down", "scroll"), ("", "type to search")],
        Dialog::Show(_) | Dialog::ShowDraft(_) => {
            let copy = [(Action::CopyId, "copy task id"), (Action::CopyMenu, "copy …")];
            let copy = copy.map(|(action, word)| (keymap.named(action), word.to_owned()));
            return copy.into_iter().chain([("Esc".to_owned(), "back".to_owned())]).collect();
        }
    };
    pairs.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned())).collect()
}
