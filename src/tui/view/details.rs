//! Everything about one job.

use jiff::Timestamp;
use ratatui::style::{Modifier, Style};

use super::super::app::App;
use super::super::keymap::Action;
use super::super::layout::Layout;
use super::super::reasons;
use super::super::wording;
use super::canvas::{Canvas, Pieces, Styles, wrap, wrap_items};
use super::pictures;
use crate::job::{Charge, Job, JobKind, Phase, State, brief_note, text};
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
    let title = format!(" {} ", reasons::name(job));
    let used = canvas.text(inner.x + u16::from(!layout.beside) * 2, inner.y, inner.width, &title, focus);
    if !layout.narrow && layout.beside {
        canvas.rule(inner.x + used, inner.y, inner.width - used);
    }
    let (above, beside) = pictures::reserved(app, layout, canvas.now);
    inner.width = inner.width.saturating_sub(beside);
    let lines = lines(app, job, canvas.now, inner.width, canvas.styles);
    let rows = usize::from(inner.height.saturating_sub(1 + above));
    let scroll = app.screens.details_scroll().min(lines.len().saturating_sub(rows));
    for (line, y) in lines.iter().skip(scroll).take(rows).zip(inner.y + 1 + above..) {
        canvas.pieces(inner.x, y, inner.width, line);
    }
    if lines.len() > scroll + rows {
        let more = format!(" {} more ", lines.len() - scroll - rows);
        let next = app.options.keymap.named(Action::NextPane);
        let key = if app.screens.in_details() { more } else { format!("{more}· {next} ") };
        canvas.right(inner.x, inner.y, inner.width, &key, canvas.styles.dim);
    }
    pictures::draw_in_details(canvas, layout);
}

pub(super) fn height(app: &App, layout: &Layout) -> usize {
    let plain = Style::new();
    let styles = Styles {
        plain,
        dim: plain,
        strong: plain,
        accent: plain,
        good: plain,
        warn: plain,
        bad: plain,
        chosen: plain,
        bold: Modifier::empty(),
        pale: Modifier::empty(),
    };
    let (_, beside) = pictures::reserved(app, layout, Timestamp::UNIX_EPOCH);
    let width = layout.details.width.saturating_sub(beside);
    app.jobs.selected_job().map_or(0, |job| lines(app, job, Timestamp::UNIX_EPOCH, width, styles).len())
}

struct Sheet {
    lines: Vec<Pieces>,
    section: Option<&'static str>,
    width: u16,
    styles: Styles,
}

impl Sheet {
    /// The name of a section stands before its first line.
    fn section(&mut self, name: &'static str) {
        self.section = Some(name);
    }

    fn line(&mut self, pieces: Pieces) {
        let name = self.section.take().unwrap_or_default();
        let mut line = vec![(format!("{name:<9}"), self.styles.dim)];
        line.extend(pieces);
        self.lines.push(line);
    }

    /// A line of the gutter's own name, as long as it has one.
    fn named(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.section(name);
            self.say(value, self.styles.plain);
        }
    }

    /// Text of one style, wrapped under itself.
    fn say(&mut self, said: &str, style: Style) {
        for part in wrap(said, self.width.saturating_sub(9)) {
            self.line(vec![(part, style)]);
        }
    }

    /// Words with a time in the gutter.
    fn timed(&mut self, time: &str, said: &str) {
        for (index, part) in wrap(said, self.width.saturating_sub(9)).into_iter().enumerate() {
            let time = if index == 0 { time } else { "" };
            self.lines.push(vec![(format!("{time:>7}  "), self.styles.dim), (part, self.styles.plain)]);
        }
    }

    /// A name and its value.
    fn fact(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.under(name, wrap(value, self.width.saturating_sub(10 + columns(name))));
        }
    }

    /// A name and what belongs to it, none of them broken where it can be kept whole.
    fn items(&mut self, name: &str, items: &[String]) {
        self.under(name, wrap_items(items, self.width.saturating_sub(10 + columns(name))));
    }

    /// A name and its lines below each other.
    fn under(&mut self, name: &str, parts: Vec<String>) {
        let indent = columns(name) + 1;
        for (index, part) in parts.into_iter().enumerate() {
            let name = if index == 0 { format!("{name} ") } else { " ".repeat(usize::from(indent)) };
            self.line(vec![(name, self.styles.dim), (part, self.styles.plain)]);
        }
    }
}

fn lines(app: &App, job: &Job, now: Timestamp, width: u16, styles: Styles) -> Vec<Pieces> {
    let mut sheet = Sheet { lines: Vec::new(), section: None, width, styles };
    prompt(&mut sheet, app, job);
    result(&mut sheet, app, job, now);
    money(&mut sheet, app, job);
    times(&mut sheet, app, job, now);
    ids(&mut sheet, app, job);
    raw(&mut sheet, app, job);
    sheet.lines
}

/// What a draft was made from, and what was made of it.
fn prompt(sheet: &mut Sheet, app: &App, job: &Job) {
    let JobKind::Draft { prompt, template } = &job.kind else { return };
    sheet.section("prompt");
    sheet.say(prompt.as_str(), sheet.styles.plain);
    sheet.fact("from", template.as_deref().unwrap_or_default());
    let children = job.task.as_ref().map(|task| app.jobs.enhanced_from(task)).unwrap_or_default();
    let children: Vec<String> = children.into_iter().map(enhanced).collect();
    sheet.items("enhanced", &children);
}

fn result(sheet: &mut Sheet, app: &App, job: &Job, now: Timestamp) {
    let styles = sheet.styles;
    let state = job.state();
    let style = match state {
        State::Failed => styles.bad,
        State::Held | State::Unsure => styles.warn,
        State::Saved => styles.good,
        State::Cancelled | State::Unwatched => styles.dim,
        _ => styles.accent,
    };
    sheet.section("result");
    let percent = app.jobs.entry(job.id).and_then(|entry| entry.progress()).and_then(|progress| progress.percent);
    let percent = percent.map(|percent| format!(" {}%", percent.get())).unwrap_or_default();
    let verdict = job.verdict.map(|verdict| format!(", {verdict}")).unwrap_or_default();
    sheet.line(vec![(format!("{state}{percent}{verdict}"), style.add_modifier(styles.bold))]);
    if let Some(reason) = reasons::reason(job) {
        sheet.say(&reason, styles.plain);
    }
    if let Some(failure) = job.failure() {
        let status = failure.status.map(|status| format!("HTTP {status}")).unwrap_or_default();
        let message = text::clean(&failure.message);
        if !reasons::reason(job).is_some_and(|reason| reason.starts_with(message.as_ref())) {
            sheet.fact("message", &message);
        }
        sheet.fact("answer", &status);
    }
    if let Some(next) = reasons::next_step(job, &app.options.keymap).filter(|_| !app.options.read_only) {
        sheet.say(&next, styles.strong);
    }
    for file in &job.files {
        sheet.say(&text::clean(&file.path.to_string_lossy()), styles.plain);
    }
    let mut about: Vec<String> = job.files.iter().map(|file| wording::bytes(file.bytes)).collect();
    let mut soon = false;
    if let Some(end) = job.link_expires_at.filter(|_| !job.links.is_empty()) {
        let left = end.duration_since(now).as_secs();
        about.push(if left > 0 { format!("link expires in {}", wording::minutes(left)) } else { "link expired".to_owned() });
        soon = !state.is_final() && left < 4 * 3_600;
    }
    if !about.is_empty() {
        sheet.say(&about.join(" · "), if soon { styles.warn } else { styles.dim });
    }
    // What is looked up least stands last.
    for file in &job.files {
        sheet.say(&format!("sha256 {}", file.sha256), styles.dim);
    }
}

fn money(sheet: &mut Sheet, app: &App, job: &Job) {
    let styles = sheet.styles;
    let credits = job.charged.or(job.reserved).or(job.approval.map(|approval| approval.price));
    let amount = credits.map_or_else(String::new, |credits| format!("{credits} "));
    let (said, style) = match job.charge {
        None if job.approval.is_some() => (format!("{amount}confirmed, not sent yet"), styles.plain),
        None => ("nothing was paid".to_owned(), styles.plain),
        Some(Charge::Reserved) if job.reserved.is_none() => (format!("{amount}counted as spent until resolved"), styles.plain),
        Some(Charge::Reserved) => (format!("{amount}reserved by the service"), styles.plain),
        Some(Charge::Charged) => (format!("{amount}charged"), styles.plain),
        Some(Charge::Refunded) => ("refunded: nothing was charged".to_owned(), styles.good),
        Some(Charge::NotKnown) => (format!("{amount}charged or not: the service gave no evidence"), styles.warn),
    };
    let in_play =
        matches!(job.charge, Some(Charge::Reserved | Charge::Charged)) || job.charge.is_none() && job.approval.is_some();
    let rate = app.status.as_ref().and_then(|status| status.uc_per_usd);
    let usd = credits.filter(|_| in_play).and_then(|credits| wording::dollars(credits, rate));
    sheet.section("money");
    match usd {
        Some(usd) if columns(&said) + 3 + columns(&usd) <= sheet.width.saturating_sub(9) => {
            sheet.line(vec![(said, style), (format!(" · {usd}"), styles.dim)]);
        }
        usd => {
            sheet.say(&said, style);
            if let Some(usd) = usd {
                sheet.say(&usd, styles.dim);
            }
        }
    }
}

/// The timeline, with what lies between its moments.
fn times(sheet: &mut Sheet, app: &App, job: &Job, now: Timestamp) {
    let Some(details) = app.screens.details_of(job.id) else { return };
    let styles = sheet.styles;
    let mut before: Option<Timestamp> = None;
    for entry in &details.timeline {
        let gap = before.map(|before| wording::since(before, entry.at)).filter(|gap| *gap < 3_600);
        let note = text::clean(brief_note(&entry.note));
        // The whole id stands among the ids.
        let note = job.task.as_ref().map_or_else(|| note.to_string(), |task| note.replace(task.as_str(), task.short()));
        let said = if note.is_empty() { entry.state.word().to_owned() } else { note };
        if let Some(gap) = gap {
            // What came soon after the line above stands by how much later it was, in the gutter: the words have the width.
            sheet.timed(&format!("+{}", wording::duration(gap, false)), &said);
        } else {
            let clock = wording::clock(entry.at, now.max(job.created_at), &app.options.zone);
            if before.is_none() {
                sheet.section("time");
            }
            sheet.say(&format!("{clock}  {said}"), styles.plain);
        }
        before = Some(entry.at);
    }
}

fn ids(sheet: &mut Sheet, app: &App, job: &Job) {
    sheet.section("ids");
    let (styles, again) = (sheet.styles, job.again_of.map(|id| id.to_string()));
    let mut own = vec![("job ".to_owned(), styles.dim), (job.id.to_string(), styles.plain)];
    if let Some(tag) = &job.tag {
        own.extend([(" · tag ".to_owned(), styles.dim), (tag.to_string(), styles.plain)]);
    }
    sheet.line(own);
    sheet.fact("runs again", again.as_deref().unwrap_or_default());
    match &job.kind {
        JobKind::Enhance { source, image } => {
            sheet.named("draft", source.as_str());
            sheet.fact("picture", &format!("{image} (of 0–3)"));
            let made = app.jobs.made(source).and_then(|draft| draft.kind.prompt());
            sheet.fact("prompt", made.map_or("", |prompt| prompt.as_str()));
        }
        JobKind::Draft { .. } => {
            if let Some(missing) = job.pictures_missing() {
                let said = format!("moderation took {missing} of 4; which numbers are left is not certain");
                sheet.fact("pictures", &said);
            }
        }
    }
    sheet.named("task", job.task.as_ref().map_or("", |task| task.as_str()));
    if let Phase::Unsure(doubt) = &job.phase {
        for task in &doubt.candidates {
            sheet.named("fits", task.as_str());
        }
    }
    sheet.named("request", job.request_id.as_deref().map(text::clean).as_deref().unwrap_or_default());
}

/// `2 saved x5j8d3qa-0.png`: an enhance, as its draft names it.
fn enhanced(child: &Job) -> String {
    let image = child.kind.source().map_or_else(String::new, |(_, image)| image.to_string());
    let file = child.files.first().and_then(|file| file.path.file_name()).map(|name| name.to_string_lossy());
    let file = file.map(|name| format!(" {}", text::clean(&name))).unwrap_or_default();
    format!("{image} {}{file}", child.state())
}

/// The last response, folded until the keys go to the details and open it.
fn raw(sheet: &mut Sheet, app: &App, job: &Job) {
    let raw = app.screens.details_of(job.id).and_then(|details| details.raw.as_deref());
    let Some(raw) = raw.filter(|raw| !raw.trim().is_empty()) else { return };
    let styles = sheet.styles;
    sheet.section("raw");
    let key = app.options.keymap.named(Action::Open);
    if !app.screens.raw_open() {
        let how = if app.screens.in_details() { key } else { format!("{} {key}", app.options.keymap.named(Action::NextPane)) };
        sheet.line(vec![(format!("› {} ", response(job)), styles.plain), (format!("({how})"), styles.dim)]);
        return;
    }
    let pretty = serde_json::from_str::<serde_json::Value>(raw).ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
    let width = sheet.width.saturating_sub(9);
    let lines: Vec<String> =
        pretty.as_deref().unwrap_or(raw).lines().take(MOST_RAW).flat_map(|line| indented(line, width)).collect();
    if job.state() == State::Running {
        sheet.line(vec![(response(job).to_owned(), styles.plain)]);
    }
    for line in lines {
        sheet.line(vec![(line, styles.dim)]);
    }
}

/// Which response is kept: that of the end, and until there is one that of the send, whose progress is not the present one.
fn response(job: &Job) -> &'static str {
    if matches!(job.state(), State::Running | State::Unwatched) { "reply to the send" } else { "last response" }
}

/// A line of the response, made safe, wrapped under its own indentation.
fn indented(line: &str, width: u16) -> Vec<String> {
    let spaces = " ".repeat(line.bytes().take_while(|b| *b == b' ').count().min(20));
    let room = width.saturating_sub(columns(&spaces)).max(1);
    wrap(&text::clean(line.trim_start()), room).into_iter().map(|part| format!("{spaces}{part}")).collect()
}
