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
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::app::{App, Page};
use canvas::Canvas;

pub(crate) use table::COLUMN_NAMES;

/// Draws the whole screen.
pub fn screen(app: &App, frame: &mut Frame<'_>, now: Timestamp) {
    let area = frame.area();
    let layout = Layout::of(area.width, area.height, app);
    let mut canvas = Canvas::new(app, frame.buffer_mut(), now);
    if layout.tiny {
        header::sentence(&mut canvas, area);
        return;
    }
    header::draw(&mut canvas, &layout);
    match app.page {
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
    let layout = app.layout();
    details::height(app, layout.details.width)
}

/// Where things stand on the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// Too small for anything but a sentence.
    pub tiny: bool,
    /// One column: no money line, no tabs, no column titles.
    pub narrow: bool,
    pub header: Rect,
    pub tabs: Rect,
    /// All between header and message.
    pub body: Rect,
    /// Column titles and rows.
    pub list: Rect,
    pub details: Rect,
    /// The details stand beside the list.
    pub beside: bool,
    /// A thin line above the message; may be empty.
    pub rule: Rect,
    pub message: Rect,
    pub footer: Rect,
}

impl Layout {
    pub(crate) fn of(width: u16, height: u16, app: &App) -> Self {
        let nothing = Rect::ZERO;
        let line = |y: u16| Rect::new(0, y, width, 1);
        let mut layout = Self {
            tiny: width < 30 || height < 6,
            narrow: width < 60 || height < 15,
            header: nothing,
            tabs: nothing,
            body: nothing,
            list: nothing,
            details: nothing,
            beside: false,
            rule: nothing,
            message: nothing,
            footer: nothing,
        };
        if layout.tiny {
            return layout;
        }
        layout.footer = line(height - 1);
        layout.message = line(height - 2);
        let mut bottom = height - 2;
        if height >= 20 {
            bottom -= 1;
            layout.rule = line(bottom);
        }
        let top = if layout.narrow { 1 } else { 3 };
        layout.header = Rect::new(0, 0, width, if layout.narrow { 1 } else { 2 });
        if !layout.narrow {
            layout.tabs = line(2);
        }
        layout.body = Rect::new(0, top, width, bottom - top);
        layout.list = layout.body;
        if app.page == Page::Jobs && app.details_open {
            let body = layout.body;
            if layout.narrow {
                layout.details = body;
                layout.list = nothing;
            } else if width >= 110 {
                let side = (width * 2 / 5).clamp(44, 72);
                layout.beside = true;
                layout.list.width = width - side - 1;
                layout.details = Rect::new(width - side, body.y, side, body.height);
            } else {
                let below = (body.height * 11 / 20).max(4);
                layout.list.height = body.height - below;
                layout.details = Rect::new(0, body.bottom() - below, width, below);
            }
        }
        layout
    }

    /// The first line of the rows.
    pub(crate) fn first_row(&self) -> u16 {
        self.list.y + u16::from(!self.narrow)
    }

    /// How many rows have room.
    pub(crate) fn rows(&self) -> usize {
        usize::from(self.list.height.saturating_sub(u16::from(!self.narrow)))
    }
}
