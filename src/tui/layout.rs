//! Where things stand on the screen: a function of its size and of what is open.

use ratatui::layout::Rect;

/// Which screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Page {
    #[default]
    Jobs,
    Events,
    Spending,
    /// The drafts of the account.
    Drafts,
    /// The contact sheet of a draft.
    Sheet,
    /// One picture, as large as the terminal allows.
    Full,
    /// What a result was made from, and the result.
    Compare,
}

impl Page {
    /// Whether it is about drafts.
    pub(crate) const fn is_of_drafts(self) -> bool {
        matches!(self, Self::Drafts | Self::Sheet)
    }

    /// Whether it shows pictures and little else.
    pub(crate) const fn is_picture(self) -> bool {
        matches!(self, Self::Full | Self::Compare)
    }
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
    /// The last few events, below the list; may be empty. The line above it names it.
    pub activity: Rect,
    /// A thin line above the message; may be empty.
    pub rule: Rect,
    pub message: Rect,
    pub footer: Rect,
}

/// Lines of activity on a big screen.
const ACTIVITY: u16 = 5;

/// Whether the details open beside the list by themselves, and the last events have room.
pub(crate) fn is_big(width: u16, height: u16) -> bool {
    width >= 100 && height >= 30
}

impl Layout {
    /// `jobs`: how many rows the list has, where it is shown.
    pub(crate) fn of(width: u16, height: u16, jobs: Option<usize>, details_open: bool) -> Self {
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
            activity: nothing,
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
        if jobs.is_some() && is_big(width, height) {
            bottom -= ACTIVITY + 1;
            layout.activity = Rect::new(0, bottom + 1, width, ACTIVITY);
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
            } else if width >= 100 {
                // Wide enough for a whole task id beside its name.
                let side = (width * 7 / 20).clamp(40, 84);
                layout.beside = true;
                layout.list.width = width - side - 1;
                layout.details = Rect::new(width - side, body.y, side, body.height);
            } else {
                // What the list does not fill is for the details.
                let rows = jobs.and_then(|rows| u16::try_from(rows.saturating_add(1)).ok()).unwrap_or(u16::MAX);
                let below = (body.height * 11 / 20).max(body.height.saturating_sub(rows.max(4))).max(4);
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
