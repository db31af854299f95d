//! Where things stand on the screen: a function of its size and of what is open.

use ratatui::layout::Rect;

/// Which screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Page {
    #[default]
    Jobs,
    Events,
    Spending,
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
    pub(crate) fn of(width: u16, height: u16, details_open: bool) -> Self {
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
        if details_open {
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
