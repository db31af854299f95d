//! Events and spending.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::symbols;
use ratatui::text::Line;
use ratatui::widgets::{Cell, Row, Sparkline, SparklineBar, Table, Widget};

use super::super::app::App;
use super::super::job_list::Totals;
use super::super::wording;
use super::canvas::{Canvas, Pieces, wrap};
use crate::job::{Credits, Model, text};
use crate::tui::width::columns;

pub(super) fn events(canvas: &mut Canvas<'_>, area: Rect) {
    let (app, styles) = (canvas.app, canvas.styles);
    let title = if app.screens.events_filter().is_empty() {
        "events, newest first".to_owned()
    } else {
        format!("events with {:?}", app.screens.events_filter())
    };
    canvas.text(area.x, area.y, area.width, &title, styles.strong);
    let mut y = area.y + 1;
    let mut any = false;
    for notice in app.shown_events().skip(app.screens.page_scroll()) {
        if y >= area.bottom() {
            break;
        }
        any = true;
        let at = wording::clock(notice.at, canvas.now, &app.options.zone);
        let x = area.x + canvas.text(area.x, y, area.width, &format!("{at}  "), styles.dim);
        let room = area.right().saturating_sub(x);
        for part in wrap(&notice.text, room).into_iter().take(3) {
            if y >= area.bottom() {
                break;
            }
            canvas.text(x, y, room, &part, canvas.level_style(notice.level));
            y += 1;
        }
    }
    if !any {
        canvas.text(area.x, y, area.width, "no events yet", styles.dim);
    }
}

/// Money and times above, tags below. Where not even a few tags have room, all of it scrolls.
pub(super) fn spending(canvas: &mut Canvas<'_>, area: Rect) {
    let whole = spending_height(canvas, area.width);
    if !scrolls_whole(canvas, area) {
        return spending_in(canvas, area);
    }
    let all = Rect::new(0, 0, area.width, whole);
    let mut tall = Buffer::empty(all);
    spending_in(&mut Canvas::new(canvas.app, &mut tall, canvas.now), all);
    let first = u16::try_from(canvas.app.screens.page_scroll()).unwrap_or(u16::MAX).min(whole - area.height);
    for y in 0..area.height {
        for x in 0..area.width {
            canvas.buffer[(area.x + x, area.y + y)] = tall[(x, first + y)].clone();
        }
    }
    let hidden = whole - first - area.height;
    if hidden > 0 {
        let said = format!(" {hidden} more below ");
        canvas.right(area.x, area.bottom() - 1, area.width, &said, canvas.styles.dim);
    }
}

/// The least lines of the tags: heading, all, and two of them.
const LEAST_TAGS: u16 = 4;

/// The most tags that a page which scrolls as a whole shows.
const MOST_TAGS: u16 = 1_000;

/// The lines above the tags, with those between.
fn above_tags(canvas: &Canvas<'_>, width: u16) -> u16 {
    3 + height(&facts(canvas)) + u16::from(has_hours(canvas.app, width)) + height(&times(canvas))
}

fn spending_height(canvas: &Canvas<'_>, width: u16) -> u16 {
    let tags = u16::try_from(canvas.app.jobs.tags().len()).unwrap_or(u16::MAX).min(MOST_TAGS);
    above_tags(canvas, width).saturating_add(2).saturating_add(tags)
}

fn scrolls_whole(canvas: &Canvas<'_>, area: Rect) -> bool {
    let least = spending_height(canvas, area.width).min(above_tags(canvas, area.width) + LEAST_TAGS);
    area.height < least
}

/// The furthest that the spending scrolls.
pub(super) fn spending_last(canvas: &Canvas<'_>, area: Rect) -> usize {
    if scrolls_whole(canvas, area) {
        return usize::from(spending_height(canvas, area.width) - area.height);
    }
    let room = usize::from(area.height.saturating_sub(above_tags(canvas, area.width) + 2));
    canvas.app.jobs.tags().len().saturating_sub(room)
}

fn has_hours(app: &App, width: u16) -> bool {
    !app.options.slow_link && width > 40
}

fn spending_in(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let facts = facts(canvas);
    let has_hours = has_hours(app, area.width);
    let times = times(canvas);
    let chart = if has_hours { hours_height(canvas, area) } else { 0 };
    let heights = [1, height(&facts), 1, chart, height(&times), 1].map(Constraint::Length);
    let [title, facts_area, _, hours, times_area, _, tags] =
        Layout::vertical(heights.into_iter().chain([Constraint::Fill(1)])).areas(area);
    canvas.text(title.x, title.y, title.width, "spending", canvas.styles.strong);
    for (lines, place) in [(&facts, facts_area), (&times, times_area)] {
        for (line, y) in lines.iter().zip(place.top()..place.bottom()) {
            canvas.pieces(place.x, y, place.width, line);
        }
    }
    if hours.height > 1 {
        hours_as_bars(canvas, hours);
    } else if hours.height == 1 {
        per_hour(canvas, hours);
    }
    by_tag(canvas, tags);
}

fn height(lines: &[Pieces]) -> u16 {
    u16::try_from(lines.len()).unwrap_or(u16::MAX)
}

fn facts(canvas: &Canvas<'_>) -> Vec<Pieces> {
    let (app, styles) = (canvas.app, canvas.styles);
    let Some(status) = &app.status else { return Vec::new() };
    let amount = |credits: Credits| format!("{:>10}", credits.to_string());
    let (spent, file) = (&status.spent, &app.options.configured_caps);
    let mut lines: Vec<Pieces> = Vec::new();
    for (name, sum, note) in [
        ("session", spent.session, cap(status.caps.session, file.session)),
        ("today", spent.day, cap(status.caps.day, file.day)),
        ("this month", spent.month, String::new()),
        ("reserved", status.reserved, "  held for unfinished jobs".to_owned()),
    ] {
        lines.push(vec![(format!("  {name:<12}"), styles.dim), (amount(sum), styles.plain), (note, styles.dim)]);
    }
    let balance = status.balance.map_or_else(|| format!("{:>10}", "not known"), |seen| amount(seen.amount));
    let age = status.balance.and_then(|seen| wording::age(seen.at, canvas.now)).map(|age| format!("  {age}"));
    let age = (age.unwrap_or_default(), styles.dim);
    lines.push(vec![("  balance     ".to_owned(), styles.dim), (balance, styles.strong), age]);
    for model in Model::ALL {
        let reported = status.reported_prices.contains(&model);
        // Who has never made a draft is told nothing of its price.
        if model == Model::Draft && !reported {
            continue;
        }
        let source = if reported { "  as reported" } else { "  list price" };
        let usd = wording::dollars(status.prices.of(model), status.uc_per_usd).map(|usd| format!(" · {usd}"));
        let source = format!("{source}{}", usd.unwrap_or_default());
        let name = if model == Model::Draft { "  draft price " } else { "  price       " };
        let price = (amount(status.prices.of(model)), styles.plain);
        lines.push(vec![(name.to_owned(), styles.dim), price, (source, styles.dim)]);
    }
    lines
}

/// A cap and where it comes from: `of 70 (set in the dashboard; file: none)`.
fn cap(cap: Option<Credits>, file: Option<Credits>) -> String {
    let words = cap.map_or_else(|| "no cap".to_owned(), |cap| format!("of {cap}"));
    let source = match (cap, file) {
        (None, None) => String::new(),
        (cap, file) if cap == file => " (file)".to_owned(),
        (_, None) => " (set in the dashboard; file: none)".to_owned(),
        (_, Some(file)) => format!(" (set in the dashboard; file: {file})"),
    };
    format!("  {words}{source}")
}

fn times(canvas: &Canvas<'_>) -> Vec<Pieces> {
    let (app, styles) = (canvas.app, canvas.styles);
    let mut lines: Vec<Pieces> = Vec::new();
    if let (Some(half), Some(most)) = (app.jobs.percentile(50), app.jobs.percentile(90)) {
        let said = format!("median {}, 90 % within {}", wording::duration(half, false), wording::duration(most, false));
        lines.push(vec![(format!("  {:<12}", "run time"), styles.dim), (said, styles.plain)]);
    }
    let total = app.jobs.total();
    if total.estimated > 0 {
        let percent = total.real * 100 / total.estimated;
        let said = format!("runs take {percent}% of the service's first estimate");
        lines.push(vec![(format!("  {:<12}", "est/real"), styles.dim), (said, styles.plain)]);
    }
    lines
}

/// Hours of a whole chart.
const A_DAY: i64 = 24;

/// Where the words of a line of this page begin.
const VALUES: u16 = 14;

/// The most lines of a chart's bars.
const MOST_BARS: u16 = 4;

/// Lines for the finished jobs of a day: one, or a chart where the page would be left empty below.
fn hours_height(canvas: &Canvas<'_>, area: Rect) -> u16 {
    const LEAST_BARS: u16 = 3;
    let free = area.height.saturating_sub(spending_height(canvas, area.width));
    // Its name, its bars, its hours and an empty line in place of the one line.
    let bars = free.saturating_sub(2).min(MOST_BARS);
    if bars >= LEAST_BARS && area.width >= VALUES + 24 * 2 { bars + 3 } else { 1 }
}

/// How many jobs finished in each of the last hours.
fn finished(canvas: &Canvas<'_>, hours: i64) -> Vec<(i64, u64)> {
    let now = canvas.now.as_second().div_euclid(3_600);
    (now - hours + 1..=now).map(|hour| (hour, u64::try_from(canvas.app.jobs.finished_in_hour(hour)).unwrap_or(0))).collect()
}

/// Finished jobs of a day, a bar an hour, with the hours of the clock below.
fn hours_as_bars(canvas: &mut Canvas<'_>, area: Rect) {
    let styles = canvas.styles;
    let counts = finished(canvas, A_DAY);
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let used = canvas.text(area.x, area.y, area.width, &format!("  {:<12}", "per hour"), styles.dim);
    canvas.text(area.x + used, area.y, area.width, &format!("finished, last {A_DAY} h, most {most}"), styles.dim);
    let set = if canvas.ascii { ASCII_BARS } else { symbols::bar::NINE_LEVELS };
    let levels = [
        set.empty,
        set.one_eighth,
        set.one_quarter,
        set.three_eighths,
        set.half,
        set.five_eighths,
        set.three_quarters,
        set.seven_eighths,
        set.full,
    ];
    let rows = area.height - 3;
    let wide = (area.width.saturating_sub(VALUES) / 24).clamp(2, 4);
    // Thin, as it is not what the page is about.
    let thick = wide.div_ceil(2);
    let full = u64::from(rows) * 8;
    for ((hour, count), x) in counts.iter().zip((area.x + VALUES..).step_by(usize::from(wide))) {
        // Something is never drawn as nothing.
        let eighths = (count * full).div_ceil(most.max(1));
        for row in 0..rows {
            let level = eighths.saturating_sub(u64::from(row) * 8).min(8);
            let y = area.y + rows - row;
            let symbol = levels[usize::try_from(level).unwrap_or(0)];
            if level > 0 {
                canvas.text(x, y, thick, &symbol.repeat(usize::from(thick)), styles.accent);
            } else if row == 0 {
                canvas.text(x, y, 1, if canvas.ascii { "_" } else { "·" }, styles.dim);
            }
        }
        let at = jiff::Timestamp::from_second(hour * 3_600).unwrap_or(canvas.now).to_zoned(canvas.app.options.zone.clone());
        if at.hour() % 3 == 0 {
            canvas.text(x, area.y + rows + 1, area.right().saturating_sub(x), &format!("{:02}", at.hour()), styles.dim);
        }
    }
}

/// Finished jobs, one character an hour.
fn per_hour(canvas: &mut Canvas<'_>, area: Rect) {
    let styles = canvas.styles;
    let hours = i64::from(area.width.saturating_sub(26)).min(A_DAY);
    let counts: Vec<u64> = finished(canvas, hours).into_iter().map(|(_, count)| count).collect();
    let most = counts.iter().copied().max().unwrap_or(0);
    let used = canvas.text(area.x, area.y, area.width, &format!("  {:<12}", "per hour"), styles.dim);
    let width = u16::try_from(hours).unwrap_or(0);
    let place = Rect { x: area.x + used, width, height: 1, ..area };
    // Something is never drawn as nothing.
    let scaled = counts.iter().map(|count| if *count == 0 { None } else { Some((count * 8).div_ceil(most.max(1))) });
    Sparkline::default()
        .data(scaled.map(SparklineBar::from))
        .max(8)
        .bar_set(if canvas.ascii { ASCII_BARS } else { symbols::bar::NINE_LEVELS })
        .absent_value_symbol(if canvas.ascii { "_" } else { "·" })
        .absent_value_style(styles.dim)
        .style(styles.accent)
        .render(place, canvas.buffer);
    let room = area.right().saturating_sub(place.right());
    let notes = [format!("  finished, last {hours} h, most {most}"), format!("  last {hours} h, most {most}")];
    let note = notes.iter().find(|note| columns(note) <= room).unwrap_or(&notes[1]);
    canvas.text(place.right(), area.y, room, note, styles.dim);
}

const ASCII_BARS: symbols::bar::Set<'static> = symbols::bar::Set {
    full: "#",
    seven_eighths: "#",
    three_quarters: "|",
    five_eighths: "|",
    half: ":",
    three_eighths: ":",
    one_quarter: ".",
    one_eighth: ".",
    empty: "_",
};

/// The sum of all first, so that it is never below the edge; then the tags, the dearest first.
fn by_tag(canvas: &mut Canvas<'_>, area: Rect) {
    let (app, styles) = (canvas.app, canvas.styles);
    if area.height < 2 {
        return;
    }
    let number = |text: String| Cell::new(Line::from(text).right_aligned());
    let row = |name: &str, totals: &Totals| {
        let name = super::canvas::fit(&canvas.in_charset(name), 17, canvas.ascii).into_owned();
        let counts = [totals.jobs, totals.saved, totals.failed, totals.open].map(|count| number(count.to_string()));
        let sums = [totals.charged, totals.spent].map(|sum| number(sum.to_string()));
        Row::new([Cell::new(name)].into_iter().chain(counts).chain(sums))
    };
    let mut tags: Vec<_> = app.jobs.tags().iter().collect();
    tags.sort_by_key(|(_, totals)| std::cmp::Reverse(totals.spent));
    let room = usize::from(area.height) - 2;
    let first = if room >= tags.len() { 0 } else { app.screens.page_scroll().min(tags.len() - room) };
    let mut rows = vec![row("all", app.jobs.total()).style(styles.strong)];
    for (tag, totals) in tags.iter().skip(first).take(room) {
        rows.push(row(&text::clean(if tag.is_empty() { "no tag" } else { tag }), totals));
    }
    let head = ["jobs", "saved", "failed", "open", "charged", "spent"].map(|word| number(word.to_owned()));
    let head = Row::new([Cell::new("tag")].into_iter().chain(head)).style(styles.dim);
    let widths = [17, 6, 6, 6, 6, 10, 10].map(Constraint::Length);
    let place = Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area };
    Table::new(rows, widths).header(head).render(place, canvas.buffer);
    let hidden = tags.len().saturating_sub(first + room);
    if hidden > 0 {
        let said = format!(" {hidden} more below ");
        canvas.right(area.x, area.bottom() - 1, area.width, &said, styles.dim);
    }
}
