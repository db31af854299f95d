//! The table: every action with its name, places, keys, words and kind.

use super::Key;

/// A set of places where a key can be pressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Contexts(u8);

impl Contexts {
    /// The table of jobs.
    pub const LIST: Self = Self(1);
    /// The details of a job.
    pub const DETAILS: Self = Self(2);
    /// The events.
    pub const EVENTS: Self = Self(4);
    /// The spending screen.
    pub const SPENDING: Self = Self(8);
    /// The drafts.
    pub const DRAFTS: Self = Self(16);
    /// The contact sheet of a draft.
    pub const SHEET: Self = Self(32);
    /// List and details.
    pub const JOBS: Self = Self(3);
    /// List, drafts and contact sheet.
    pub const LIST_DRAFTS: Self = Self(49);
    /// List, details, drafts and contact sheet.
    pub const JOBS_DRAFTS: Self = Self(51);
    /// List, events and drafts.
    pub const LISTS: Self = Self(21);
    /// List and drafts.
    pub const ROWS: Self = Self(17);
    /// Drafts and contact sheet.
    pub const DRAFTING: Self = Self(48);
    /// Where Tab goes to the next pane.
    pub const PANES: Self = Self(31);
    /// A picture in full, or two compared.
    pub const PICTURE: Self = Self(64);
    /// List, details, drafts, contact sheet and pictures.
    pub const ALL_JOBS: Self = Self(115);
    /// All of them.
    pub const ALL: Self = Self(127);

    /// Whether two sets have a place in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The places in words.
    #[must_use]
    pub fn words(self) -> String {
        if self == Self::ALL {
            return "everywhere".to_owned();
        }
        let names = [
            (Self::LIST, "list"),
            (Self::DETAILS, "details"),
            (Self::EVENTS, "events"),
            (Self::SPENDING, "spending"),
            (Self::DRAFTS, "drafts"),
            (Self::SHEET, "sheet"),
            (Self::PICTURE, "picture"),
        ];
        names.iter().filter(|(place, _)| self.meets(*place)).map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// What an action may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ActionKind {
    /// Looks, or asks for what costs nothing.
    Free,
    /// Changes something here that can be undone.
    Local,
    /// Leads to a box that asks, where something is at stake.
    Asks,
    /// Asks once a job was sent.
    AsksOnceSent,
    /// Asks for more than one job.
    AsksForSeveral,
    /// A new paid job; asks.
    Paid,
}

impl ActionKind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Local => "local",
            Self::Asks => "asks",
            Self::AsksOnceSent => "asks once a job was sent",
            Self::AsksForSeveral => "asks for more than one",
            Self::Paid => "**paid**, asks",
        }
    }
}

/// A heading of the help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// Acts on jobs.
    Jobs,
    /// Making drafts and choosing of them.
    Drafts,
    /// Order and speed of sending.
    Queue,
    /// Price, caps, spending.
    Money,
    /// Pictures and where they are.
    Results,
    /// Which jobs are shown.
    View,
    /// Which jobs acts are for.
    Mark,
    /// Getting about.
    Move,
    /// The dashboard itself.
    Program,
}

impl Group {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 9] =
        [Self::Jobs, Self::Drafts, Self::Queue, Self::Money, Self::Results, Self::View, Self::Mark, Self::Move, Self::Program];

    /// The heading.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Drafts => "drafts",
            Self::Queue => "queue",
            Self::Money => "money",
            Self::Results => "results",
            Self::View => "list",
            Self::Mark => "marks",
            Self::Move => "moving",
            Self::Program => "dashboard",
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// The action.
    pub action: Action,
    /// Its name under `[keys]` and in the command line.
    pub name: &'static str,
    /// Where its keys count.
    pub places: Contexts,
    /// Its default keys, parted by spaces, in the form of the file.
    pub keys: &'static str,
    /// What it does, for the help.
    pub help: &'static str,
    /// Its word in the footer, and how important it is there (1 is first, 0 is never).
    pub hint: (&'static str, u8),
    /// Under which heading the help shows it.
    pub group: Group,
    /// What it may do.
    pub kind: ActionKind,
}

impl Row {
    /// The default keys.
    #[must_use]
    pub fn default_keys(&self) -> Vec<Key> {
        self.keys.split_whitespace().filter_map(|key| key.parse().ok()).collect()
    }
}

macro_rules! actions {
    ($($action:ident $name:literal $places:ident $keys:literal $help:literal $hint:literal $weight:literal $group:ident $kind:ident;)*) => {
        /// Everything that can be done by key or by name.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Action {
            $(#[doc = $help] $action,)*
        }

        /// Every action, in the order of the help.
        pub const TABLE: &[Row] = &[
            $(Row {
                action: Action::$action,
                name: $name,
                places: Contexts::$places,
                keys: $keys,
                help: $help,
                hint: ($hint, $weight),
                group: Group::$group,
                kind: ActionKind::$kind,
            },)*
        ];
    };
}

actions! {
    Down "down" ALL "down j" "next row" "" 0 Move Free;
    Up "up" ALL "up k" "previous row" "" 0 Move Free;
    PageDown "page_down" ALL "pgdn ctrl+f" "a page down" "" 0 Move Free;
    PageUp "page_up" ALL "pgup ctrl+b" "a page up" "" 0 Move Free;
    HalfDown "half_page_down" ALL "ctrl+d" "half a page down" "" 0 Move Free;
    HalfUp "half_page_up" ALL "ctrl+u" "half a page up" "" 0 Move Free;
    Top "top" ALL "g home" "first row" "" 0 Move Free;
    Bottom "bottom" ALL "G end" "last row" "" 0 Move Free;
    Open "open" JOBS "enter right l" "open the details" "details" 50 Move Free;
    Back "back" ALL "left h" "back to the list" "back" 41 Move Free;
    NextPane "next_pane" PANES "tab" "next pane" "" 0 Move Free;
    PreviousPane "previous_pane" PANES "shift+tab" "previous pane" "" 0 Move Free;
    ViewAll "view_all" LIST "1" "all jobs" "" 0 View Free;
    ViewWaiting "view_waiting" LIST "2" "held and waiting jobs" "" 0 View Free;
    ViewRunning "view_running" LIST "3" "jobs being sent or running" "" 0 View Free;
    ViewToFetch "view_to_fetch" LIST "4" "finished jobs still to download" "" 0 View Free;
    ViewSaved "view_saved" LIST "5" "saved jobs" "" 0 View Free;
    ViewFailed "view_failed" LIST "6" "failed jobs" "" 0 View Free;
    ViewUnsure "view_unsure" LIST "7" "unsure jobs" "" 0 View Free;
    Filter "filter" LISTS "/" "filter as you type" "filter" 60 View Free;
    Sort "sort" LIST "s" "choose the order" "sort" 75 View Free;
    SortReverse "sort_reverse" LIST "S" "reverse the order" "" 0 View Free;
    Columns "columns" LIST "C" "choose the columns" "" 0 View Free;
    Mark "mark" ROWS "space" "mark, and step down" "mark" 65 Mark Free;
    MarkRange "mark_range" LIST "V" "start or end a range" "" 0 Mark Free;
    MarkAll "mark_all" ROWS "A" "mark all shown, or none" "mark all" 76 Mark Free;
    MarkInvert "mark_invert" LIST "*" "invert the marks of what is shown" "" 0 Mark Free;
    MarkQuery "mark_query" LIST "" "mark what a query finds" "" 0 Mark Free;
    Unmark "unmark" LIST "" "clear all marks" "" 0 Mark Free;
    Add "add" LIST "a" "add jobs (shows the price)" "add" 20 Jobs Asks;
    NewDrafts "new_drafts" LIST_DRAFTS "n" "new drafts (shows the price)" "new drafts" 58 Drafts Asks;
    NewFrom "new_from" JOBS_DRAFTS "N" "new drafts from this prompt" "new from this" 48 Drafts Asks;
    Drafts "drafts" JOBS_DRAFTS "v" "drafts of the account, or back" "drafts" 57 Drafts Free;
    Sheet "sheet" DRAFTS "enter right l" "the contact sheet" "choose" 7 Move Free;
    Choose0 "choose_0" SHEET "0" "choose the picture, or not" "choose" 6 Drafts Free;
    Choose1 "choose_1" SHEET "1" "choose picture 1, or not" "" 0 Drafts Free;
    Choose2 "choose_2" SHEET "2" "choose picture 2, or not" "" 0 Drafts Free;
    Choose3 "choose_3" SHEET "3" "choose picture 3, or not" "" 0 Drafts Free;
    ChooseAll "choose_all" SHEET "A" "choose all pictures, or none" "all" 9 Drafts Free;
    Enhance "enhance" SHEET "a" "enhance what is chosen (price)" "enhance" 8 Drafts Asks;
    NextDraft "next_draft" SHEET "tab" "next draft" "next" 22 Move Free;
    PreviousDraft "previous_draft" SHEET "shift+tab" "previous draft" "" 0 Move Free;
    Note "note" DRAFTING "t" "tag of the draft and its enhances" "tag" 66 Drafts Local;
    Hide "hide" DRAFTING "D" "hide the draft; files stay" "hide" 40 Drafts Local;
    Hold "hold" JOBS "p" "hold, or release with its price" "hold" 30 Jobs Asks;
    Cancel "cancel" JOBS "x" "cancel what was not sent, stop watching what was, give up what is unsure" "cancel" 32 Jobs AsksOnceSent;
    RunAgain "run_again" JOBS_DRAFTS "R" "run again (new paid job)" "run again" 18 Jobs Paid;
    Watch "watch" JOBS "w" "watch again; unsure: choose its task" "watch" 14 Jobs Free;
    Remove "remove" LIST "D" "remove from the list; files stay" "remove" 40 Jobs AsksForSeveral;
    Tag "tag" LIST "t" "tag" "tag" 66 Jobs Local;
    Undo "undo" ALL "u" "undo the last local act; stop a send" "undo" 10 Jobs Local;
    Later "later" LIST "J" "later in the queue" "later" 81 Queue Local;
    Earlier "earlier" LIST "K" "earlier in the queue" "earlier" 80 Queue Local;
    ToFront "to_front" LIST "T" "to the front of the queue" "" 0 Queue Local;
    ToBack "to_back" LIST "B" "to the end of the queue" "" 0 Queue Local;
    More "more_in_flight" LIST "+" "more jobs in flight" "" 0 Queue Local;
    Fewer "fewer_in_flight" LIST "-" "fewer jobs in flight" "" 0 Queue Local;
    Pause "pause" ALL "P" "pause sending, or resume with its price" "resume" 12 Money Asks;
    Spending "spending" ALL "$" "spending and caps" "spending" 84 Money Free;
    EditCaps "caps" SPENDING "c" "change the caps" "caps" 21 Money Local;
    Pictures "pictures" JOBS_DRAFTS "i" "pictures in details, drafts or sheet, on or off; :pictures WAY tries another way" "pictures" 58 Results Free;
    Full "full" ALL_JOBS "z" "the picture in full, or back" "full" 57 Results Free;
    Compare "compare" ALL_JOBS "c" "compare a result with its draft, or back" "compare" 59 Results Free;
    Flip "flip" PICTURE "tab" "flip the two; in full: the next" "flip" 20 Results Free;
    Picture0 "picture_0" PICTURE "0" "the first result" "which result" 21 Results Free;
    Picture1 "picture_1" PICTURE "1" "the second result" "" 0 Results Free;
    Picture2 "picture_2" PICTURE "2" "the third result" "" 0 Results Free;
    Picture3 "picture_3" PICTURE "3" "the fourth result" "" 0 Results Free;
    Keep "keep" PICTURE "f" "keep the result, or not any more (a favourite; verdict:kept finds it)" "keep" 30 Results Local;
    Reject "reject" PICTURE "b" "reject the result, or not any more (verdict:rejected finds it)" "reject" 31 Results Local;
    Fetch "fetch" ALL_JOBS "d" "fetch now" "fetch" 16 Results Free;
    Show "show" ALL_JOBS "o" "path, link and scp line as plain lines" "where" 55 Results Free;
    CopyId "copy_id" ALL_JOBS "y" "copy the task id" "" 0 Results Free;
    CopyMenu "copy_menu" ALL_JOBS "Y" "copy path, link, scp line or JSON" "copy" 72 Results Free;
    Export "export" SPENDING "E" "export the shown jobs as CSV or JSON" "export" 22 Results Free;
    Ask "ask" ALL "r ctrl+r" "refresh now" "refresh" 70 Program Free;
    Events "events" ALL "e" "events" "events" 85 Program Free;
    Command "command" ALL ":" "every action by name" "command" 90 Program Free;
    Help "help" ALL "? f1" "all keys" "help" 5 Program Free;
    Mouse "mouse" ALL "M" "mouse on or off" "" 0 Program Free;
    Escape "escape" ALL "esc" "one step back, never quits" "" 0 Program Free;
    Quit "quit" ALL "q" "back; at the top: leave" "leave" 95 Program Free;
    Leave "leave" ALL "ctrl+c" "leave; never cancels jobs" "" 0 Program Free;
    Redraw "redraw" ALL "ctrl+l" "redraw" "" 0 Program Free;
    Suspend "suspend" ALL "ctrl+z" "suspend; fg resumes" "" 0 Program Free;
}

impl Action {
    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        // The table is made from the same list as the variants, in the same order.
        &TABLE[self as usize]
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Other words that people look for it by.
    #[must_use]
    pub const fn synonyms(self) -> &'static [&'static str] {
        match self {
            Self::RunAgain => &["retry", "rerun", "restart", "repeat", "redo"],
            Self::Remove => &["delete", "clear", "prune", "hide"],
            Self::Spending => &["cost", "budget", "money", "price", "balance", "limit", "cap", "credits"],
            Self::EditCaps => &["budget", "limit", "cost"],
            Self::Pictures => &["image", "preview", "thumbnail", "show"],
            Self::Full => &["zoom", "image", "preview", "view"],
            Self::Keep => &["favourite", "favorite", "star", "like", "good", "verdict"],
            Self::Reject => &["bad", "bin", "dislike", "verdict"],
            Self::Compare => &["image", "before", "after", "diff", "side"],
            Self::Flip => &["toggle", "swap"],
            Self::Fetch => &["download", "get", "save"],
            Self::Show => &["open", "file", "link", "url", "scp", "path", "download"],
            Self::CopyId | Self::CopyMenu => &["clipboard", "yank", "url"],
            Self::Quit | Self::Leave => &["exit", "quit", "close"],
            Self::Cancel => &["stop", "abort", "kill", "delete"],
            Self::Hold => &["pause", "approve", "confirm", "send", "unhold"],
            Self::Pause => &["stop", "approve", "confirm", "send", "continue", "unpause"],
            Self::Filter => &["search", "find"],
            Self::Sort => &["order"],
            Self::Ask => &["reload", "update", "poll"],
            Self::Add => &["enhance", "upscale", "paste", "queue"],
            Self::NewDrafts => &["prompt", "create", "imagine", "generate", "write"],
            Self::Drafts | Self::Sheet => &["gallery", "pictures", "preview", "choose"],
            Self::Choose0 | Self::Choose1 | Self::Choose2 | Self::Choose3 | Self::ChooseAll => &["pick", "select"],
            Self::Enhance => &["upscale", "send"],
            Self::Note => &["label", "name", "tag"],
            Self::Hide => &["remove", "delete"],
            Self::NewFrom => &["prompt", "edit", "vary", "change"],
            Self::ToFront => &["priority", "top", "first", "next"],
            Self::ToBack => &["last", "bottom"],
            Self::Mark | Self::MarkAll => &["select"],
            Self::More | Self::Fewer => &["concurrency", "parallel", "limit", "speed"],
            Self::Events => &["log", "history", "messages"],
            Self::Tag => &["label", "name"],
            Self::Export => &["csv", "json", "report"],
            _ => &[],
        }
    }

    /// The action with this name; hyphens and spaces count as underscores.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        TABLE.iter().find(|row| row.name == name).map(|row| row.action)
    }
}
