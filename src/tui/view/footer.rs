//! Activity, message line and footer.

use jiff::Timestamp;

use super::super::app::App;
use super::super::dialogs::Dialog;
use super::super::keymap::Action;
use super::super::layout::{Layout, Page};
use super::super::reasons;
use super::super::wording;
use super::canvas::{Canvas, Pieces, fit, wrap};
use super::{ask, fields};
use crate::job::{State, text};
use crate::tui::width::columns;

/// The last events, the newest first; they change only when something happens.
pub(super) fn activity(canvas: &mut Canvas<'_>, layout: &Layout) {
    let area = layout.activity;
    if area.height == 0 {
        return;
    }
    canvas.rule(area.x, area.y - 1, area.width);
    canvas.text(area.x + 1, area.y - 1, area.width, " activity ", canvas.styles.dim);
    let app = canvas.app;
    for (event, y) in app.messages.events().rev().zip(area.top()..area.bottom()) {
        let at = wording::clock(event.at, canvas.now, &app.options.zone);
        let x = canvas.text(area.x + 1, y, area.width, &format!("{at}  "), canvas.styles.dim) + 1;
        canvas.text(x, y, area.width.saturating_sub(x), &event.text, canvas.level_style(event.level));
    }
}

/// Countdown, message, or the line that is typed; what does not fit takes a second line above.
pub(super) fn message(canvas: &mut Canvas<'_>, layout: &Layout) {
    let (app, styles) = (canvas.app, canvas.styles);
    let area = layout.message;
    if layout.rule.height > 0 {
        canvas.rule(0, layout.rule.y, layout.rule.width);
    }
    match app.dialogs.top() {
        Some(Dialog::Filter(line)) => return fields::filter_line(canvas, area, line),
        Some(Dialog::Command(line)) => return fields::command_line(canvas, area, line),
        // The keys of a box say all there is; what a row wants said would only shine through below it.
        Some(_) if app.messages.message().is_none() && app.messages.windows().is_empty() => return,
        _ => {}
    }
    let mut said: Vec<(String, ratatui::style::Style)> = Vec::new();
    let going: usize = app.messages.windows().iter().map(|window| window.jobs).sum();
    if let Some(until) = app.messages.windows().iter().map(|window| window.until).max().filter(|until| *until > canvas.now) {
        let left = match seconds_left(until, canvas.now) {
            left if app.options.slow_link && left > 3 => "a few seconds".to_owned(),
            left => format!("{left} s"),
        };
        let key = app.options.keymap.named(Action::Undo);
        let words = format!("sending {} in {left} · {key} stops", text::count(going, "job"));
        said.push((words, styles.warn.add_modifier(styles.bold)));
    }
    if let Some((level, words)) = app.messages.message() {
        said.push((words.clone(), canvas.level_style(*level)));
    } else if said.is_empty()
        && let Some(words) = standing_word(app)
    {
        said.push((words, styles.dim));
    }
    let mut lines = laid_out(&said, area.width);
    if app.screens.page().is_picture() {
        lines.truncate(1);
    }
    let rows = u16::try_from(lines.len()).unwrap_or(1);
    for (line, y) in lines.iter().zip((area.y + 1).saturating_sub(rows)..) {
        if y < area.y {
            canvas.blank(ratatui::layout::Rect { y, height: 1, ..area });
        }
        canvas.pieces(area.x, y, area.width, line);
    }
}

/// What is said stands in place of a picture's title; a line that is typed has its usual place and lies over the picture.
pub(super) fn message_over_picture(canvas: &mut Canvas<'_>, layout: &Layout) {
    let app = canvas.app;
    let typed = matches!(app.dialogs.top(), Some(Dialog::Filter(_) | Dialog::Command(_)));
    if !typed && app.messages.message().is_none() && app.messages.windows().is_empty() {
        return;
    }
    let y = if typed { layout.message.y } else { 0 };
    let place = ratatui::layout::Rect { y, ..layout.message };
    canvas.blank(place);
    message(canvas, &Layout { message: place, rule: ratatui::layout::Rect::ZERO, ..*layout });
}

/// One line where everything fits in it, else two.
fn laid_out(said: &[(String, ratatui::style::Style)], width: u16) -> Vec<Pieces> {
    let total: u16 = said.iter().map(|(words, _)| columns(words) + 2).sum();
    if total <= width + 2 {
        let mut line = Pieces::new();
        for (index, piece) in said.iter().enumerate() {
            if index > 0 {
                line.push(("  ".to_owned(), piece.1));
            }
            line.push(piece.clone());
        }
        return vec![line];
    }
    let mut lines: Vec<Pieces> = Vec::new();
    for ((words, style), later) in said.iter().zip((0..said.len()).rev()) {
        let rows = 2_usize.saturating_sub(lines.len() + later);
        lines.extend(in_rows(words, width, rows).into_iter().map(|part| vec![(part, *style)]));
    }
    lines.truncate(2);
    lines
}

/// A sentence in at most so many lines. What can be done about it stands last, behind a dot, and is never cut: what stands before
/// it gives way.
fn in_rows(words: &str, width: u16, rows: usize) -> Vec<String> {
    let whole = wrap(words, width);
    if whole.len() <= rows {
        return whole;
    }
    if rows == 0 {
        return Vec::new();
    }
    let (head, act) = words.rsplit_once(" · ").map_or((words, String::new()), |(head, act)| (head, format!(" · {act}")));
    let most = u16::try_from(rows).unwrap_or(u16::MAX).saturating_mul(width);
    (1..=most.saturating_sub(columns(&act)))
        .rev()
        .map(|room| wrap(&format!("{}{act}", fit(head, room, false)), width))
        .find(|lines| lines.len() <= rows)
        .unwrap_or_else(|| vec![fit(words, width, false).into_owned()])
}

fn seconds_left(until: Timestamp, now: Timestamp) -> i64 {
    (until.as_millisecond() - now.as_millisecond() + 999) / 1_000
}

/// What the selected row wants said when nothing else does.
fn standing_word(app: &App) -> Option<String> {
    // With marks, the keys are for them.
    if app.screens.page() != Page::Jobs || app.screens.details_open() || !app.jobs.marks().is_empty() {
        return None;
    }
    let job = app.jobs.selected_job()?;
    let next = reasons::next_step(job, &app.options.keymap).filter(|_| job.state() != State::Saved && !app.options.read_only);
    let said: Vec<String> = reasons::reason(job).into_iter().chain(next).collect();
    (!said.is_empty()).then(|| said.join(" · "))
}

/// The keys that work on this row now, as many as fit, with their places.
fn hints_in(canvas: &Canvas<'_>, layout: &Layout) -> Vec<(u16, String, String)> {
    let area = layout.footer;
    let hints: Vec<(String, String)> = match canvas.app.dialogs.top() {
        None => canvas.app.hints().into_iter().map(|(_, key, word)| (key, word.to_owned())).collect(),
        Some(overlay) => {
            let keys = fields::keys_of(overlay, &canvas.app.options.keymap, canvas.app.screens.page());
            // No key is offered that is not taken.
            let whole = ask::asks_in_full(canvas, layout);
            keys.into_iter().filter(|(key, _)| whole || key != "y").collect()
        }
    };
    let mut x = area.x;
    let mut out = Vec::new();
    for (key, word) in hints {
        let needed = columns(&key) + 1 + columns(&word);
        if needed > area.right().saturating_sub(x) {
            continue;
        }
        out.push((x, key, word));
        x += needed + 2;
    }
    out
}

pub(super) fn footer(canvas: &mut Canvas<'_>, layout: &Layout) {
    let styles = canvas.styles;
    let area = layout.footer;
    for (x, key, word) in hints_in(canvas, layout) {
        let used = canvas.text(x, area.y, area.right() - x, &key, styles.accent.add_modifier(styles.bold)) + 1;
        canvas.text(x + used, area.y, area.right().saturating_sub(x + used), &word, styles.dim);
    }
}

/// The action whose key stands in a column of the footer.
pub(super) fn action_at(canvas: &Canvas<'_>, layout: &Layout, column: u16) -> Option<Action> {
    if !canvas.app.dialogs.is_empty() {
        return None;
    }
    let (_, pressed, _) = hints_in(canvas, layout)
        .into_iter()
        .find(|(x, key, word)| (*x..x + columns(key) + 1 + columns(word)).contains(&column))?;
    canvas.app.hints().into_iter().find(|(_, key, _)| *key == pressed).map(|(action, ..)| action)
}
