//! The box for new drafts.

use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use super::super::prompt_dialog::{PromptDialog, PromptField};
use super::super::prompt_wording::{self, Mood};
use super::super::wording;
use super::canvas::{Canvas, Pieces, wrap};
use super::fields::field;
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
                if !foot.iter().any(|row| matches!(row, Foot::Fields)) {
                    fields(canvas, (inner.x + used + 3, y), inner.right(), prompts);
                }
            }
            Foot::Fields => fields(canvas, (inner.x, y), inner.right(), prompts),
        }
    }
}

/// The prompts with their numbers, and what is said of each at the right edge. The one under the cursor is seen in full.
fn lines(canvas: &mut Canvas<'_>, area: Rect, prompts: &PromptDialog) {
    let lines = prompts.lines.lines();
    let numbers = if lines.len() > 999 { 6 } else { 4 };
    let row = prompts.lines.row();
    let room = area.width.saturating_sub(numbers);
    let verdict = |canvas: &Canvas<'_>, index| {
        let line = prompts.line(index)?;
        let clock = |at| wording::clock(at, canvas.now, &canvas.app.options.zone);
        Some(prompt_wording::verdict(line, prompts.made(line), clock))
    };
    let own = verdict(canvas, row).map_or(0, |(said, _)| columns(&said));
    let parts = if columns(&lines[row]) + own + 3 <= room { vec![(0, lines[row].as_str())] } else { broken(&lines[row], room) };
    let tall = u16::try_from(parts.len()).unwrap_or(u16::MAX);
    let first = row.saturating_sub(usize::from(area.height.saturating_sub(tall)));
    let mut y = area.y;
    for (index, line) in lines.iter().enumerate().skip(first) {
        if y >= area.bottom() {
            break;
        }
        let (said, style) =
            verdict(canvas, index).map_or((String::new(), canvas.styles.dim), |(said, mood)| (said, mood_style(canvas, mood)));
        let place = Rect { y, height: area.bottom() - y, x: area.x, width: area.width };
        canvas.right(place.x, y, numbers - 1, &(index + 1).to_string(), canvas.styles.dim);
        let place = Rect { x: place.x + numbers, width: room, ..place };
        if index == row {
            y += written(canvas, place, &parts, prompts);
            let last = parts.last().map_or(0, |(_, part)| columns(part));
            if last + columns(&said) + 2 < room {
                canvas.right(place.x, y - 1, room, &said, style);
            }
            continue;
        }
        // What the line leaves free, and half of it in any case, is for the verdict.
        let free = room.saturating_sub(columns(line) + 2);
        let wide = columns(&said).min(free.max(room / 2));
        canvas.text(place.x, y, room.saturating_sub(wide + u16::from(wide > 0) * 2), line, canvas.styles.plain);
        canvas.text(place.right() - wide, y, wide, &said, style);
        y += 1;
    }
}

/// Writes the parts of the line under the cursor, and places the cursor; in how many lines.
fn written(canvas: &mut Canvas<'_>, area: Rect, parts: &[(u16, &str)], prompts: &PromptDialog) -> u16 {
    let before = u16::try_from(prompts.lines.cells_before()).unwrap_or(u16::MAX);
    let at = parts.iter().rposition(|(start, _)| *start <= before).unwrap_or(0);
    // Where not all parts have room, those up to the cursor do.
    let height = usize::from(area.height.max(1));
    let first = (at + 1).saturating_sub(height);
    let mut y = area.y;
    for (index, (start, part)) in parts.iter().enumerate().skip(first).take(height) {
        canvas.text(area.x, y, area.width, part, canvas.styles.plain);
        if index == at && prompts.at == PromptField::Lines {
            canvas.cursor = Some((area.x + (before - start).min(area.width.saturating_sub(1)), y));
        }
        y += 1;
    }
    y - area.y
}

/// A line cut into parts of less than this width, each with the columns before it; between words, where they are not too long.
fn broken(line: &str, width: u16) -> Vec<(u16, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut from, mut wide) = (0_u16, 0, 0_u16);
    // Where the last word of the part begins, and the columns before it.
    let mut word = (0, 0);
    for (at, grapheme) in line.grapheme_indices(true) {
        let cells = columns(grapheme);
        // The last column is for the cursor.
        if wide + cells >= width.max(2) {
            let (cut, before) = if word.1 > 0 && word.1 >= width / 2 { word } else { (at, wide) };
            parts.push((start, &line[from..cut]));
            (start, from, wide) = (start.saturating_add(before), cut, wide - before);
            word = (cut, 0);
        }
        wide += cells;
        if grapheme == " " {
            word = (at + 1, wide);
        }
    }
    parts.push((start, &line[from..]));
    parts
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

/// The most lines of what is said: a reason that is cut before its point says nothing.
const MOST_SAID: usize = 3;

/// Columns of *times* and tag.
const FIELDS: u16 = 40;

fn foot(canvas: &Canvas<'_>, width: u16, prompts: &PromptDialog) -> Vec<Foot> {
    let sums = sums(canvas, prompts);
    let beside = line_width(&sums) + 3 + FIELDS <= width;
    let mut foot = vec![Foot::Sums(sums)];
    if !beside {
        foot.push(Foot::Fields);
    }
    let (said, style) = said(canvas, width, prompts);
    foot.extend(wrap(&said, width).into_iter().take(MOST_SAID).map(|part| Foot::Said(vec![(part, style)])));
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
            // Where the reason names the key already, what the line would be is all that is new.
            Some(repaired) if said.contains("Ctrl+f") => (format!("Ctrl+f: {repaired}"), mood),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_breaks_between_words_and_loses_nothing() {
        assert_eq!(broken("red boat at dawn", 10), [(0, "red boat "), (9, "at dawn")]);
        assert_eq!(broken("a lighthouse", 8), [(0, "a light"), (7, "house")]);
        for line in [
            "",
            "灯台 in 霧, 灯台 in 霧",
            "  two  spaces  everywhere  ",
            "averyveryverylongwordwithoutanyspace",
            "لوحة البحر 🇫🇷 fog",
        ] {
            for width in [0, 1, 2, 3, 7, 20] {
                let parts = broken(line, width);
                assert_eq!(parts.iter().map(|(_, part)| *part).collect::<String>(), line);
                for (start, part) in &parts {
                    let at = part.as_ptr() as usize - line.as_ptr() as usize;
                    assert_eq!(*start, columns(&line[..at]), "{line:?} in {width}");
                    assert!(columns(part) < width.max(3), "{part:?} in {width}");
                }
            }
        }
    }
}
