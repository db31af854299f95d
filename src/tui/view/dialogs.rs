//! What lies over the screen.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::super::dialogs::{
    AddDialog, AddField, CapsDialog, CommandInput, ConfirmDialog, Dialog, HelpDialog, Menu, PriceDialog, Purpose, TagDialog,
};
use super::super::location::scp_line;
use super::canvas::{Canvas, Pieces, fit, wrap};
use super::fields::{field, line};
use super::{Layout, wording};
use crate::job::{Credits, JobId, LineVerdict, text};
use crate::tui::width::columns;

pub(super) fn draw(canvas: &mut Canvas<'_>, layout: &Layout) {
    let app = canvas.app;
    let room = Rect::new(0, 0, layout.footer.width, layout.message.y);
    match app.dialogs.top() {
        None | Some(Dialog::Filter(_)) => {}
        Some(Dialog::Add(add)) => add_box(canvas, room, add),
        Some(Dialog::Price(price)) => price_box(canvas, room, price),
        Some(Dialog::Ask(ask)) => ask_box(canvas, room, ask),
        Some(Dialog::Menu(menu)) => menu_box(canvas, room, menu),
        Some(Dialog::Tag(tag)) => tag_box(canvas, room, tag),
        Some(Dialog::Caps(caps)) => caps_box(canvas, room, caps),
        Some(Dialog::Command(line)) => palette(canvas, room, line),
        Some(Dialog::Help(help)) => help_box(canvas, room, help),
        Some(Dialog::Show(id)) => show_box(canvas, room, *id),
    }
}

/// Where boxes may lie: above message and footer.
fn room(layout: &Layout) -> Rect {
    Rect::new(0, 0, layout.footer.width, layout.message.y)
}

/// Whether everything that the box on top says has room, if it asks.
pub(super) fn asks_in_full(canvas: &Canvas<'_>, layout: &Layout) -> bool {
    let room = room(layout);
    match canvas.app.overlays.last() {
        Some(Overlay::Price(price)) => price_sheet(canvas, room, price).is_whole,
        Some(Overlay::Ask(ask)) => confirm_sheet(canvas, room, ask).is_whole,
        _ => true,
    }
}

/// A box that asks.
struct AskSheet {
    title: String,
    width: u16,
    lines: Vec<Pieces>,
    /// All of it has room: only then can it be confirmed.
    is_whole: bool,
}

impl AskSheet {
    /// The lines and below them the keys; what is in the way of a confirmation stands between.
    fn new(canvas: &Canvas<'_>, room: Rect, title: String, mut lines: Vec<Pieces>, pairs: &[(&str, String)]) -> Self {
        let (styles, most) = (canvas.styles, ask_width(room));
        let keys = wrapped_keys(canvas, pairs, most);
        let widest = lines.iter().chain(&keys).map(line_width).max().unwrap_or(0).max(columns(&title) + 4);
        let height = lines.len() + 1 + keys.len() + 2;
        let is_whole = widest <= most && height <= usize::from(room.height);
        // In the empty line, so that the box does not move.
        let early = if canvas.app.seen.early && is_whole { "press y again" } else { "" };
        lines.push(vec![(early.to_owned(), styles.warn)]);
        if is_whole {
            lines.extend(keys);
        } else {
            put(&mut lines, "window too small to confirm · n back", most, styles.warn);
        }
        let widest = lines.iter().map(line_width).max().unwrap_or(0).max(widest);
        Self { title, width: widest.min(most), lines, is_whole }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, room: Rect) {
        sheet(canvas, room, &self.title, self.width, &self.lines);
    }
}

fn ask_width(room: Rect) -> u16 {
    room.width.saturating_sub(4).min(66)
}

/// A box in the middle, as high as its lines, with them in it. The last lines stay where not all fit: they hold the keys.
fn sheet(canvas: &mut Canvas<'_>, room: Rect, title: &str, width: u16, lines: &[Pieces]) -> Rect {
    let width = (width + 4).min(room.width);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2).min(room.height);
    let area = Rect::new((room.width - width) / 2, (room.height - height) / 3, width, height);
    let inner = canvas.frame(area, title);
    let rows = usize::from(inner.height);
    let cut = lines.len().saturating_sub(rows);
    let (head, tail) = if cut > 0 { (rows.saturating_sub(2), lines.len() - rows.min(2)) } else { (lines.len(), lines.len()) };
    for (line, y) in lines[..head.min(lines.len())].iter().chain(&lines[tail..]).zip(inner.top()..inner.bottom()) {
        canvas.pieces(inner.x, y, inner.width, line);
    }
    inner
}

/// Text wrapped to lines of one style.
fn put(lines: &mut Vec<Pieces>, said: &str, width: u16, style: Style) {
    lines.extend(wrap(said, width).into_iter().map(|part| vec![(part, style)]));
}

/// Keys and what they do, in as many lines as it takes.
fn wrapped_keys(canvas: &Canvas<'_>, pairs: &[(&str, String)], width: u16) -> Vec<Pieces> {
    let mut lines: Vec<Pieces> = Vec::new();
    for (key, word) in pairs {
        let pair =
            [((*key).to_owned(), canvas.styles.accent.add_modifier(Modifier::BOLD)), (format!(" {word}"), canvas.styles.plain)];
        let needed = columns(key) + columns(word) + 1;
        match lines.last_mut().filter(|line| line_width(line) + 3 + needed <= width) {
            Some(line) => {
                line.push((" · ".to_owned(), canvas.styles.dim));
                line.extend(pair);
            }
            None if needed <= width => lines.push(pair.to_vec()),
            None => {
                let indent = columns(key) + 1;
                let [key, (word, style)] = pair;
                for (at, part) in wrap(word.trim(), width.saturating_sub(indent)).into_iter().enumerate() {
                    let lead = if at == 0 { (format!("{} ", key.0), key.1) } else { (" ".repeat(usize::from(indent)), style) };
                    lines.push(vec![lead, (part, style)]);
                }
            }
        }
    }
    lines
}

fn price_sheet(canvas: &Canvas<'_>, room: Rect, price: &PriceDialog) -> AskSheet {
    let styles = canvas.styles;
    let width = ask_width(room);
    let quote = &price.quote;
    let mut lines: Vec<Pieces> = vec![Vec::new()];
    let jobs = text::count(quote.count, "job");
    lines.push(vec![
        (format!("{jobs} × {} credits = ", quote.price), styles.plain),
        (format!("{} credits", quote.total()), styles.strong),
    ]);
    let balance = match (quote.balance, quote.balance_after()) {
        (Some(now), Some(after)) => {
            let style = if after < Credits::ZERO { styles.warn } else { styles.strong };
            vec![(format!("balance {now} → "), styles.plain), (after.to_string(), style), (" after it".to_owned(), styles.plain)]
        }
        _ => vec![("the balance is not known".to_owned(), styles.warn)],
    };
    lines.push(balance);
    if let Some(status) = &canvas.app.status {
        let mut parts = Vec::new();
        for (name, spent, cap) in
            [("today", status.spent.day, status.caps.day), ("session", status.spent.session, status.caps.session)]
        {
            if let Some(cap) = cap {
                parts.push(format!("{name} {spent} → {} of {cap}", spent + quote.total()));
            }
        }
        if !parts.is_empty() {
            put(&mut lines, &parts.join(" · "), width, styles.plain);
        }
    }
    for said in &price.warnings {
        put(&mut lines, said, width, styles.warn);
    }
    for said in &price.notes {
        put(&mut lines, said, width, styles.dim);
    }
    if !canvas.app.options.grace.is_zero() {
        let said = format!("after the yes u stops it for {} s", canvas.app.options.grace.as_secs());
        put(&mut lines, &said, width, styles.dim);
    }
    let mut pairs = vec![("y", format!("{} {}", price.purpose.verb(), quote.words()))];
    if matches!(price.purpose, Purpose::Add { .. }) {
        pairs.push(("h", "add held".to_owned()));
    }
    pairs.push(("n", "back".to_owned()));
    AskSheet::new(canvas, room, format!("{}?", price.title), lines, &pairs)
}

fn line_width(line: &Pieces) -> u16 {
    line.iter().map(|(text, _)| columns(text)).sum()
}

fn confirm_sheet(canvas: &Canvas<'_>, room: Rect, ask: &ConfirmDialog) -> AskSheet {
    let width = ask_width(room);
    let mut lines: Vec<Pieces> = vec![Vec::new()];
    for said in &ask.lines {
        put(&mut lines, said, width, canvas.styles.plain);
    }
    AskSheet::new(canvas, room, ask.title.clone(), lines, &[("y", ask.yes.clone()), ("n", "back".to_owned())])
}

fn menu_box(canvas: &mut Canvas<'_>, room: Rect, menu: &Menu) {
    let styles = canvas.styles;
    let label = menu.items.iter().map(|item| columns(&item.label)).max().unwrap_or(0);
    let note = menu.items.iter().map(|item| columns(&item.note)).max().unwrap_or(0);
    let width = (label + note + 7).max(columns(&menu.title) + 4).min(room.width.saturating_sub(4)).min(90);
    let lines: Vec<Pieces> = menu
        .items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let chosen = index == menu.cursor;
            let style = if chosen { styles.chosen } else { styles.plain };
            let pad = " ".repeat(usize::from(label.saturating_sub(columns(&item.label))));
            vec![
                (format!(" {} ", item.key), styles.accent.add_modifier(Modifier::BOLD)),
                (format!(" {}{pad} ", item.label), style),
                (format!(" {}", item.note), styles.dim),
            ]
        })
        .collect();
    sheet(canvas, room, &menu.title, width, &lines);
}

fn tag_box(canvas: &mut Canvas<'_>, room: Rect, tag: &TagDialog) {
    let width = room.width.saturating_sub(4).min(50);
    let styles = canvas.styles;
    let mut lines: Vec<Pieces> = vec![Vec::new()];
    if let Some(said) = &tag.said {
        put(&mut lines, said, width, styles.bad);
    } else {
        let near = canvas.app.tags_like(tag.field.line()).map(|near| format!("Tab: {near}")).unwrap_or_default();
        put(&mut lines, &near, width, styles.dim);
    }
    let title = format!("tag for {}", text::count(tag.jobs.len(), "job"));
    let inner = sheet(canvas, room, &title, width, &lines);
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
    let inner = sheet(canvas, room, "caps", width, &lines);
    for (y, name, value, here) in [(0, "today    ", &caps.day, caps.on_day), (1, "session  ", &caps.session, !caps.on_day)] {
        if y < inner.height {
            let style = if here { styles.strong } else { styles.plain };
            let used = canvas.text(inner.x, inner.y + y, inner.width, name, if here { styles.accent } else { styles.dim });
            field(canvas, inner.x + used, inner.y + y, inner.width.saturating_sub(used), value, style, here);
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
    let below = inner.height.min(4);
    let rows = inner.height - below;
    let (lines, x, right) = (add.lines.lines(), inner.x, inner.right());
    if add.lines.is_empty() && rows > 0 {
        let hints = [
            "draft ids, one per line:",
            "",
            "task-unified-1790000100-k3v9q2ad        picture 0",
            "task-unified-1790000100-k3v9q2ad 0,2    these pictures",
            "task-unified-1790000100-k3v9q2ad all    all four",
            "CSV and JSON lines are read too",
        ];
        for (hint, y) in hints.iter().skip(usize::from(rows < 6) * 2).zip(inner.y + 1..inner.y + rows) {
            canvas.text(x, y, inner.width, hint, styles.dim);
        }
    }
    let numbers = if lines.len() > 999 { 6 } else { 4 };
    let first = add.lines.row().saturating_sub(usize::from(rows.saturating_sub(1)));
    let verdict_width = (inner.width / 3).clamp(6, 34);
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
            pieces.push((format!(" · about {} credits", status.price.times(ok)), styles.dim));
        }
        canvas.pieces(inner.x, y, inner.width, &pieces);
        y += 1;
    }
    if y < inner.bottom() {
        let on = add.at == AddField::Tag;
        let used = canvas.text(inner.x, y, inner.width, "tag  ", if on { styles.accent } else { styles.dim });
        field(canvas, inner.x + used, y, inner.width.saturating_sub(used), &add.tag, styles.plain, on);
        y += 1;
    }
    if y < inner.bottom() {
        let (said, style) = match (&add.said, error) {
            (Some(said), _) => (said.clone(), styles.bad),
            (None, Some(why)) => (why, styles.bad),
            (None, None) if add.lines.is_at_open_end() => {
                ("Enter on this empty line goes on to the price".to_owned(), styles.dim)
            }
            (None, None) => ("nothing is sent before you say yes to the price".to_owned(), styles.dim),
        };
        canvas.text(inner.x, y, inner.width, &said, style);
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
                (fit(&help, width.saturating_sub(30), canvas.ascii).into_owned(), styles.dim),
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

fn help_box(canvas: &mut Canvas<'_>, room: Rect, help: &HelpDialog) {
    let styles = canvas.styles;
    let app = canvas.app;
    let width = room.width.min(92);
    let area = Rect::new((room.width - width) / 2, 0, width, room.height);
    let inner = canvas.frame(area, "keys");
    if inner.height == 0 {
        return;
    }
    let used = canvas.text(inner.x, inner.y, inner.width, "search  ", styles.dim);
    field(canvas, inner.x + used, inner.y, inner.width.saturating_sub(used), &help.search, styles.plain, true);
    let rows = app.help_rows(help);
    let rows_len = rows.len();
    let visible = usize::from(inner.height.saturating_sub(1));
    let first = help.scroll.min(rows_len.saturating_sub(visible));
    for (row, y) in rows.iter().skip(first).zip(inner.y + 1..inner.bottom()) {
        let keys: Vec<_> = app.options.keymap.keys(row.action).iter().map(|key| key.shown()).collect();
        let keys = if keys.is_empty() { format!(":{}", row.name) } else { keys.join(" ") };
        let fits = app.allows(row.action).is_ok();
        let style = if fits { styles.plain } else { styles.dim };
        let kind = match row.kind {
            super::super::keymap::ActionKind::Paid => "paid, asks",
            kind => kind.word(),
        };
        let mut x = inner.x;
        x += canvas.text(x, y, 16.min(inner.width), &format!("{keys:<15} "), if fits { styles.accent } else { styles.dim });
        let side = if inner.width >= 70 { 23 } else { 0 };
        canvas.text(x, y, inner.right().saturating_sub(x + side), row.help, style);
        if side > 0 {
            let where_ = format!("{:<14} {kind}", fit(&row.places.words(), 13, canvas.ascii));
            canvas.text(inner.right() - side + 1, y, side - 1, &where_, styles.dim);
        }
    }
    if rows_len > first + visible {
        let more = format!(" {} more below ", rows_len - first - visible);
        canvas.right(area.x + 2, area.bottom() - 1, area.width - 4, &more, styles.dim);
    }
    if rows_len == 0 {
        canvas.text(inner.x, inner.y + 1, inner.width, "no key does that; Esc clears the search", styles.dim);
    }
}

fn show_box(canvas: &mut Canvas<'_>, room: Rect, id: JobId) {
    let styles = canvas.styles;
    let app = canvas.app;
    let Some(job) = app.jobs.job(id) else { return };
    let width = room.width.saturating_sub(4).min(110);
    let mut lines: Vec<Pieces> = Vec::new();
    for file in &job.files {
        let path = text::clean(&file.path.to_string_lossy()).into_owned();
        put(&mut lines, &path, width, styles.strong);
        let said = format!("{} · SHA-256 {}", wording::bytes(file.bytes), file.sha256);
        put(&mut lines, &said, width, styles.dim);
        let scp = scp_line(&app.options, &file.path.to_string_lossy());
        put(&mut lines, &scp, width, styles.accent);
    }
    if job.files.is_empty() {
        put(&mut lines, "no picture is here yet", width, styles.plain);
    }
    let dead = job.link_expires_at.is_some_and(|end| end <= canvas.now);
    for link in &job.links {
        put(&mut lines, &text::clean(link), width, if dead { styles.dim } else { styles.plain });
    }
    if let Some(end) = job.link_expires_at {
        let left = wording::minutes(end.duration_since(canvas.now).as_secs());
        put(
            &mut lines,
            &if dead { "the link is dead".to_owned() } else { format!("the link dies in {left}") },
            width,
            styles.dim,
        );
    }
    if let Some(task) = &job.task {
        put(&mut lines, task.as_str(), width, styles.plain);
    }
    let widest = lines.iter().map(line_width).max().unwrap_or(0).max(20);
    sheet(canvas, room, &format!("{}:{}", job.source.short(), job.image), widest.min(width), &lines);
}
