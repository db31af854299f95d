//! Header, tabs, message line and footer.

use jiff::Timestamp;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::super::app::App;
use super::super::dialogs::Dialog;
use super::super::job_list::View;
use super::super::layout::Page;
use super::canvas::{Canvas, Piece, wrap};
use super::{Layout, fields, wording};
use crate::engine::{Connection, PauseReason, Role};
use crate::job::{State, text};
use crate::tui::width::columns;

/// All that fits on a very small screen.
pub(super) fn sentence(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let said = format!(
        "{} running, {} waiting, {} failed. Too small for more: q leaves.",
        app.jobs.count_of(View::Running),
        app.jobs.count_of(View::Waiting),
        app.jobs.count_of(View::Failed)
    );
    for (y, line) in (area.top()..area.bottom()).zip(wrap(&said, area.width)) {
        canvas.text(area.x, y, area.width, &line, canvas.styles.plain);
    }
}

/// Lays pieces out from the left and from the right; what is on the right gives way.
fn spread(canvas: &mut Canvas<'_>, y: u16, width: u16, left: &[Piece], right: &[Piece]) {
    let used = canvas.pieces(0, y, width, left);
    let mut right = right;
    let size = |pieces: &[Piece]| pieces.iter().map(|(text, _)| columns(text)).sum::<u16>();
    while !right.is_empty() && size(right) + used + 2 > width {
        right = &right[1..];
    }
    canvas.pieces(width.saturating_sub(size(right)), y, size(right), right);
}

pub(super) fn draw(canvas: &mut Canvas<'_>, layout: &Layout) {
    let width = layout.header.width;
    let left = first_left(canvas, layout.narrow);
    let right = first_right(canvas);
    spread(canvas, 0, width, &left, &right);
    if layout.narrow {
        return;
    }
    let left = money(canvas);
    let right = looking_at(canvas);
    spread(canvas, 1, width, &left, &right);
    tabs(canvas, layout.tabs);
}

fn first_left(canvas: &Canvas<'_>, narrow: bool) -> Vec<Piece> {
    let (app, styles) = (canvas.app, canvas.styles);
    let mut out = vec![("mj-enhance".to_owned(), styles.accent.add_modifier(Modifier::BOLD))];
    if app.options.demo {
        out.push((" demo".to_owned(), styles.warn));
    }
    if let Some(profile) = &app.options.profile {
        out.push((format!(" {}", text::clean(profile)), styles.plain));
    }
    if app.options.read_only {
        out.push((" only looking".to_owned(), styles.dim));
    }
    let Some(status) = &app.status else {
        out.push(("  starting".to_owned(), styles.dim));
        return out;
    };
    let on_wire = status.in_flight;
    out.push((if narrow { "  ".to_owned() } else { "  in flight ".to_owned() }, styles.dim));
    out.push((format!("{on_wire}/{}", status.max_in_flight), styles.plain));
    if let Some(why) = &status.paused {
        let why = match why {
            PauseReason::You => "",
            PauseReason::Price { .. } => ": the price moved",
            PauseReason::Login { .. } => ": the key was refused",
            PauseReason::Balance { .. } => ": balance or limit",
            PauseReason::Access { .. } => ": access refused",
            PauseReason::NoPrice { .. } => ": no price",
            PauseReason::Failures { .. } => ": jobs fail",
        };
        out.push(("  ".to_owned(), styles.plain));
        out.push((format!("PAUSED{why}"), styles.warn.add_modifier(styles.bold)));
    } else if !status.waiting_for_go.is_empty() {
        let key = app.options.keymap.shown(super::super::keymap::Action::Pause).unwrap_or_else(|| ":pause".to_owned());
        let said = format!("  {} wait for {key}", status.waiting_for_go.len());
        out.push((said, styles.warn));
    }
    if narrow {
        for (view, style) in [
            (View::Running, styles.plain),
            (View::Waiting, styles.plain),
            (View::Failed, styles.bad),
            (View::Unsure, styles.warn),
        ] {
            let count = app.jobs.count_of(view);
            if count > 0 {
                out.push((format!(" {} {}", wording::short_count(count), view.short()), style));
            }
        }
    }
    out
}

/// Connection and role; the least important first, for it goes first.
fn first_right(canvas: &Canvas<'_>) -> Vec<Piece> {
    let (app, styles) = (canvas.app, canvas.styles);
    let Some(status) = &app.status else { return Vec::new() };
    let mut out = Vec::new();
    match &status.role {
        Role::Engine => out.push(("engine here  ".to_owned(), styles.dim)),
        Role::Screen { engine_pid: Some(pid) } => out.push((format!("engine is process {pid}  "), styles.dim)),
        Role::Screen { engine_pid: None } => out.push(("no engine runs  ".to_owned(), styles.warn)),
    }
    let waits = status.all_wait_until.filter(|until| *until > canvas.now);
    match (&status.connection, waits) {
        (_, Some(until)) => {
            let left = wording::duration(until.duration_since(canvas.now).as_secs() + 1, app.options.slow_link);
            out.push((format!("429: all wait {left}, nothing is lost"), styles.warn));
        }
        // Another process asks the service; how its line is, this one does not know.
        (Connection::Unknown, None) if matches!(status.role, Role::Screen { .. }) => {}
        (Connection::Unknown, None) => out.push(("not asked yet".to_owned(), styles.dim)),
        (Connection::Up, None) => out.push(("connected".to_owned(), styles.good)),
        (Connection::Down { since, why }, None) => {
            let at = wording::clock(*since, canvas.now, &app.options.zone);
            let said = if why.message.is_empty() { why.meaning() } else { why.message.as_str().into() };
            out.push((format!("no connection since {at}: {}", text::shorten(&text::clean(&said), 40)), styles.bad));
        }
    }
    out
}

fn money(canvas: &Canvas<'_>) -> Vec<Piece> {
    let (app, styles) = (canvas.app, canvas.styles);
    let Some(status) = &app.status else { return Vec::new() };
    let mut out = vec![("balance ".to_owned(), styles.dim)];
    match status.balance {
        Some(seen) => {
            let low = seen.amount < status.price;
            out.push((seen.amount.to_string(), if low { styles.warn } else { styles.strong }));
            if let Some(age) = wording::age(seen.at, canvas.now) {
                out.push((format!(" {age}"), styles.dim));
            }
        }
        None => out.push(("not known".to_owned(), styles.dim)),
    }
    if status.reserved.uc() != 0 {
        out.push((" · reserved ".to_owned(), styles.dim));
        out.push((status.reserved.to_string(), styles.plain));
    }
    out.push((" · today ".to_owned(), styles.dim));
    out.push((status.spent.day.to_string(), styles.plain));
    if let Some(cap) = status.caps.day {
        let near = status.spent.day + status.price > cap;
        out.push((format!(" of {cap}"), if near { styles.warn } else { styles.dim }));
    }
    for (state, style) in [(State::Held, styles.warn), (State::Unwatched, styles.dim)] {
        let count = app.jobs.count(state);
        if count > 0 {
            out.push((" · ".to_owned(), styles.dim));
            out.push((format!("{} {state}", wording::short_count(count)), style));
        }
    }
    out
}

/// What narrows or orders the list.
fn looking_at(canvas: &Canvas<'_>) -> Vec<Piece> {
    let (app, styles) = (canvas.app, canvas.styles);
    let mut out = Vec::new();
    if app.screens.page() != Page::Jobs {
        return out;
    }
    let view_filter = app.jobs.view_filter();
    if view_filter.sort != super::super::job_list::Sort::default() || view_filter.reverse {
        out.push((format!("by {}{}  ", view_filter.sort.word(), if view_filter.reverse { " reversed" } else { "" }), styles.dim));
    }
    if !app.jobs.filter().is_empty() && !matches!(app.dialogs.top(), Some(Dialog::Filter(_))) {
        out.push((format!("filter: {}  ", text::shorten(&app.jobs.filter(), 30)), styles.accent));
    }
    if app.jobs.marks().anchor().is_some() {
        out.push(("range…  ".to_owned(), styles.accent));
    }
    if !app.jobs.marks().is_empty() {
        out.push((format!("{} marked", app.jobs.marks().len()), styles.accent.add_modifier(Modifier::BOLD)));
    }
    out
}

fn tabs(canvas: &mut Canvas<'_>, area: Rect) {
    let (app, styles) = (canvas.app, canvas.styles);
    let label = |view: View, index: usize, short: bool| {
        let count = app.jobs.count_of(view);
        let name = if short { view.short() } else { view.word() };
        let count = if count > 0 || view == View::All { format!(" {}", wording::short_count(count)) } else { String::new() };
        format!("{} {name}{count}", index + 1)
    };
    // Every name keeps room for the largest count there can be, so that counting jobs does not move the other names.
    let digits = columns(&wording::short_count(app.jobs.count_of(View::All))).max(2);
    let roomy = |view: View, short: bool| 3 + columns(if short { view.short() } else { view.word() }) + digits;
    let size = |short: bool| View::ALL.iter().map(|view| roomy(*view, short)).sum::<u16>();
    let gaps = 6;
    let short = size(false) + gaps * 2 > area.width;
    let gap = if short && size(true) + gaps * 2 > area.width { 1 } else { 2 };
    let crowded = short && size(true) + gaps > area.width;
    let mut x = area.x;
    for (index, view) in View::ALL.into_iter().enumerate() {
        let chosen = app.jobs.view_filter().view == view && app.screens.page() == Page::Jobs;
        let count = app.jobs.count_of(view);
        let style = match view {
            _ if chosen => styles.chosen,
            _ if count == 0 => styles.dim,
            View::Failed => styles.bad,
            View::Unsure => styles.warn,
            _ => styles.plain,
        };
        let text = label(view, index, short);
        if x + columns(&text) > area.right() {
            break;
        }
        canvas.text(x, area.y, area.right() - x, &text, style);
        x += gap + if crowded { columns(&text) } else { roomy(view, short) };
    }
}

/// Countdown, message, or the line that is typed.
pub(super) fn message(canvas: &mut Canvas<'_>, layout: &Layout) {
    let (app, styles) = (canvas.app, canvas.styles);
    let area = layout.message;
    if layout.rule.height > 0 {
        canvas.rule(0, layout.rule.y, layout.rule.width);
    }
    match app.dialogs.top() {
        Some(Dialog::Filter(line)) => return fields::filter_line(canvas, area, line),
        Some(Dialog::Command(line)) => return fields::command_line(canvas, area, line),
        _ => {}
    }
    let mut pieces = Vec::new();
    let going: usize = app.messages.windows().iter().map(|grace| grace.jobs).sum();
    if let Some(until) = app.messages.windows().iter().map(|grace| grace.until).max().filter(|until| *until > canvas.now) {
        let key = app.options.keymap.shown(super::super::keymap::Action::Undo).unwrap_or_else(|| ":undo".to_owned());
        let left = match seconds_left(until, canvas.now) {
            seconds @ ..60 => format!("{seconds} s"),
            seconds => wording::duration(seconds, false),
        };
        let said = format!("{} in {left}", goes(going));
        pieces.push((said, styles.warn.add_modifier(styles.bold)));
        pieces.push((format!(" · {key} stops {}", if going == 1 { "it" } else { "them" }), styles.warn));
        if app.messages.message().is_some() {
            pieces.push(("  ".to_owned(), styles.plain));
        }
    }
    if let Some((level, said)) = &app.messages.message() {
        pieces.push((said.clone(), canvas.level_style(*level)));
    } else if pieces.is_empty()
        && let Some(said) = standing_word(app)
    {
        pieces.push((said, styles.dim));
    }
    canvas.pieces(area.x, area.y, area.width, &pieces);
}

fn goes(count: usize) -> String {
    if count == 1 { "1 job goes".to_owned() } else { format!("{count} jobs go") }
}

fn seconds_left(until: Timestamp, now: Timestamp) -> i64 {
    (until.as_millisecond() - now.as_millisecond() + 999) / 1_000
}

/// What the selected row wants said when nothing else does.
fn standing_word(app: &App) -> Option<String> {
    if app.screens.page() != Page::Jobs || app.screens.details_open() {
        return None;
    }
    let job = app.jobs.selected_job()?;
    if let Some(failure) = job.failure() {
        return Some(format!("{}: {}", failure.meaning(), failure.next_step()));
    }
    let next = super::details::next_step(job).filter(|_| job.state() != State::Saved);
    let said: Vec<String> = job.reason().into_iter().chain(next.map(str::to_owned)).collect();
    (!said.is_empty()).then(|| said.join(": "))
}

/// The keys that work on this row now, as many as fit.
pub(super) fn footer(canvas: &mut Canvas<'_>, layout: &Layout) {
    let styles = canvas.styles;
    let area = layout.footer;
    let hints: Vec<(String, &str)> = match canvas.app.dialogs.top() {
        None => canvas.app.hints(),
        Some(overlay) => fields::keys_of(overlay).iter().map(|(key, word)| ((*key).to_owned(), *word)).collect(),
    };
    let mut x = area.x;
    for (key, word) in hints {
        let room = area.right().saturating_sub(x);
        if columns(&key) + 1 + columns(word) > room {
            continue;
        }
        x += canvas.text(x, area.y, room, &key, styles.accent.add_modifier(Modifier::BOLD)) + 1;
        x += canvas.text(x, area.y, area.right().saturating_sub(x), word, styles.dim) + 2;
    }
}
