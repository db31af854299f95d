//! What lies over the screen.

use std::fmt::Write as _;

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::availability;
use super::super::dialogs::{AddDialog, AddField, CapsDialog, CommandInput, Dialog, Menu, TagDialog};
use super::super::layout::Layout;
use super::super::location::scp_line;
use super::super::reasons;
use super::super::wording;
use super::canvas::{Canvas, Pieces, fit, wrap};
use super::fields::{field, line};
use super::sheet::{put, sheet, sheet_area};
use super::{ask, help};
use crate::job::{JobId, LineVerdict, TaskId, text};
use crate::tui::width::columns;

pub(super) fn draw(canvas: &mut Canvas<'_>, layout: &Layout) {
    let app = canvas.app;
    let room = ask::room(layout);
    match app.dialogs.top() {
        None | Some(Dialog::Filter(_)) => {}
        Some(Dialog::Add(add)) => add_box(canvas, room, add),
        Some(Dialog::Prompts(prompts)) => super::prompts::draw(canvas, room, prompts),
        Some(Dialog::Price(price)) => ask::draw_price(canvas, room, price),
        Some(Dialog::Ask(ask)) => ask::draw_confirm(canvas, room, ask),
        Some(Dialog::Menu(menu)) => menu_box(canvas, room, menu),
        Some(Dialog::Tag(tag)) => tag_box(canvas, room, tag),
        Some(Dialog::Caps(caps)) => caps_box(canvas, room, caps),
        Some(Dialog::Command(line)) => palette(canvas, room, line),
        Some(Dialog::Help(help)) => help::draw(canvas, room, help),
        Some(Dialog::Show(id)) => show_lines(canvas, layout, *id),
        Some(Dialog::ShowDraft(task)) => show_draft(canvas, layout, task),
    }
}

fn menu_width(room: Rect, menu: &Menu) -> u16 {
    let label = menu.items.iter().map(|item| columns(&item.label)).max().unwrap_or(0);
    let note = menu.items.iter().map(|item| columns(&item.note)).max().unwrap_or(0);
    (label + note + 8).max(columns(&menu.title) + 4).min(room.width.saturating_sub(4)).min(90)
}

/// The first entry that is shown and how many are: the cursor's among them.
fn menu_rows(room: Rect, menu: &Menu) -> (usize, usize) {
    let rows = usize::from(room.height.saturating_sub(2)).min(menu.items.len());
    ((menu.cursor + 1).saturating_sub(rows), rows)
}

fn menu_box(canvas: &mut Canvas<'_>, room: Rect, menu: &Menu) {
    let styles = canvas.styles;
    let label = menu.items.iter().map(|item| columns(&item.label)).max().unwrap_or(0);
    let width = menu_width(room, menu);
    let (first, rows) = menu_rows(room, menu);
    let lines: Vec<Pieces> = menu
        .items
        .iter()
        .enumerate()
        .skip(first)
        .take(rows)
        .map(|(index, item)| {
            let chosen = index == menu.cursor;
            let style = if chosen { styles.chosen } else { styles.plain };
            let pad = " ".repeat(usize::from(label.saturating_sub(columns(&item.label))));
            vec![
                (format!(" {} ", item.key), styles.accent.add_modifier(styles.bold)),
                (if item.present { "●".to_owned() } else { " ".to_owned() }, styles.accent),
                (format!(" {}{pad} ", item.label), style),
                (format!(" {}", item.note), styles.dim),
            ]
        })
        .collect();
    sheet(canvas, room, &menu.title, width, &lines, false);
}

/// The entry of a menu at a place of the screen.
pub(super) fn item_at(canvas: &Canvas<'_>, layout: &Layout, menu: &Menu, (x, y): (u16, u16)) -> Option<usize> {
    let room = ask::room(layout);
    let width = (menu_width(room, menu) + 4).min(room.width);
    let (first, rows) = menu_rows(room, menu);
    let area = sheet_area(room, width, u16::try_from(rows + 2).unwrap_or(u16::MAX).min(room.height));
    let inside = area.intersection(canvas.buffer.area).contains(ratatui::layout::Position::new(x, y));
    let row = usize::from(y.checked_sub(area.y + 1)?);
    (inside && row < rows).then_some(first + row)
}

fn tag_box(canvas: &mut Canvas<'_>, room: Rect, tag: &TagDialog) {
    let width = room.width.saturating_sub(4).min(60);
    let styles = canvas.styles;
    let mut lines: Vec<Pieces> = vec![Vec::new()];
    if let Some(said) = &tag.said {
        put(&mut lines, said, width, styles.bad);
    } else {
        let near = canvas.app.tags_like(tag.field.line()).map(|near| format!("Tab: {near}"));
        let said = match near {
            _ if tag.field.is_empty() && tag.various => "(various) · empty changes nothing · - removes them".to_owned(),
            Some(near) => near,
            None if tag.field.is_empty() => "empty changes nothing · - removes it".to_owned(),
            None => String::new(),
        };
        put(&mut lines, &said, width, styles.dim);
    }
    let title = if tag.drafts.is_empty() {
        format!("tag for {}", text::count(tag.jobs.len(), "job"))
    } else {
        format!("tag for {}", text::count(tag.drafts.len(), "draft"))
    };
    let inner = sheet(canvas, room, &title, width, &lines, false);
    if inner.height > 0 {
        field(canvas, inner.x, inner.y, inner.width, &tag.field, styles.strong, true);
    }
}

fn caps_box(canvas: &mut Canvas<'_>, room: Rect, caps: &CapsDialog) {
    let styles = canvas.styles;
    let width = room.width.saturating_sub(4).min(50);
    let mut lines: Vec<Pieces> = vec![Vec::new(), Vec::new(), Vec::new()];
    let said = caps.said.clone().unwrap_or_else(|| "credits; empty is no cap".to_owned());
    put(&mut lines, &said, width, if caps.said.is_some() { styles.bad } else { styles.dim });
    let inner = sheet(canvas, room, "caps", width, &lines, false);
    for (y, name, value, here) in [(0, "today    ", &caps.day, caps.on_day), (1, "session  ", &caps.session, !caps.on_day)] {
        if y < inner.height {
            let style = if here { styles.strong } else { styles.plain };
            let frame = if here { styles.accent } else { styles.dim };
            let used = canvas.text(inner.x, inner.y + y, inner.width, &format!("{name}["), frame);
            let room = inner.width.saturating_sub(used + 1).min(14);
            field(canvas, inner.x + used, inner.y + y, room, value, style, here);
            canvas.text(inner.x + used + room, inner.y + y, 1, "]", frame);
        }
    }
}

fn add_box(canvas: &mut Canvas<'_>, room: Rect, add: &AddDialog) {
    let styles = canvas.styles;
    let width = room.width.min(104);
    let height = room.height.min(24);
    let area = Rect::new((room.width - width) / 2, (room.height - height) / 3, width, height);
    let inner = canvas.frame(area, "add jobs");
    if inner.height < 2 {
        return;
    }
    // A rule, the counts, the tag, and what is to be said in up to two lines; two lines are for what is typed, unless the tag is.
    let least = if add.at == AddField::Tag { 3 } else { 0 };
    let below = inner.height.saturating_sub(2).max(least).min(inner.height).min(5);
    let rows = inner.height - below;
    let (lines, x, right) = (add.lines.lines(), inner.x, inner.right());
    if add.lines.is_empty() && rows > 0 {
        let hints = [
            "draft ids, one per line:",
            "",
            "task-unified-1790000100-k3v9q2ad        picture 0",
            "task-unified-1790000100-k3v9q2ad 0,2    these pictures",
            "task-unified-1790000100-k3v9q2ad all    all four",
            "short ids of drafts in the list, CSV and JSON lines too",
        ];
        for (hint, y) in hints.iter().skip(usize::from(rows < 6) * 2).zip(inner.y + 1..inner.y + rows) {
            canvas.text(x + 4, y, inner.width.saturating_sub(4), hint, styles.dim);
        }
    }
    let numbers = if lines.len() > 999 { 6 } else { 4 };
    let first = add.lines.row().saturating_sub(usize::from(rows.saturating_sub(1)));
    let longest = lines.iter().skip(first).take(usize::from(rows)).map(|line| columns(line)).max().unwrap_or(0);
    // What the lines leave free is for the verdicts.
    let verdict_width = inner.width.saturating_sub(numbers + longest.max(20) + 3).clamp(6.max(inner.width / 4), 60);
    for (index, y) in (first..lines.len()).zip(inner.y..inner.y + rows) {
        let verdict = add.checked.binary_search_by_key(&(index + 1), |line| line.number).ok().map(|at| &add.checked[at].verdict);
        let (said, style) = match verdict {
            None => (String::new(), styles.dim),
            Some(LineVerdict::Ok(specs)) if specs.len() == 1 => ("ok".to_owned(), styles.good),
            Some(LineVerdict::Ok(specs)) => (format!("ok, {} pictures", specs.len()), styles.good),
            Some(LineVerdict::Twice { new, twice }) if new.is_empty() => {
                (format!("twice: {}", pictures(twice.len())), styles.warn)
            }
            Some(LineVerdict::Twice { new, twice }) => (format!("ok {}, twice {}", new.len(), twice.len()), styles.warn),
            Some(LineVerdict::Wrong(why)) => (why.clone(), styles.bad),
        };
        canvas.right(x, y, numbers - 1, &(index + 1).to_string(), styles.dim);
        let room = inner.width.saturating_sub(numbers + verdict_width + 1);
        if index == add.lines.row() {
            let text = (lines[index].as_str(), add.lines.cells_before());
            line(canvas, (x + numbers, y), room, text, styles.plain, add.at == AddField::Lines);
        } else {
            canvas.text(x + numbers, y, room, &lines[index], styles.plain);
        }
        canvas.text(right.saturating_sub(verdict_width), y, verdict_width, &said, style);
    }
    add_foot(canvas, inner, rows, add);
}

fn pictures(count: usize) -> String {
    text::count(count, "picture")
}

fn add_foot(canvas: &mut Canvas<'_>, inner: Rect, rows: u16, add: &AddDialog) {
    let styles = canvas.styles;
    let (ok, double, wrong) = add.counts();
    let mut y = inner.y + rows;
    canvas.rule(inner.x, y, inner.width);
    y += 1;
    let here = add.lines.row() + 1;
    let error = add.checked.iter().find_map(|line| match &line.verdict {
        LineVerdict::Wrong(why) if line.number == here => Some(why.clone()),
        _ => None,
    });
    if y < inner.bottom() {
        let mut pieces: Pieces = vec![(format!("{ok} ok"), if ok > 0 { styles.good } else { styles.dim })];
        if double > 0 {
            pieces.push((format!(" · {double} twice, left out"), styles.warn));
        }
        if wrong > 0 {
            pieces.push((format!(" · {} wrong", text::count(wrong, "line")), styles.bad));
        }
        if let Some(status) = canvas.app.status.as_ref().filter(|_| ok > 0) {
            pieces.push((format!(" · about {} credits", status.prices.enhance.times(ok)), styles.dim));
        }
        canvas.pieces(inner.x, y, inner.width, &pieces);
        y += 1;
    }
    if y < inner.bottom() {
        let on = add.at == AddField::Tag;
        let used = canvas.text(inner.x, y, inner.width, "tag [", if on { styles.accent } else { styles.dim });
        let room = inner.width.saturating_sub(used + 1).min(33);
        field(canvas, inner.x + used, y, room, &add.tag, styles.plain, on);
        canvas.text(inner.x + used + room, y, 1, "]", if on { styles.accent } else { styles.dim });
        y += 1;
    }
    if y < inner.bottom() {
        let (said, style) = match (&add.said, error) {
            (Some(said), _) => (said.clone(), styles.bad),
            (None, Some(why)) => (why, styles.bad),
            (None, None) if add.lines.is_at_open_end() => ("Enter on this empty line shows the price".to_owned(), styles.dim),
            (None, None) => ("nothing is sent until you confirm its price".to_owned(), styles.dim),
        };
        for (part, y) in wrap(&said, inner.width).iter().zip(y..inner.bottom()) {
            canvas.text(inner.x, y, inner.width, part, style);
        }
    }
}

fn palette(canvas: &mut Canvas<'_>, room: Rect, line: &CommandInput) {
    let styles = canvas.styles;
    let app = canvas.app;
    let fitting = line.fitting();
    let rows = usize::from(room.height.saturating_sub(2)).min(12);
    let first = line.cursor.saturating_sub(rows.saturating_sub(1));
    let width = room.width.saturating_sub(4).min(90);
    let lines: Vec<Pieces> = fitting
        .iter()
        .enumerate()
        .skip(first)
        .take(rows)
        .map(|(index, action)| {
            let row = action.row();
            let fits = app.allows(*action);
            let key = app.options.keymap.shown(*action).unwrap_or_default();
            let style = if index == line.cursor {
                styles.chosen
            } else if fits.is_ok() {
                styles.plain
            } else {
                styles.dim
            };
            let help = match &fits {
                Ok(()) => row.help.to_owned(),
                Err(why) => format!("not now: {why}"),
            };
            vec![
                (format!("{:<18}", row.name), style),
                (format!(" {key:>9}  "), styles.accent),
                (clauses(&help, width.saturating_sub(30), canvas.ascii), styles.dim),
            ]
        })
        .collect();
    if lines.is_empty() {
        return;
    }
    let height = u16::try_from(lines.len()).unwrap_or(0) + 2;
    let low = Rect::new(0, room.height.saturating_sub(height), room.width, height.min(room.height));
    let inner = canvas.frame(Rect { width: (width + 4).min(room.width), ..low }, "every action by name");
    for (line, y) in lines.iter().zip(inner.top()..inner.bottom()) {
        canvas.pieces(inner.x, y, inner.width, line);
    }
}

/// As many whole clauses of a text as have room: one that is cut in its middle says less than one that is left out.
fn clauses(text: &str, room: u16, ascii: bool) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let ends = ["; ", ", ", " ("].into_iter().flat_map(|end| text.match_indices(end).map(|(at, _)| at));
    let whole = ends.filter(|at| columns(&text[..*at]) <= room).max();
    whole.map_or_else(|| fit(text, room, ascii).into_owned(), |at| text[..at].to_owned())
}

/// Path, scp line, link and id as plain lines without a frame, each whole where the screen is wide enough, so that the mouse of
/// any terminal can select them.
fn show_lines(canvas: &mut Canvas<'_>, layout: &Layout, id: JobId) {
    let styles = canvas.styles;
    let app = canvas.app;
    let Some(job) = app.jobs.job(id) else { return };
    let mut lines: Vec<(String, Style)> = Vec::new();
    for file in &job.files {
        lines.push((text::clean(&file.path.to_string_lossy()).into_owned(), styles.strong));
        lines.push((scp_line(&app.options, &file.path.to_string_lossy()), styles.plain));
    }
    if job.files.is_empty() {
        let said =
            if availability::shown(job).is_ok() { "no picture here yet" } else { "there is no result, and there will be none" };
        lines.push((said.to_owned(), styles.dim));
    }
    let expired = job.link_expires_at.is_some_and(|end| end <= canvas.now);
    for link in &job.links {
        lines.push((text::clean(link).into_owned(), if expired { styles.dim } else { styles.plain }));
    }
    lines.extend(job.task.as_ref().map(|task| (task.to_string(), styles.plain)));
    let mut about = reasons::name(job);
    for file in &job.files {
        let _ = write!(about, " · {} · SHA-256 {}", wording::bytes(file.bytes), file.sha256);
    }
    if let Some(end) = job.link_expires_at {
        let left = wording::minutes(end.duration_since(canvas.now).as_secs());
        let _ = if expired { write!(about, " · link expired") } else { write!(about, " · link expires in {left}") };
    }
    plain_lines(canvas, layout, about, lines);
}

/// The same for a draft, which may have been made elsewhere.
fn show_draft(canvas: &mut Canvas<'_>, layout: &Layout, task: &TaskId) {
    let styles = canvas.styles;
    let app = canvas.app;
    let Some(draft) = app.drafts.draft(task) else { return };
    let mut lines: Vec<(String, Style)> = Vec::new();
    for (_, file) in &draft.files {
        lines.push((text::clean(&file.to_string_lossy()).into_owned(), styles.strong));
        lines.push((scp_line(&app.options, &file.to_string_lossy()), styles.plain));
    }
    if draft.files.is_empty() {
        lines.push(("no picture here yet".to_owned(), styles.dim));
    }
    let expired = draft.links_expire_at.is_some_and(|end| end <= canvas.now);
    for link in &draft.links {
        lines.push((text::clean(link).into_owned(), if expired { styles.dim } else { styles.plain }));
    }
    lines.push((task.to_string(), styles.plain));
    let mut about = format!("draft {}", task.short());
    if let Some(end) = draft.links_expire_at.filter(|_| !draft.links.is_empty()) {
        let left = wording::minutes(end.duration_since(canvas.now).as_secs());
        let _ = if expired { write!(about, " · links expired") } else { write!(about, " · links expire in {left}") };
    }
    plain_lines(canvas, layout, about, lines);
}

fn plain_lines(canvas: &mut Canvas<'_>, layout: &Layout, about: String, lines: Vec<(String, Style)>) {
    let styles = canvas.styles;
    canvas.blank(layout.body);
    let mut y = layout.body.y;
    for (line, style) in [(about, styles.dim), (String::new(), styles.plain)].into_iter().chain(lines) {
        for part in unbroken(&line, layout.body.width) {
            if y < layout.body.bottom() {
                canvas.text(0, y, layout.body.width, part, style);
            }
            y += 1;
        }
    }
}

/// A line cut where the screen ends and nowhere else, so that what a terminal selects over the edge is the line again.
fn unbroken(line: &str, width: u16) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = line;
    while columns(rest) > width {
        let fits = |at: &usize| columns(&rest[..*at]) <= width;
        let at = rest.char_indices().map(|(at, _)| at).take_while(fits).last().filter(|at| *at > 0);
        let Some(at) = at else { break };
        let (head, tail) = rest.split_at(at);
        parts.push(head);
        rest = tail;
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_left_out_by_clauses() {
        let text = "keep the result, or not any more (a favourite)";
        for (room, said) in [(60, text), (40, "keep the result, or not any more"), (20, "keep the result"), (8, "keep th…")] {
            assert_eq!(clauses(text, room, false), said);
        }
    }
}
