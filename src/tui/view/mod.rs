//! What is shown: a function of the app and the time.
//!
//! Only the rows that are visible are built. Nothing here changes the app.

mod ask;
mod canvas;
pub(crate) mod contact_sheet;
mod details;
mod dialogs;
pub(crate) mod draft_pictures;
mod drafts;
mod fields;
mod footer;
mod header;
mod help;
mod pages;
mod picture_pages;
pub(crate) mod pictures;
mod prompts;
mod sheet;
mod table;

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::app::App;
use super::dialogs::{Dialog, HelpDialog};
use super::job_list::{Sort, View};
use super::keymap::Action;
use super::layout::{Layout, Page};
use super::pictures::Want;
use super::terminal::pictures::Spot;
use canvas::Canvas;
pub(crate) use drafts::draft_rows;

/// Draws the whole screen; its pictures come back.
pub fn screen(app: &App, frame: &mut Frame<'_>, now: Timestamp) -> Vec<Spot> {
    let area = frame.area();
    let rows = (app.screens.page() == Page::Jobs).then(|| app.jobs.order().len());
    let layout = Layout::of(area.width, area.height, rows, app.screens.shows_details());
    let mut canvas = Canvas::new(app, frame.buffer_mut(), now);
    if layout.tiny {
        header::sentence(&mut canvas, area);
        return Vec::new();
    }
    if app.screens.page().is_picture() {
        picture_pages::page(&mut canvas, &layout);
        footer::message_over_picture(&mut canvas, &layout);
        footer::footer(&mut canvas, &layout);
        dialogs::draw(&mut canvas, &layout);
        return finish(canvas.into_parts(), frame);
    }
    header::draw(&mut canvas, &layout);
    match app.screens.page() {
        Page::Jobs => {
            table::draw(&mut canvas, &layout);
            if layout.details.height > 0 {
                details::draw(&mut canvas, &layout);
            }
        }
        Page::Events => pages::events(&mut canvas, layout.body),
        Page::Spending => pages::spending(&mut canvas, layout.body),
        Page::Drafts => drafts::draw(&mut canvas, &layout),
        Page::Sheet => contact_sheet::draw(&mut canvas, &layout),
        Page::Full | Page::Compare => {}
    }
    footer::activity(&mut canvas, &layout);
    footer::message(&mut canvas, &layout);
    footer::footer(&mut canvas, &layout);
    dialogs::draw(&mut canvas, &layout);
    finish(canvas.into_parts(), frame)
}

fn finish((cursor, spots): (Option<(u16, u16)>, Vec<Spot>), frame: &mut Frame<'_>) -> Vec<Spot> {
    let area = frame.area();
    if let Some((x, y)) = cursor.filter(|(x, y)| *x < area.right() && *y < area.bottom()) {
        frame.set_cursor_position((x, y));
    }
    spots
}

/// The pictures that the screen wants now.
pub(crate) fn picture_wants(app: &App, now: Timestamp) -> Vec<Want> {
    let places = match app.screens.page() {
        Page::Sheet => contact_sheet::pictures(app),
        Page::Drafts => draft_pictures::in_strip(app),
        _ => picture_pages::places(app, now),
    };
    places.into_iter().filter_map(|place| place.file.ok()).collect()
}

/// How many lines the details of the selected job have.
pub(crate) fn details_height(app: &App) -> usize {
    let layout = app.layout();
    details::height(app, &layout)
}

/// The furthest that the spending scrolls.
pub(crate) fn spending_last(app: &App, now: Timestamp) -> usize {
    let (layout, mut buffer) = offscreen(app);
    pages::spending_last(&Canvas::new(app, &mut buffer, now), layout.body)
}

/// Whether the box that asks has room for all it says.
pub(crate) fn asks_in_full(app: &App, now: Timestamp) -> bool {
    let (layout, mut buffer) = offscreen(app);
    !layout.tiny && ask::asks_in_full(&Canvas::new(app, &mut buffer, now), &layout)
}

/// What stands at a place of the screen, for the mouse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    Tab(View),
    Heading(Sort),
    /// A row of the list, counted from the first one shown.
    Row(usize),
    /// A row of the drafts, counted from the first one shown.
    Draft(usize),
    Details,
    /// A key of the footer.
    Key(Action),
    /// An entry of the menu on top.
    Item(usize),
}

/// What a click at this place is for.
pub(crate) fn target_at(app: &App, now: Timestamp, (x, y): (u16, u16)) -> Option<Target> {
    let (layout, mut buffer) = offscreen(app);
    if layout.tiny {
        return None;
    }
    let canvas = Canvas::new(app, &mut buffer, now);
    if let Some(top) = app.dialogs.top() {
        return match top {
            Dialog::Menu(menu) => dialogs::item_at(&canvas, &layout, menu, (x, y)).map(Target::Item),
            _ => None,
        };
    }
    let inside = |area: Rect| area.contains(Position::new(x, y));
    if inside(layout.footer) {
        return footer::action_at(&canvas, &layout, x).map(Target::Key);
    }
    if app.screens.page() == Page::Drafts && inside(layout.body) {
        return drafts::row_at(app, &layout, y).map(Target::Draft);
    }
    if inside(layout.tabs) && !app.screens.page().is_of_drafts() {
        return header::tab_at(&canvas, layout.tabs.width, x).map(Target::Tab);
    }
    if app.screens.page() != Page::Jobs {
        return None;
    }
    if inside(layout.details) {
        return Some(Target::Details);
    }
    if !inside(layout.list) {
        return None;
    }
    match y.checked_sub(layout.first_row()) {
        Some(row) => Some(Target::Row(usize::from(row))),
        None => table::heading_at(app, now, &layout, x).map(Target::Heading),
    }
}

fn offscreen(app: &App) -> (Layout, Buffer) {
    let (width, height) = app.screens.size();
    (app.layout(), Buffer::empty(Rect::new(0, 0, width, height)))
}

/// The furthest that the help scrolls.
pub(crate) fn help_last(app: &App, help: &HelpDialog) -> usize {
    let (layout, mut buffer) = offscreen(app);
    let styles = Canvas::new(app, &mut buffer, Timestamp::UNIX_EPOCH).styles;
    help::last(app, styles, ask::room(&layout), help)
}
