//! The box for new drafts.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::prompt_dialog::{PromptDialog, PromptField};
use super::super::prompt_wording::{self, Mood};
use super::super::wording;
use super::canvas::{Canvas, Pieces};
use super::fields::{field, line};
use super::sheet::line_width;
use crate::job::text;
use crate::tui::width::columns;

const HINTS: [&str; 6] = [
    "prompts, one per line, as for Midjourney:",
    "",
    "lighthouse in fog, oil on canvas --ar 1:1 --s 250",
    "{red, blue} boat at dawn        two prompts",
    "",
    "each makes one cheap draft of up to four pictures",
];

pub(super) fn draw(canvas: &mut Canvas<'_>, room: Rect, prompts: &PromptDialog) {
    let styles = canvas.styles;
    let width = room.width.min(104);
    let height = room.height.min(24);
    let area = Rect::new((room.width - width) / 2, (room.height - height) / 3, width, height);
    let inner = canvas.frame(area, "new drafts");
    if inner.height < 2 || inner.width < 12 {
        return;
    }
    let foot = foot(canvas, inner.width, prompts);
    let below = inner.height.min(u16::try_from(foot.len()).unwrap_or(0) + 1);
    let rows = inner.height - below;
    if prompts.lines.is_empty() && rows > 1 {
        for (hint, y) in HINTS.iter().skip(usize::from(rows < 7) * 2).zip(inner.y + 1..inner.y + rows) {
            canvas.text(inner.x + 4, y, inner.width.saturating_sub(4), hint, styles.dim);
        }
    }
    lines(canvas, Rect { height: rows, ..inner }, prompts);
    let mut y = inner.y + rows;
    canvas.rule(inner.x, y, inner.width);
    for row in &foot {
        y += 1;
        if y >= inner.bottom() {
            break;
        }
        match row {
            Foot::Said(pieces) => {
                canvas.pieces(inner.x, y, inner.width, pieces);
            }
            Foot::Sums(pieces) => {
                let used = canvas.pieces(inner.x, y, inner.width, pieces);
                if foot.len() == 2 {
                    fields(canvas, (inner.x + used + 3, y), inner.right(), prompts);
                }
            }
            Foot::Fields => fields(canvas, (inner.x, y), inner.right(), prompts),
        }
    }
}

/// The prompts with their numbers, and what is said of each at the right edge.
fn lines(canvas: &mut Canvas<'_>, area: Rect, prompts: &PromptDialog) {
    let styles = canvas.styles;
    let app = canvas.app;
    let lines = prompts.lines.lines();
    let numbers = if lines.len() > 999 { 6 } else { 4 };
    let row = prompts.lines.row();
    let first = row.saturating_sub(usize::from(area.height.saturating_sub(1)));
    let text_room = area.width.saturating_sub(numbers);
    for (index, y) in (first..lines.len()).zip(area.top()..area.bottom()) {
        let verdict = prompts.line(index).map(|line| {
            prompt_wording::verdict(line, prompts.made(line), |at| wording::clock(at, canvas.now, &app.options.zone))
        });
        let (said, style) = verdict.map_or((String::new(), styles.dim), |(said, mood)| (said, mood_style(canvas, mood)));
        canvas.right(area.x, y, numbers - 1, &(index + 1).to_string(), styles.dim);
        // What the line leaves free, and half of it in any case, is for the verdict.
        let free = text_room.saturating_sub(columns(&lines[index]) + 3);
        let wide = columns(&said).min(free.max(text_room / 2));
        let room = text_room.saturating_sub(wide + u16::from(wide > 0) * 2);
        let x = area.x + numbers;
        if index == row {
            let text = (lines[index].as_str(), prompts.lines.cells_before());
            line(canvas, (x, y), room, text, styles.plain, prompts.at == PromptField::Lines);
        } else {
            canvas.text(x, y, room, &lines[index], styles.plain);
        }
        canvas.text(area.right() - wide, y, wide, &said, style);
    }
}

fn mood_style(canvas: &Canvas<'_>, mood: Mood) -> Style {
    match mood {
        Mood::Good => canvas.styles.good,
        Mood::Remark => canvas.styles.warn,
        Mood::Wrong => canvas.styles.bad,
    }
}

/// A line below the prompts.
enum Foot {
    /// Counts and sum.
    Sums(Pieces),
    /// *Times* and tag.
    Fields,
    Said(Pieces),
}

/// Columns of *times* and tag.
const FIELDS: u16 = 40;

fn foot(canvas: &Canvas<'_>, width: u16, prompts: &PromptDialog) -> Vec<Foot> {
    let sums = sums(canvas, prompts);
    let beside = line_width(&sums) + 3 + FIELDS <= width;
    let mut foot = vec![Foot::Sums(sums)];
    if !beside {
        foot.push(Foot::Fields);
    }
    foot.push(Foot::Said(vec![said(canvas, width, prompts)]));
    foot
}

/// `3 ok · 2 lines wrong · 3 × 2.7 = 8.1 credits`.
fn sums(canvas: &Canvas<'_>, prompts: &PromptDialog) -> Pieces {
    let styles = canvas.styles;
    let (ok, double, wrong) = prompts.counts();
    let mut pieces: Pieces = vec![(format!("{ok} ok"), if ok > 0 { styles.good } else { styles.dim })];
    if double > 0 {
        pieces.push((format!(" · {double} twice, left out"), styles.warn));
    }
    if wrong > 0 {
        pieces.push((format!(" · {} wrong", text::count(wrong, "line")), styles.bad));
    }
    if let (Some(status), Ok(times)) = (canvas.app.status.as_ref().filter(|_| ok > 0), prompts.times()) {
        let count = ok * times;
        let price = status.prices.of(crate::job::Model::Draft);
        pieces.push((format!(" · {count} × {price} = {} credits", price.times(count)), styles.plain));
    }
    pieces
}

fn fields(canvas: &mut Canvas<'_>, (mut x, y): (u16, u16), right: u16, prompts: &PromptDialog) {
    let styles = canvas.styles;
    for (name, value, room, at) in
        [("times [", &prompts.times, 4, PromptField::Times), ("tag [", &prompts.tag, 22, PromptField::Tag)]
    {
        let on = prompts.at == at;
        let style = if on { styles.accent } else { styles.dim };
        x += canvas.text(x, y, right.saturating_sub(x), name, style);
        let room = right.saturating_sub(x + 1).min(room);
        field(canvas, x, y, room, value, styles.plain, on);
        canvas.text(x + room, y, 1, "]", style);
        x += room + 2;
    }
}

/// What is wrong with the line under the cursor in full, or what comes next.
fn said(canvas: &Canvas<'_>, width: u16, prompts: &PromptDialog) -> (String, Style) {
    let styles = canvas.styles;
    if let Some(said) = &prompts.said {
        return (said.clone(), styles.bad);
    }
    let line = prompts.line(prompts.lines.row()).map(|line| {
        let clock = |at| wording::clock(at, canvas.now, &canvas.app.options.zone);
        let (said, mood) = prompt_wording::verdict(line, prompts.made(line), clock);
        match line.repaired().filter(|_| mood == Mood::Wrong) {
            Some(repaired) => (format!("{said} · Ctrl+f: {repaired}"), mood),
            None => (said, mood),
        }
    });
    match line.filter(|(_, mood)| *mood != Mood::Good) {
        Some((said, mood)) => (said, mood_style(canvas, mood)),
        None if prompts.lines.is_at_open_end() => ("Enter on this empty line shows the price".to_owned(), styles.dim),
        None if width < 60 => ("nothing is sent yet".to_owned(), styles.dim),
        None => ("nothing is sent until you confirm its price · Ctrl+p brings earlier prompts".to_owned(), styles.dim),
    }
}
