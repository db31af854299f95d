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
    /// List and details.
    pub const JOBS: Self = Self(3);
    /// List and events.
    pub const LISTS: Self = Self(5);
    /// All of them.
    pub const ALL: Self = Self(15);

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
        let names = [(Self::LIST, "list"), (Self::DETAILS, "details"), (Self::EVENTS, "events"), (Self::SPENDING, "spending")];
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
    /// Does nothing by itself but leads to a box that asks.
    Asks,
    /// A new paid command; asks.
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
            Self::Paid => "**paid**, asks",
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
    ($($action:ident $name:literal $places:ident $keys:literal $help:literal $hint:literal $weight:literal $kind:ident;)*) => {
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
                kind: ActionKind::$kind,
            },)*
        ];
    };
}

actions! {
    Down "down" ALL "down j" "next row" "" 0 Free;
    Up "up" ALL "up k" "previous row" "" 0 Free;
    PageDown "page_down" ALL "pgdn" "a page down" "" 0 Free;
    PageUp "page_up" ALL "pgup" "a page up" "" 0 Free;
    HalfDown "half_page_down" ALL "ctrl+d" "half a page down" "" 0 Free;
    HalfUp "half_page_up" ALL "ctrl+u" "half a page up" "" 0 Free;
    Top "top" ALL "g home" "first row" "" 0 Free;
    Bottom "bottom" ALL "G end" "last row" "" 0 Free;
    Open "open" JOBS "enter right l" "open the details" "details" 50 Free;
    Back "back" ALL "left h" "back to the list" "" 0 Free;
    NextPane "next_pane" ALL "tab" "next pane" "" 0 Free;
    PreviousPane "previous_pane" ALL "shift+tab" "previous pane" "" 0 Free;
    ViewAll "view_all" LIST "1" "all jobs" "" 0 Free;
    ViewWaiting "view_waiting" LIST "2" "held and waiting jobs" "" 0 Free;
    ViewRunning "view_running" LIST "3" "jobs on the wire or running" "" 0 Free;
    ViewToFetch "view_to_fetch" LIST "4" "jobs whose pictures are not here yet" "" 0 Free;
    ViewSaved "view_saved" LIST "5" "saved jobs" "" 0 Free;
    ViewFailed "view_failed" LIST "6" "failed jobs" "" 0 Free;
    ViewUnsure "view_unsure" LIST "7" "unsure jobs" "" 0 Free;
    Filter "filter" LISTS "/" "filter as you type; Esc clears" "filter" 60 Free;
    Sort "sort" LIST "s" "choose the order" "sort" 75 Free;
    SortReverse "sort_reverse" LIST "S" "turn the order round" "" 0 Free;
    Columns "columns" LIST "" "choose the columns" "" 0 Free;
    Mark "mark" LIST "space" "mark, and step down" "mark" 65 Free;
    MarkRange "mark_range" LIST "V" "mark a range: here begins or ends it" "" 0 Free;
    MarkAll "mark_all" LIST "A" "mark all shown, or none" "mark all" 76 Free;
    MarkInvert "mark_invert" LIST "*" "invert the marks of what is shown" "" 0 Free;
    MarkQuery "mark_query" LIST "" "mark what fits a query, as :mark state:failed" "" 0 Free;
    Unmark "unmark" LIST "" "take all marks away" "" 0 Free;
    Add "add" LIST "a" "add jobs; leads to the price box" "add" 20 Asks;
    Hold "hold" JOBS "p" "hold, or release with its price, this or the marked jobs" "hold" 30 Asks;
    Pause "pause" ALL "P" "pause sending, or go on with its price" "go on" 12 Asks;
    Later "later" LIST "J" "later in line" "later" 81 Local;
    Earlier "earlier" LIST "K" "earlier in line" "earlier" 80 Local;
    More "more_in_flight" LIST "+" "more jobs in flight" "" 0 Local;
    Fewer "fewer_in_flight" LIST "-" "fewer jobs in flight" "" 0 Local;
    Cancel "cancel" JOBS "x" "cancel what was not sent; stop watching what was; give up what is unsure" "cancel" 32 Asks;
    Watch "watch" JOBS "w" "watch again; for an unsure job: choose its task" "watch" 14 Free;
    Fetch "fetch" JOBS "d" "fetch the picture now" "fetch" 16 Free;
    Ask "ask" ALL "r ctrl+r" "ask the service now" "ask now" 70 Free;
    RunAgain "run_again" JOBS "R" "run again: a new paid wish" "run again" 18 Paid;
    Remove "remove" LIST "D" "remove from the list; files stay" "remove" 40 Asks;
    Undo "undo" ALL "u" "undo the last local act; stop a send in its grace period" "undo" 10 Local;
    CopyId "copy_id" JOBS "y" "copy the task id" "" 0 Free;
    CopyMenu "copy_menu" JOBS "Y" "copy path, link, scp line or JSON" "copy" 72 Free;
    Show "show" JOBS "o" "show path, link and a ready scp line" "where" 55 Free;
    Tag "tag" LIST "t" "give a tag" "tag" 66 Local;
    Events "events" ALL "e" "the last events" "events" 85 Free;
    Spending "spending" ALL "$" "what was spent" "spending" 84 Free;
    EditCaps "caps" SPENDING "c" "change the caps" "caps" 21 Local;
    Export "export" SPENDING "E" "export the shown jobs as CSV or JSON" "export" 22 Free;
    Mouse "mouse" ALL "M" "mouse on or off" "" 0 Free;
    Command "command" ALL ":" "every action by name" "command" 90 Free;
    Help "help" ALL "? f1" "all keys, searchable" "help" 5 Free;
    Escape "escape" ALL "esc" "one step back, never quits" "" 0 Free;
    Quit "quit" ALL "q" "back; at the top: leave" "leave" 95 Free;
    Leave "leave" ALL "ctrl+c" "leave; never cancels jobs" "" 0 Free;
    Redraw "redraw" ALL "ctrl+l" "draw the screen anew" "" 0 Free;
    Suspend "suspend" ALL "ctrl+z" "suspend; fg comes back" "" 0 Free;
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

    /// The action with this name; hyphens and spaces count as underscores.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        TABLE.iter().find(|row| row.name == name).map(|row| row.action)
    }
}
