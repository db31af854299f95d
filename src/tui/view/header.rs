//! Header and tabs.
//!
//! What changes what one sees stands on the right and is never dropped; what does not fit beside it leaves the left side.

use ratatui::layout::Rect;

use super::super::app::App;
use super::super::dialogs::Dialog;
use super::super::job_list::{Sort, View};
use super::super::keymap::Action;
use super::super::layout::{Layout, Page};
use super::super::wording;
use super::canvas::{Canvas, Piece, Pieces, wrap};
use crate::engine::{Connection, PauseReason, Role, Status};
use crate::job::{Credits, Model, State, text};
use crate::tui::width::columns;

/// All that fits on a very small screen.
pub(super) fn sentence(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let asks = matches!(app.dialogs.top(), Some(Dialog::Price(_) | Dialog::Ask(_)));
    let said = if asks {
        "Make the window larger to see what is asked; n goes back.".to_owned()
    } else {
        format!(
            "{} running, {} waiting, {} failed. Too small for more: {} leaves.",
            app.jobs.count_of(View::Running),
            app.jobs.count_of(View::Waiting),
            app.jobs.count_of(View::Failed),
            app.options.keymap.named(Action::Quit)
        )
    };
    for (y, line) in (area.top()..area.bottom()).zip(wrap(&said, area.width)) {
        canvas.text(area.x, y, area.width, &line, canvas.styles.plain);
    }
}

fn size(pieces: &[Piece]) -> u16 {
    pieces.iter().map(|(text, _)| columns(text)).sum()
}

/// Two spaces between the items of the right-hand side.
fn joined(items: impl IntoIterator<Item = Pieces>) -> Pieces {
    let mut out = Pieces::new();
    for item in items.into_iter().filter(|item| !item.is_empty()) {
        if !out.is_empty() {
            out.push(("  ".to_owned(), ratatui::style::Style::new()));
        }
        out.extend(item);
    }
    out
}

/// Lays a line out: `slot` stands on the right whatever happens, `extra` beside it while there is room for all of the left
/// side, and of the left side as many items as fit, from the first on.
fn spread(canvas: &mut Canvas<'_>, y: u16, width: u16, left: &[Pieces], slot: Pieces, extra: Pieces) {
    let all: u16 = left.iter().map(|item| size(item)).sum();
    let with_extra = joined([extra, slot.clone()]);
    let right = if all + 2 + size(&with_extra) <= width { with_extra } else { slot };
    let taken = size(&right).min(width);
    let mut room = if taken == 0 { width } else { (width - taken).saturating_sub(2) };
    let mut x = 0;
    for item in left {
        let needed = size(item);
        if needed > room {
            break;
        }
        canvas.pieces(x, y, needed, item);
        x += needed;
        room -= needed;
    }
    canvas.pieces(width - taken, y, taken, &right);
}

pub(super) fn draw(canvas: &mut Canvas<'_>, layout: &Layout) {
    let width = layout.header.width;
    if layout.narrow {
        let alarms = alarms(canvas, width);
        let room = width.saturating_sub(size(&alarms) + 2 * u16::from(!alarms.is_empty()));
        let slot = joined([alarms, looking_at(canvas, room)]);
        let left = [name(canvas), in_flight(canvas), counts(canvas)].concat();
        return spread(canvas, 0, width, &left, slot, Pieces::new());
    }
    let left = [name(canvas), in_flight(canvas)].concat();
    let (slot, extra) = (alarms(canvas, width), role_and_connection(canvas));
    spread(canvas, 0, width, &left, slot, extra);
    let slot = looking_at(canvas, width);
    spread(canvas, 1, width, &money(canvas), slot, Pieces::new());
    if !canvas.app.screens.page().is_of_drafts() {
        tabs(canvas, layout.tabs);
    }
}

fn name(canvas: &Canvas<'_>) -> Vec<Pieces> {
    let (app, styles) = (canvas.app, canvas.styles);
    let mut out = vec![vec![("mj-enhance".to_owned(), styles.accent.add_modifier(styles.bold))]];
    if app.options.read_only {
        out.push(vec![(" read-only".to_owned(), styles.warn)]);
    }
    if app.options.demo {
        out.push(vec![(" demo".to_owned(), styles.warn)]);
    }
    if let Some(profile) = &app.options.profile {
        out.push(vec![(format!(" {}", text::shorten(&text::clean(profile), 20)), styles.plain)]);
    }
    out
}

fn in_flight(canvas: &Canvas<'_>) -> Vec<Pieces> {
    let styles = canvas.styles;
    let Some(status) = &canvas.app.status else { return vec![vec![("  starting".to_owned(), styles.dim)]] };
    let numbers = format!("{}/{}", status.in_flight, status.max_in_flight);
    vec![vec![("  in flight ".to_owned(), styles.dim), (numbers, styles.plain)]]
}

/// How many jobs there are of what matters most, where tabs have no room.
fn counts(canvas: &Canvas<'_>) -> Vec<Pieces> {
    let (app, styles) = (canvas.app, canvas.styles);
    let mut out = Vec::new();
    for (view, style) in
        [(View::Unsure, styles.warn), (View::Running, styles.plain), (View::Waiting, styles.plain), (View::Failed, styles.bad)]
    {
        let count = app.jobs.count_of(view);
        if count > 0 {
            out.push(vec![(format!(" {} {}", wording::short_count(count), view.short()), style)]);
        }
    }
    out
}

/// What keeps jobs from going on, in `width` columns if that can be.
fn alarms(canvas: &Canvas<'_>, width: u16) -> Pieces {
    let (app, styles) = (canvas.app, canvas.styles);
    let Some(status) = &app.status else { return Pieces::new() };
    let mut items = Vec::new();
    if let Some(why) = &status.paused {
        let why = match why {
            PauseReason::You => "",
            PauseReason::Price { .. } => ": new price",
            PauseReason::Login { .. } => ": key refused",
            PauseReason::Balance { .. } => ": balance or limit",
            PauseReason::Access { .. } => ": access refused",
            PauseReason::NoPrice { .. } => ": no price",
            PauseReason::Failures { .. } => ": jobs fail",
        };
        items.push(vec![(format!("PAUSED{why}"), styles.warn.add_modifier(styles.bold))]);
    } else if !status.waiting_for_go.is_empty() {
        let key = app.options.keymap.named(Action::Pause);
        items.push(vec![(format!("{} approved earlier · {key} sends", status.waiting_for_go.len()), styles.warn)]);
    }
    let wait = status.all_wait_until.filter(|until| *until > canvas.now);
    let wait = wait.map(|until| match until.duration_since(canvas.now).as_secs() + 1 {
        left if left < 60 && !app.options.slow_link => format!("{left} s"),
        left => wording::duration(left, app.options.slow_link),
    });
    let mut limited = None;
    match (&status.connection, wait) {
        (Connection::Down { since, .. }, wait) => {
            let minutes = wording::since(*since, canvas.now) / 60;
            let since = if minutes > 0 { format!(" {}", wording::minutes(minutes * 60)) } else { String::new() };
            let mut item = vec![(format!("offline{since}"), styles.bad)];
            item.extend(wait.map(|left| (format!(" · retry in {left}"), styles.warn)));
            items.push(item);
        }
        (_, Some(left)) => {
            limited = Some(items.len());
            items.push(vec![("rate-limited: ".to_owned(), styles.warn), (format!("next try in {left}"), styles.warn)]);
        }
        (_, None) => {}
    }
    if let Some(at) = limited.filter(|_| size(&joined(items.iter().cloned())) > width) {
        items[at].remove(0);
    }
    joined(items)
}

fn role_and_connection(canvas: &Canvas<'_>) -> Pieces {
    let styles = canvas.styles;
    let Some(status) = &canvas.app.status else { return Pieces::new() };
    let role = match &status.role {
        Role::Engine => ("engine here".to_owned(), styles.dim),
        Role::Screen { engine_pid: Some(pid) } => (format!("engine: pid {pid}"), styles.dim),
        Role::Screen { engine_pid: None } => ("no engine is running".to_owned(), styles.warn),
    };
    let connection = match &status.connection {
        // Another process asks the service; how its connection is, this one does not know.
        Connection::Unknown if matches!(status.role, Role::Screen { .. }) => Pieces::new(),
        Connection::Unknown => vec![("not asked yet".to_owned(), styles.dim)],
        Connection::Up if status.all_wait_until.is_none_or(|until| until <= canvas.now) => {
            vec![("connected".to_owned(), styles.good)]
        }
        Connection::Up | Connection::Down { .. } => Pieces::new(),
    };
    joined([vec![role], connection])
}

/// What the balance and the cap must cover to be no cause for worry: the dearest job that waits, else an enhance.
fn next_price(app: &App, status: &Status) -> Credits {
    let waiting = Model::ALL.into_iter().filter(|model| app.jobs.waiting(*model) > 0);
    waiting.map(|model| status.prices.of(model)).max().unwrap_or(status.prices.enhance)
}

fn money(canvas: &Canvas<'_>) -> Vec<Pieces> {
    let (app, styles) = (canvas.app, canvas.styles);
    let Some(status) = &app.status else { return Vec::new() };
    let mut balance = vec![("balance ".to_owned(), styles.dim)];
    match status.balance {
        Some(seen) => {
            let low = seen.amount < next_price(app, status);
            balance.push((seen.amount.to_string(), if low { styles.warn } else { styles.strong }));
            if let Some(age) = wording::age(seen.at, canvas.now) {
                balance.push((format!(" {age}"), styles.dim));
            }
        }
        None => balance.push(("not known".to_owned(), styles.dim)),
    }
    let mut today = vec![(" · today ".to_owned(), styles.dim), (status.spent.day.to_string(), styles.plain)];
    if let Some(cap) = status.caps.day {
        let near = status.spent.day + next_price(app, status) > cap;
        today.push((format!(" of {cap}"), if near { styles.warn } else { styles.dim }));
    }
    let mut out = vec![balance];
    if status.reserved.uc() != 0 {
        out.push(vec![(" · reserved ".to_owned(), styles.dim), (status.reserved.to_string(), styles.plain)]);
    }
    out.push(today);
    let unwatched = app.jobs.count(State::Unwatched);
    if unwatched > 0 {
        let count = format!("{} {}", wording::short_count(unwatched), State::Unwatched);
        out.push(vec![(" · ".to_owned(), styles.dim), (count, styles.dim)]);
    }
    out
}

/// What narrows, marks or orders the list, in at most `width` columns: the filter's text gives way.
fn looking_at(canvas: &Canvas<'_>, width: u16) -> Pieces {
    let (app, styles) = (canvas.app, canvas.styles);
    if app.screens.page() != Page::Jobs {
        return Pieces::new();
    }
    let view_filter = app.jobs.view_filter();
    let (mut filter, mut marks, mut order) = (Pieces::new(), Pieces::new(), Pieces::new());
    if app.jobs.marks().anchor().is_some() {
        marks.push(("range… ".to_owned(), styles.accent));
    }
    if !app.jobs.marks().is_empty() {
        marks.push((format!("{} marked", app.jobs.marks().len()), styles.accent.add_modifier(styles.bold)));
        let sum = wording::sum_of(app.jobs.marked(), app.status.as_ref().map(|status| &status.prices));
        marks.push((format!(", {sum}"), styles.plain));
        let hidden = app.jobs.marks_not_shown();
        if hidden > 0 {
            marks.push((format!(" ({} hidden)", wording::short_count(hidden)), styles.warn));
        }
    }
    if view_filter.sort != Sort::default() || view_filter.reverse {
        let way = if view_filter.reverse { "▼" } else { "▲" };
        order.push((format!("by {} {way}", view_filter.sort.word()), styles.plain));
    }
    if !app.jobs.filter().is_empty() && !matches!(app.dialogs.top(), Some(Dialog::Filter(_))) {
        let counts = format!(" {} of {}", app.jobs.order().len(), app.jobs.count_of(view_filter.view));
        let beside = [&marks, &order].into_iter().filter(|item| !item.is_empty()).map(|item| size(item) + 2).sum();
        let room = usize::from(width.saturating_sub(beside).min(width / 2).saturating_sub(columns(&counts) + 1)).max(3);
        filter.push((format!("/{}", text::shorten(app.jobs.filter(), room)), styles.accent.add_modifier(styles.bold)));
        filter.push((counts, styles.plain));
    }
    joined([filter, marks, order])
}

/// How the tabs are written, from the roomiest to the tightest; every one names every tab.
#[derive(Clone, Copy)]
struct TabForm {
    word: fn(View) -> &'static str,
    gap: u16,
    /// Every tab keeps room for the largest count there can be, so that counting jobs does not move the others.
    steady: bool,
}

const TAB_FORMS: [TabForm; 6] = [
    TabForm { word: View::word, gap: 3, steady: true },
    TabForm { word: View::short, gap: 2, steady: true },
    TabForm { word: View::short, gap: 2, steady: false },
    TabForm { word: View::short, gap: 1, steady: false },
    TabForm { word: View::shortest, gap: 1, steady: false },
    TabForm { word: |_| "", gap: 1, steady: false },
];

/// `10+2` for what waits and what is held.
fn tab_count(canvas: &Canvas<'_>, view: View) -> String {
    let jobs = &canvas.app.jobs;
    let held = jobs.count(State::Held);
    if view == View::Waiting && held > 0 {
        return format!("{}+{}", wording::short_count(jobs.count(State::Waiting)), wording::short_count(held));
    }
    wording::short_count(jobs.count_of(view))
}

/// The key of a tab as it is now; empty where it has none.
fn tab_key(app: &App, view: View) -> String {
    let action = match view {
        View::All => Action::ViewAll,
        View::Waiting => Action::ViewWaiting,
        View::Running => Action::ViewRunning,
        View::ToFetch => Action::ViewToFetch,
        View::Saved => Action::ViewSaved,
        View::Failed => Action::ViewFailed,
        View::Unsure => Action::ViewUnsure,
    };
    app.options.keymap.shown(action).unwrap_or_default()
}

/// The tabs with their places: for drawing, and for the mouse.
fn tab_places(canvas: &Canvas<'_>, width: u16) -> (TabForm, Vec<(View, u16, u16)>) {
    let most = columns(&wording::short_count(canvas.app.jobs.count_of(View::All))).max(2);
    let size = |form: &TabForm, view: View| {
        let steady = if view == View::Waiting { most * 2 + 1 } else { most };
        let count = columns(&tab_count(canvas, view)).max(if form.steady { steady } else { 0 });
        let (key, word) = (columns(&tab_key(canvas.app, view)), columns((form.word)(view)));
        key + u16::from(key > 0 && word > 0) + word + 1 + count
    };
    let total = |form: &TabForm| View::ALL.iter().map(|view| size(form, *view)).sum::<u16>() + form.gap * 6;
    let form = TAB_FORMS.into_iter().find(|form| total(form) <= width).unwrap_or(TAB_FORMS[5]);
    let mut x = 0;
    let mut places = Vec::new();
    for view in View::ALL {
        let wide = size(&form, view);
        places.push((view, x, wide));
        x += wide + form.gap;
    }
    (form, places)
}

fn tabs(canvas: &mut Canvas<'_>, area: Rect) {
    let (app, styles) = (canvas.app, canvas.styles);
    let (form, places) = tab_places(canvas, area.width);
    for (view, x, _) in places {
        let open = app.jobs.view_filter().view == view && app.screens.page() == Page::Jobs;
        let none = app.jobs.count_of(view) == 0;
        let count = match view {
            _ if none => styles.dim,
            View::Failed => styles.bad.add_modifier(styles.bold),
            View::Unsure => styles.warn.add_modifier(styles.bold),
            _ => styles.strong,
        };
        let word = (form.word)(view);
        let key = tab_key(app, view);
        let label = if key.is_empty() || word.is_empty() { word.to_owned() } else { format!(" {word}") };
        let mut pieces = vec![(key, styles.accent.add_modifier(styles.bold))];
        pieces.push((label, if none { styles.dim } else { styles.plain }));
        // A hyphen in its place would make a minus of it.
        let bound = if canvas.ascii { ":" } else { "·" };
        pieces.push((format!("{bound}{}", tab_count(canvas, view)), count));
        if open {
            for piece in &mut pieces {
                piece.1 = styles.chosen;
            }
        }
        canvas.pieces(area.x + x, area.y, area.width.saturating_sub(x), &pieces);
    }
}

/// The view whose tab stands in a column.
pub(super) fn tab_at(canvas: &Canvas<'_>, width: u16, column: u16) -> Option<View> {
    let (_, places) = tab_places(canvas, width);
    places.into_iter().find(|(_, x, wide)| (*x..x + wide).contains(&column)).map(|(view, ..)| view)
}
