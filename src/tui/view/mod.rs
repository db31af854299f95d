//! What is shown: a function of the app and the time.
//!
//! Only the rows that are visible are built. Nothing here changes the app.

mod canvas;
mod details;
mod dialogs;
mod fields;
mod header;
mod pages;
mod table;
mod wording;

use jiff::Timestamp;
use ratatui::Frame;

use super::app::App;
use super::layout::{Layout, Page};
use canvas::Canvas;

/// Draws the whole screen.
pub fn screen(app: &App, frame: &mut Frame<'_>, now: Timestamp) {
    let area = frame.area();
    let layout = Layout::of(area.width, area.height, app.screens.shows_details());
    let mut canvas = Canvas::new(app, frame.buffer_mut(), now);
    if layout.tiny {
        header::sentence(&mut canvas, area);
        return;
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
    }
    header::message(&mut canvas, &layout);
    header::footer(&mut canvas, &layout);
    dialogs::draw(&mut canvas, &layout);
    if let Some((x, y)) = canvas.cursor.filter(|(x, y)| *x < area.right() && *y < area.bottom()) {
        frame.set_cursor_position((x, y));
    }
}

/// Whether the box that asks has room for all it says.
pub(crate) fn asks_in_full(app: &App, now: Timestamp) -> bool {
    let layout = app.layout();
    let mut buffer = Buffer::empty(Rect::new(0, 0, app.size.0, app.size.1));
    !layout.tiny && dialogs::asks_in_full(&Canvas::new(app, &mut buffer, now), &layout)
}

/// How many lines the details of the selected job have.
pub(crate) fn details_height(app: &App) -> usize {
    let layout = app.screens.layout();
    details::height(app, layout.details.width)
}
