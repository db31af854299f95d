//! Which page is shown, what of it is scrolled, and how large the terminal is.

use std::sync::Arc;

use super::keymap::Contexts;
use super::layout::{self, Layout, Page};
use crate::engine::Details;
use crate::job::{ImageNumber, JobId};

#[derive(Debug)]
pub(crate) struct Screens {
    page: Page,
    size: (u16, u16),
    focused: bool,
    /// The terminal said that its background is light.
    light_background: bool,
    mouse: bool,
    /// Nothing large opens automatically.
    slow_link: bool,
    /// Whether the user opened or closed the details; where neither, a big screen shows them.
    details_wanted: Option<bool>,
    in_details: bool,
    /// The last response is unfolded.
    raw_open: bool,
    details_scroll: usize,
    details: Option<(JobId, Arc<Details>)>,
    /// The job, and its revision, whose details were asked for last.
    details_asked: Option<(JobId, u64)>,
    events_filter: String,
    page_scroll: usize,
    /// Where one came from to a picture.
    before: Page,
    /// Which of the results of a job is shown, and of which job.
    picture_number: usize,
    /// Which picture of a draft is shown.
    draft_picture: ImageNumber,
    /// One picture stands in the place of the other.
    flipped: bool,
}

impl Screens {
    pub(crate) fn new(mouse: bool, slow_link: bool) -> Self {
        Self {
            page: Page::Jobs,
            size: (80, 24),
            focused: true,
            light_background: false,
            mouse,
            slow_link,
            details_wanted: None,
            in_details: false,
            raw_open: false,
            details_scroll: 0,
            details: None,
            details_asked: None,
            events_filter: String::new(),
            page_scroll: 0,
            before: Page::Jobs,
            picture_number: 0,
            draft_picture: ImageNumber::ALL[0],
            flipped: false,
        }
    }

    pub(crate) fn page(&self) -> Page {
        self.page
    }

    /// Opens a page, or closes it if it is open.
    pub(crate) fn go_to(&mut self, page: Page) {
        self.page = if self.page == page { Page::Jobs } else { page };
        self.in_details = false;
        self.page_scroll = 0;
    }

    /// Opens the screen of a picture, goes from one to the other, or back to where one came from.
    pub(crate) fn go_to_picture(&mut self, page: Page) {
        if self.page == page {
            self.leave_picture();
            return;
        }
        if !self.page.is_picture() {
            self.before = self.page;
        }
        (self.page, self.flipped) = (page, false);
    }

    /// Back from a picture.
    pub(crate) fn leave_picture(&mut self) {
        self.page = self.before;
        self.flipped = false;
    }

    /// Which result of the job is shown.
    pub(crate) fn picture_number(&self) -> usize {
        self.picture_number
    }

    pub(crate) fn show_picture(&mut self, number: usize) {
        self.picture_number = number;
    }

    /// Which picture of the draft is shown.
    pub(crate) fn draft_picture(&self) -> ImageNumber {
        self.draft_picture
    }

    pub(crate) fn show_draft_picture(&mut self, image: ImageNumber) {
        self.draft_picture = image;
    }

    /// Whether the drafts are shown, or a picture that was opened from them.
    pub(crate) fn is_on_drafts(&self) -> bool {
        self.page.is_of_drafts() || (self.page.is_picture() && self.before.is_of_drafts())
    }

    pub(crate) fn is_flipped(&self) -> bool {
        self.flipped
    }

    pub(crate) fn flip(&mut self) {
        self.flipped = !self.flipped;
    }

    pub(crate) fn size(&self) -> (u16, u16) {
        self.size
    }

    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        self.size = (width, height);
    }

    pub(crate) fn is_focused(&self) -> bool {
        self.focused
    }

    pub(crate) fn set_focused(&mut self, focused: bool) {
        self.focused = focused;
    }

    pub(crate) fn light_background(&self) -> bool {
        self.light_background
    }

    pub(crate) fn set_light_background(&mut self, light: bool) {
        self.light_background = light;
    }

    pub(crate) fn mouse_is_on(&self) -> bool {
        self.mouse
    }

    /// Switches the mouse; whether it is on now.
    pub(crate) fn toggle_mouse(&mut self) -> bool {
        self.mouse = !self.mouse;
        self.mouse
    }

    /// Where things stand, with so many rows in the list.
    pub(crate) fn layout(&self, rows: usize) -> Layout {
        Layout::of(self.size.0, self.size.1, (self.page == Page::Jobs).then_some(rows), self.shows_details())
    }

    /// Where keys go now.
    pub(crate) fn context(&self) -> Contexts {
        match self.page {
            Page::Events => Contexts::EVENTS,
            Page::Spending => Contexts::SPENDING,
            Page::Drafts => Contexts::DRAFTS,
            Page::Sheet => Contexts::SHEET,
            Page::Full | Page::Compare => Contexts::PICTURE,
            Page::Jobs if self.in_details() => Contexts::DETAILS,
            Page::Jobs => Contexts::LIST,
        }
    }

    /// Whether the details are on the screen.
    pub(crate) fn shows_details(&self) -> bool {
        self.details_open() && self.page == Page::Jobs
    }

    pub(crate) fn details_open(&self) -> bool {
        self.details_wanted.unwrap_or(!self.slow_link && layout::is_big(self.size.0, self.size.1))
    }

    /// Whether the details are open because the user said so: then a step back closes them.
    pub(crate) fn details_were_opened(&self) -> bool {
        self.details_wanted == Some(true)
    }

    /// Whether keys go to the details.
    pub(crate) fn in_details(&self) -> bool {
        self.in_details && self.details_open()
    }

    /// Opens the details; where they are open, or the list has no room beside them, the keys go to them; in them, the last
    /// response is unfolded or folded.
    pub(crate) fn open_details(&mut self) {
        if self.in_details() {
            self.raw_open = !self.raw_open;
            return;
        }
        self.in_details |= self.details_open();
        self.details_wanted = Some(true);
        let list = self.layout(usize::MAX).list;
        self.in_details |= list.width == 0 || list.height == 0;
    }

    pub(crate) fn close_details(&mut self) {
        self.in_details = false;
        self.details_wanted = Some(false);
    }

    /// Whether the last response is unfolded.
    pub(crate) fn raw_open(&self) -> bool {
        self.raw_open
    }

    /// Keys go to the list again.
    pub(crate) fn leave_details(&mut self) {
        self.in_details = false;
    }

    pub(crate) fn next_pane(&mut self) {
        if self.shows_details() {
            self.in_details = !self.in_details;
        }
    }

    pub(crate) fn details_scroll(&self) -> usize {
        self.details_scroll
    }

    pub(crate) fn scroll_details(&mut self, to: usize) {
        self.details_scroll = to;
    }

    /// What is known of a job beyond its row.
    pub(crate) fn details_of(&self, id: JobId) -> Option<&Details> {
        self.details.as_ref().filter(|(known, _)| *known == id).map(|(_, details)| details.as_ref())
    }

    pub(crate) fn take_details(&mut self, id: JobId, details: Arc<Details>) {
        self.details = Some((id, details));
    }

    /// Whether the details of a job have to be asked for; from now on they count as asked for.
    pub(crate) fn ask_for(&mut self, id: JobId, revision: u64) -> bool {
        if self.details_asked == Some((id, revision)) {
            return false;
        }
        if self.details_asked.is_none_or(|(asked, _)| asked != id) {
            self.details_scroll = 0;
        }
        self.details_asked = Some((id, revision));
        true
    }

    pub(crate) fn events_filter(&self) -> &str {
        &self.events_filter
    }

    pub(crate) fn filter_events(&mut self, text: String) {
        self.events_filter = text;
        self.page_scroll = 0;
    }

    pub(crate) fn page_scroll(&self) -> usize {
        self.page_scroll
    }

    pub(crate) fn scroll_page(&mut self, to: usize) {
        self.page_scroll = to;
    }
}
