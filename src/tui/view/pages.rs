//! Events and spending.

use ratatui::layout::Rect;

use super::super::job_list::Totals;
use super::canvas::{Canvas, Pieces, wrap};
use super::wording;
use crate::job::{Credits, text};
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
    for notice in app.shown_events().skip(app.screens.events_scroll()) {
        if y >= area.bottom() {
            break;
        }
        any = true;
        let at = wording::clock(notice.at, canvas.now, &app.options.zone);
        let job = notice.job.map(|job| format!("{job}  ")).unwrap_or_default();
        let mut x = area.x + canvas.text(area.x, y, area.width, &format!("{at}  "), styles.dim);
        x += canvas.text(x, y, area.right().saturating_sub(x), &job, styles.dim);
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
        canvas.text(area.x, y, area.width, "nothing has happened yet", styles.dim);
    }
}

pub(super) fn spending(canvas: &mut Canvas<'_>, area: Rect) {
    let lines = spending_lines(canvas, area.width);
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        canvas.pieces(area.x, y, area.width, line);
    }
}

fn spending_lines(canvas: &Canvas<'_>, width: u16) -> Vec<Pieces> {
    let (app, styles) = (canvas.app, canvas.styles);
    let mut lines = vec![vec![("spending".to_owned(), styles.strong)]];
    let amount = |credits: Credits| format!("{:>10}", credits.to_string());
    if let Some(status) = &app.status {
        let cap = |cap: Option<Credits>| cap.map_or_else(|| "  no cap".to_owned(), |cap| format!("  of {cap}"));
        let spent = &status.spent;
        for (name, sum, limit) in [
            ("session", spent.session, cap(status.caps.session)),
            ("today", spent.day, cap(status.caps.day)),
            ("this month", spent.month, String::new()),
            ("reserved", status.reserved, "  held by the service for jobs that are not over".to_owned()),
        ] {
            lines.push(vec![(format!("  {name:<12}"), styles.dim), (amount(sum), styles.plain), (limit, styles.dim)]);
        }
        let balance = status.balance.map_or_else(|| format!("{:>10}", "not known"), |seen| amount(seen.amount));
        let age =
            status.balance.and_then(|seen| wording::age(seen.at, canvas.now)).map(|age| format!("  {age}")).unwrap_or_default();
        lines.push(vec![("  balance     ".to_owned(), styles.dim), (balance, styles.strong), (age, styles.dim)]);
        let source = if status.price_is_reported { "  as the service reports it" } else { "  as published" };
        lines.push(vec![
            ("  price       ".to_owned(), styles.dim),
            (amount(status.price), styles.plain),
            (source.to_owned(), styles.dim),
        ]);
    }
    lines.push(Vec::new());
    let hours = i64::from(width.saturating_sub(26).min(24));
    if !app.options.slow_link && hours > 0 {
        let now = canvas.now.as_second().div_euclid(3_600);
        let counts: Vec<i64> = (now - hours + 1..=now).map(|hour| app.jobs.finished_in_hour(hour)).collect();
        let most = counts.iter().copied().max().unwrap_or(0);
        let bar = sparkline(&counts, canvas.ascii);
        lines.push(vec![
            (format!("  {:<12}", "per hour"), styles.dim),
            (bar, styles.accent),
            (format!("  finished, last {hours} h, most {most}"), styles.dim),
        ]);
    }
    if let (Some(half), Some(most)) = (app.jobs.percentile(50), app.jobs.percentile(90)) {
        let said =
            format!("half within {}, nine of ten within {}", wording::duration(half, false), wording::duration(most, false));
        lines.push(vec![(format!("  {:<12}", "run time"), styles.dim), (said, styles.plain)]);
    }
    let total = app.jobs.total();
    if total.estimated > 0 {
        let percent = total.real * 100 / total.estimated;
        let said = format!("runs take {percent}% of the service's first estimate");
        lines.push(vec![(format!("  {:<12}", "est/real"), styles.dim), (said, styles.plain)]);
    }
    lines.push(Vec::new());
    let head = format!("  {:<18}{:>7}{:>7}{:>7}{:>7}{:>11}{:>11}", "tag", "jobs", "saved", "failed", "open", "charged", "spent");
    lines.push(vec![(head, styles.dim)]);
    let row = |name: &str, totals: &Totals, style| -> Pieces {
        let name = super::canvas::fit(name, 16, canvas.ascii).into_owned();
        let pad = " ".repeat(usize::from(18_u16.saturating_sub(columns(&name))));
        let numbers = format!(
            "{:>7}{:>7}{:>7}{:>7}{:>11}{:>11}",
            totals.jobs,
            totals.saved,
            totals.failed,
            totals.open,
            totals.charged.to_string(),
            totals.spent.to_string()
        );
        vec![(format!("  {name}{pad}"), style), (numbers, style)]
    };
    let mut tags: Vec<_> = app.jobs.tags().iter().collect();
    tags.sort_by_key(|(_, totals)| std::cmp::Reverse(totals.spent));
    for (tag, totals) in tags {
        let name = if tag.is_empty() { "no tag" } else { tag };
        lines.push(row(&text::clean(name), totals, styles.plain));
    }
    lines.push(row("all", total, styles.strong));
    lines
}

/// One character an hour.
fn sparkline(counts: &[i64], ascii: bool) -> String {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let steps: &[char] =
        if ascii { &['_', '.', ':', '|', '#'] } else { &['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] };
    let last = i64::try_from(steps.len() - 1).unwrap_or(1);
    let step = |count: i64| if count == 0 { 0 } else { (count * last / most).clamp(1, last) };
    counts.iter().map(|count| steps[usize::try_from(step(*count)).unwrap_or(0)]).collect()
}
