//! Pictures: which are shown, and the keys of their screens.

use jiff::Timestamp;

use super::super::app::App;
use super::super::effect::{Effect, SessionEffect};
use super::super::keymap::Action;
use super::super::layout::Page;
use super::super::messages::LoggedEvent;
use super::super::pictures::{Ask, PictureSetting, words};
use super::super::view;
use super::super::wording;
use super::Effects;
use crate::engine::Level;
use crate::job::ImageNumber;
use crate::preview::{Finished, Way};

impl App {
    /// Asks for what the screen wants to show and does not have.
    pub(super) fn settle_pictures(&mut self, now: Timestamp, effects: &mut Effects) {
        let wants = view::picture_wants(self, now);
        if !wants.is_empty() {
            let known = self.pictures.chosen().is_some();
            match self.pictures.detect() {
                Some(Ask::Tmux) => effects.push(Effect::Session(SessionEffect::InspectTmux)),
                Some(Ask::Terminal) => effects.push(Effect::AskAboutPictures),
                None if !known => self.way_is_known(now),
                None => {}
            }
        }
        if let Some(requests) = self.pictures.settle(&wants, now) {
            effects.push(Effect::Session(SessionEffect::Pictures(requests)));
        }
    }

    /// Says what is to be said about the way that was just found.
    pub(super) fn way_is_known(&mut self, now: Timestamp) {
        self.dirty = true;
        let Some(chosen) = self.pictures.chosen() else { return };
        if let Some(said) = words::remark(chosen) {
            // On a screen of pictures their boxes say it, and the title that a message would cover says which they are.
            let is_in_boxes = chosen.way.is_none() && self.screens.page().is_picture();
            let level = if is_in_boxes { Level::Info } else { Level::Warning };
            self.messages.log(LoggedEvent { at: now, level, job: None, text: said });
            return;
        }
        let options = self.pictures.options();
        let (over_ssh, budget) = (options.over_ssh, options.budget);
        if over_ssh && chosen.way.is_some() && !self.pictures.told {
            let way = words::way(chosen.way);
            let most = if chosen.way == Some(Way::Blocks) { budget.min(12_000) } else { budget };
            let most = wording::bytes(most as u64);
            self.pictures.told = true;
            self.say(Level::Info, format!("a picture takes up to {most} over this line ({way}); picture_bytes makes it less"));
        }
    }

    /// A picture is ready, or cannot be shown.
    pub(super) fn take_picture(&mut self, finished: Finished) {
        self.dirty |= self.pictures.take(finished);
    }

    /// The terminal answered a picture with an error.
    pub(super) fn picture_refused(&mut self, now: Timestamp, why: &str, last: bool) {
        if last {
            self.pictures.refused(why);
            self.way_is_known(now);
        }
    }

    /// `i`: pictures in the details, on or off.
    pub(super) fn toggle_pictures(&mut self) {
        let on = !self.pictures.in_details;
        self.pictures.in_details = on;
        if on && !self.screens.details_open() {
            self.screens.open_details();
        }
        if !on {
            self.say(Level::Info, "pictures are off");
        } else if let Some(said) = self.pictures.chosen().and_then(words::remark) {
            self.say(Level::Warning, said);
        }
    }

    /// `z` and `c`: opens the screen, or goes back from it.
    pub(super) fn go_to_picture(&mut self, page: Page) {
        if self.screens.page().is_of_drafts() {
            self.begin_with_draft_picture(page);
        }
        self.screens.go_to_picture(page);
    }

    /// The picture to begin with: in the comparison the first that was enhanced, else the first that was chosen, else 0.
    fn begin_with_draft_picture(&mut self, page: Page) {
        let Some(draft) = self.drafts.selected() else { return };
        let enhanced = draft.children.iter().map(|child| child.image).min().filter(|_| page == Page::Compare);
        let first = enhanced.or_else(|| self.drafts.chosen(&draft.task).first().copied());
        self.screens.show_draft_picture(first.unwrap_or(ImageNumber::ALL[0]));
        self.screens.show_picture(0);
    }

    /// `i` on drafts and sheet: their pictures, on or off.
    pub(super) fn toggle_draft_pictures(&mut self, on_sheet: bool) {
        let switch = if on_sheet { &mut self.pictures.off_on_sheet } else { &mut self.pictures.in_details };
        *switch = !*switch;
        let on = *switch != on_sheet;
        if !on {
            self.say(Level::Info, "pictures are off");
        } else if let Some(said) = self.pictures.chosen().and_then(words::remark) {
            self.say(Level::Warning, said);
        } else if !on_sheet && self.drafts.len() > 0 && !view::draft_pictures::has_room(self) {
            let key = self.options.keymap.named(Action::Full);
            self.say(Level::Info, format!("too small here for a strip of pictures; {key} shows one in full"));
        }
    }

    /// Walks through the pictures of the drafts, and on to the next draft.
    pub(super) fn step_draft_picture(&mut self, by: isize) {
        let last = ImageNumber::ALL.len() - 1;
        let at = usize::from(self.screens.draft_picture().get());
        let next = if let Some(next) = at.checked_add_signed(by).filter(|next| by.abs() == 1 && *next <= last) {
            next
        } else {
            let before = self.drafts.cursor_row();
            let row = before.saturating_add_signed(by).min(self.drafts.len().saturating_sub(1));
            self.drafts.select_row(row);
            match (row == before, by == -1) {
                (true, _) => at,
                (false, true) => last,
                (false, false) => 0,
            }
        };
        self.screens.show_draft_picture(ImageNumber::ALL[next]);
        self.screens.show_picture(0);
    }

    /// `Tab`: in the comparison one takes the place of the other; full, the next picture of the list or of the draft comes.
    pub(super) fn flip(&mut self) {
        match self.screens.page() {
            Page::Compare => self.screens.flip(),
            _ if self.screens.is_on_drafts() => {
                let next = (usize::from(self.screens.draft_picture().get()) + 1) % ImageNumber::ALL.len();
                self.screens.show_draft_picture(ImageNumber::ALL[next]);
            }
            _ => self.step(1),
        }
    }

    /// A digit: which result is shown; a picture of a draft is chosen for an enhance, or not any more.
    pub(super) fn choose_picture(&mut self, now: Timestamp, number: usize) {
        if self.screens.is_on_drafts() && self.screens.page() == Page::Full {
            let Some(image) = ImageNumber::ALL.get(number) else { return };
            self.screens.show_draft_picture(*image);
            self.toggle_choice(now, image.get());
            return;
        }
        let Some(job) = self.shown_job() else {
            self.say(Level::Info, "there is no result to choose from");
            return;
        };
        if number < job.files.len() {
            self.screens.show_picture(number);
        } else {
            let count = job.files.len();
            let said = match count {
                0 => "there is no result to choose from".to_owned(),
                1 => "there is one result: 0".to_owned(),
                count => format!("there are {count} results: 0 to {}", count - 1),
            };
            self.say(Level::Info, said);
        }
    }

    /// `:pictures WAY` tries another way at once.
    pub(super) fn take_way(&mut self, setting: PictureSetting) {
        self.pictures.set(setting);
        let key = self.options.keymap.named(Action::Pictures);
        let name = PictureSetting::ALL.iter().find(|(_, known)| *known == setting).map_or("auto", |(name, _)| name);
        let shown = self.pictures.in_details || self.screens.page().is_picture();
        let how = if shown { String::new() } else { format!("; {key} shows them") };
        self.say(Level::Info, format!("pictures: {name}{how}"));
    }
}
