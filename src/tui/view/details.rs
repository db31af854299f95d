//! Everything about one job.

use jiff::Timestamp;
use ratatui::style::Modifier;

use super::super::app::App;
use super::canvas::{Canvas, Pieces, Styles, wrap};
use super::{Layout, wording};
use crate::job::{Charge, Job, Phase, text};
use crate::tui::width::columns;

/// Most lines of the raw answer that are shown.
const MOST_RAW: usize = 300;

pub(super) fn draw(canvas: &mut Canvas<'_>, layout: &Layout) {
    let app = canvas.app;
    let area = layout.details;
    let mut inner = area;
    if layout.beside {
        let line = if canvas.ascii { "|" } else { "│" };
        for y in area.top()..area.bottom() {
            canvas.text(area.x - 1, y, 1, line, canvas.styles.dim);
        }
        inner.x += 1;
        inner.width -= 1;
    } else if !layout.narrow {
        canvas.rule(area.x, area.y, area.width);
    }
    let Some(job) = app.jobs.selected_job() else { return };
    let focus = if app.screens.in_details() { canvas.styles.chosen } else { canvas.styles.strong };
    let title = format!(" {}:{} ", job.source.short(), job.image);
    let used = canvas.text(inner.x + u16::from(!layout.beside) * 2, inner.y, inner.width, &title, focus);
    if !layout.narrow && layout.beside {
        canvas.rule(inner.x + used, inner.y, inner.width - used);
    }
    let lines = lines(app, job, canvas.now, inner.width, canvas.styles);
    let rows = usize::from(inner.height.saturating_sub(1));
    let scroll = app.screens.details_scroll().min(lines.len().saturating_sub(rows));
    for (line, y) in lines.iter().skip(scroll).take(rows).zip(inner.y + 1..) {
        canvas.pieces(inner.x, y, inner.width, line);
    }
    if lines.len() > scroll + rows {
        let more = format!(" {} more ", lines.len() - scroll - rows);
        let key = if app.screens.in_details() { more } else { format!("{more}· Tab ") };
        canvas.right(inner.x, inner.y, inner.width, &key, canvas.styles.dim);
    }
}

pub(super) fn height(app: &App, width: u16) -> usize {
    let plain = ratatui::style::Style::new();
    let styles = Styles { plain, dim: plain, strong: plain, accent: plain, good: plain, warn: plain, bad: plain, chosen: plain };
    app.jobs.selected_job().map_or(0, |job| lines(app, job, Timestamp::UNIX_EPOCH, width, styles).len())
}

struct Sheet {
    lines: Vec<Pieces>,
    width: u16,
    styles: Styles,
}

impl Sheet {
    /// A name and its value, wrapped under itself.
    fn fact(&mut self, name: &str, value: &str, style: ratatui::style::Style) {
        if value.is_empty() {
            return;
        }
        let indent = 9;
        for (index, part) in wrap(value, self.width.saturating_sub(indent)).into_iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            self.lines.push(vec![(format!("{name:<9}"), self.styles.dim), (part, style)]);
        }
    }

    fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(Vec::new());
        }
    }

    fn head(&mut self, title: &str) {
        self.gap();
        self.lines.push(vec![(title.to_owned(), self.styles.strong)]);
    }
}

fn lines(app: &App, job: &Job, now: Timestamp, width: u16, styles: Styles) -> Vec<Pieces> {
    let mut sheet = Sheet { lines: Vec::new(), width, styles };
    let plain = styles.plain;
    let state = job.state();
    let reason = job.reason().map(|reason| format!(" · {}", text::clean(&reason))).unwrap_or_default();
    let style = match state {
        crate::job::State::Failed => styles.bad,
        crate::job::State::Held | crate::job::State::Unsure => styles.warn,
        crate::job::State::Saved => styles.good,
        _ => styles.accent,
    };
    sheet.fact("state", &format!("{state}{reason}"), style.add_modifier(styles.bold));
    if let Some(failure) = job.failure() {
        sheet.fact("said", &text::clean(&failure.message), plain);
        let status = failure.status.map(|status| format!("HTTP {status}")).unwrap_or_default();
        sheet.fact("answer", &status, plain);
        sheet.fact("next", failure.next_step(), styles.strong);
    } else if let Some(next) = next_step(job) {
        sheet.fact("next", next, styles.strong);
    }
    money(&mut sheet, job);
    if let Some(progress) = app.jobs.entry(job.id).and_then(|entry| entry.progress()) {
        let percent = progress.percent.map_or_else(|| "no number from the service".to_owned(), |p| format!("{}%", p.get()));
        sheet.fact("progress", &percent, plain);
    }
    if let Some(end) = job.link_expires_at.filter(|_| !job.links.is_empty()) {
        let left = end.duration_since(now).as_secs();
        let said = if left > 0 { format!("dies in {}", wording::minutes(left)) } else { "dead: 24 hours have passed".to_owned() };
        let open = !state.is_final();
        sheet.fact("link", &said, if open && left < 4 * 3_600 { styles.warn } else { plain });
    }
    for file in &job.files {
        sheet.fact("file", &text::clean(&file.path.to_string_lossy()), plain);
        sheet.fact("", &format!("{} · SHA-256 {}", wording::bytes(file.bytes), file.sha256), styles.dim);
    }
    sheet.gap();
    sheet.fact("job", &job.id.to_string(), plain);
    sheet.fact("draft", job.source.as_str(), plain);
    sheet.fact("picture", &format!("{} (the first is 0)", job.image), plain);
    sheet.fact("task", job.task.as_ref().map_or("", |task| task.as_str()), plain);
    sheet.fact("request", job.request_id.as_deref().map(text::clean).as_deref().unwrap_or_default(), plain);
    sheet.fact("tag", job.tag.as_ref().map_or("", |tag| tag.as_str()), plain);
    sheet.fact("again of", &job.again_of.map(|id| id.to_string()).unwrap_or_default(), plain);
    if let Phase::Unsure(doubt) = &job.phase {
        for task in &doubt.candidates {
            sheet.fact("fits", task.as_str(), plain);
        }
    }
    if let Some(details) = app.screens.details_of(job.id) {
        if !details.timeline.is_empty() {
            sheet.head("time line");
        }
        let mut before: Option<Timestamp> = None;
        for entry in &details.timeline {
            let at = wording::clock(entry.at, now.max(job.created_at), &app.options.zone);
            let gap = before.map(|before| format!("+{}", wording::duration(wording::since(before, entry.at), false)));
            before = Some(entry.at);
            let head = format!("{at} {:>7} {:<9} ", gap.unwrap_or_default(), entry.state.word());
            let indent = columns(&head);
            for (index, part) in wrap(&text::clean(&entry.note), width.saturating_sub(indent)).into_iter().enumerate() {
                let head = if index == 0 { head.clone() } else { " ".repeat(usize::from(indent)) };
                sheet.lines.push(vec![(head, styles.dim), (part, plain)]);
            }
        }
        if let Some(raw) = details.raw.as_deref().filter(|raw| !raw.trim().is_empty()) {
            sheet.head("last answer");
            let parts = raw.lines().flat_map(|line| wrap(&indented(line), width)).take(MOST_RAW);
            sheet.lines.extend(parts.map(|part| vec![(part, styles.dim)]));
        }
    }
    sheet.lines
}

/// A line of the answer, made safe, with its indentation kept.
fn indented(line: &str) -> String {
    let spaces = line.bytes().take_while(|b| *b == b' ').count().min(20);
    format!("{}{}", " ".repeat(spaces), text::clean(line.trim_start()))
}

fn money(sheet: &mut Sheet, job: &Job) {
    let plain = sheet.styles.plain;
    let mut parts = Vec::new();
    if let Some(yes) = job.approval {
        parts.push(format!("agreed {}", yes.price));
    }
    if let Some(reserved) = job.reserved {
        parts.push(format!("reserved {reserved}"));
    }
    if let Some(charged) = job.charged {
        parts.push(format!("charged {charged}"));
    }
    let (said, style) = match job.charge {
        None => ("nothing was paid", plain),
        Some(Charge::Reserved) if job.reserved.is_none() => ("counted as spent until the service answers", plain),
        Some(Charge::Reserved) => ("the service holds it until the end", plain),
        Some(Charge::Charged) => ("charged", plain),
        Some(Charge::Refunded) => ("refunded: nothing was charged", sheet.styles.good),
        Some(Charge::NotKnown) => ("the service gave no evidence whether it was charged", sheet.styles.warn),
    };
    parts.push(said.to_owned());
    sheet.fact("credits", &parts.join(" · "), style);
}

/// The one safe next key where no failure names one.
pub(super) fn next_step(job: &Job) -> Option<&'static str> {
    match &job.phase {
        Phase::Held(_) => Some("p releases it, with its price first; x drops it"),
        Phase::Unsure(doubt) if !doubt.candidates.is_empty() => Some("w chooses its task; nothing is paid for that"),
        Phase::Unsure(_) => Some("r looks through the account's tasks; nothing is paid for that"),
        Phase::ToFetch(error) if error.last.is_some() => Some("d fetches again; nothing is paid for that"),
        Phase::Unwatched => Some("w watches it again"),
        Phase::Cancelled(_) => Some("R runs it again: a new paid job"),
        Phase::Saved => Some("o shows where it is; Y copies path or scp line"),
        _ => None,
    }
}
