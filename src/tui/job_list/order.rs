//! Which jobs are shown, and in which order.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::Entry;
pub(crate) use crate::job::Sort;
use crate::job::State;
use crate::job::query::{Query, Searcher};

/// Which states are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum View {
    #[default]
    All,
    Waiting,
    Running,
    ToFetch,
    Saved,
    Failed,
    Unsure,
}

impl View {
    pub(crate) const ALL: [Self; 7] =
        [Self::All, Self::Waiting, Self::Running, Self::ToFetch, Self::Saved, Self::Failed, Self::Unsure];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::ToFetch => "to fetch",
            Self::Saved => "saved",
            Self::Failed => "failed",
            Self::Unsure => "unsure",
        }
    }

    pub(crate) const fn short(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Waiting => "wait",
            Self::Running => "run",
            Self::ToFetch => "fetch",
            Self::Saved => "saved",
            Self::Failed => "fail",
            Self::Unsure => "unsure",
        }
    }

    /// For very narrow screens.
    pub(crate) const fn shortest(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Waiting => "wt",
            Self::Running => "rn",
            Self::ToFetch => "ft",
            Self::Saved => "sv",
            Self::Failed => "fl",
            Self::Unsure => "un",
        }
    }

    pub(crate) const fn states(self) -> &'static [State] {
        match self {
            Self::All => &State::ALL,
            Self::Waiting => &[State::Held, State::Waiting],
            Self::Running => &[State::Sending, State::Running],
            Self::ToFetch => &[State::ToFetch, State::Fetching],
            Self::Saved => &[State::Saved],
            Self::Failed => &[State::Failed],
            Self::Unsure => &[State::Unsure],
        }
    }
}

/// What the screen calls each order: its key in the menu, its word, and a note. What it means for rows that are read first is
/// said in `job`.
impl Sort {
    pub(crate) const ALL: [(Self, char, &'static str, &'static str); 9] = [
        (Self::Urgency, 'u', "urgency", "needs you first, then least time to fetch"),
        (Self::Queue, 'q', "queue", "place in the queue"),
        (Self::State, 's', "state", "the order of a job's life"),
        (Self::Added, 'a', "added", "oldest first"),
        (Self::Sent, 'e', "sent", "oldest send first"),
        (Self::Progress, 'p', "progress", "least progress first"),
        (Self::Cost, 'c', "credits", "cheapest first"),
        (Self::Tag, 't', "tag", "A–Z"),
        (Self::Draft, 'd', "draft", "pictures of a draft together"),
    ];

    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(sort, ..)| *sort == self).map_or("", |(_, _, word, _)| word)
    }
}

/// What is shown, and in which order.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ViewFilter {
    pub view: View,
    pub query: Query,
    pub sort: Sort,
    pub reverse: bool,
}

pub(super) fn fits(view_filter: &ViewFilter, entry: &Entry, now: Timestamp, searcher: &mut Searcher) -> bool {
    !entry.job.removed
        && (view_filter.view == View::All || view_filter.view.states().contains(&entry.job.state()))
        && view_filter.query.matches(&entry.job, entry.progress(), now, searcher)
}

pub(super) fn compare(view_filter: &ViewFilter, a: &Entry, b: &Entry) -> Ordering {
    let text = match view_filter.sort {
        Sort::Tag => a.job.tag.is_none().cmp(&b.job.tag.is_none()).then_with(|| a.job.tag.cmp(&b.job.tag)),
        Sort::Draft => a.job.kind.subject().cmp(&b.job.kind.subject()),
        _ => Ordering::Equal,
    };
    let order = text.then_with(|| key(view_filter.sort, a).cmp(&key(view_filter.sort, b)));
    let order = if view_filter.reverse { order.reverse() } else { order };
    order.then(a.job.id.cmp(&b.job.id))
}

fn key(sort: Sort, entry: &Entry) -> (i64, i64) {
    let job = &entry.job;
    let second = |at: Option<Timestamp>| at.map_or(i64::MAX, Timestamp::as_second);
    let state = job.state();
    match sort {
        Sort::Urgency | Sort::Tag | Sort::Draft => match state {
            State::Unsure => (0, second(Some(job.created_at))),
            State::ToFetch | State::Fetching => (1, second(job.link_expires_at)),
            State::Sending => (2, second(job.send.as_ref().map(|send| send.first_at))),
            State::Running => (2, second(job.sent_at)),
            State::Waiting => (3, job.place),
            State::Held => (4, job.place),
            State::Failed => (5, second(job.finished_at).saturating_neg()),
            State::Unwatched => (6, second(job.sent_at)),
            State::Saved => (7, second(job.saved_at).saturating_neg()),
            State::Cancelled => (8, second(job.finished_at).saturating_neg()),
        },
        Sort::Queue => (i64::from(!matches!(state, State::Waiting | State::Held)), job.place),
        Sort::State => (state as i64, job.place),
        Sort::Added => (second(Some(job.created_at)), job.place),
        Sort::Sent => (second(job.sent_at), job.place),
        Sort::Progress => {
            let percent = entry.progress().and_then(|progress| progress.percent).map_or(-1, |percent| i64::from(percent.get()));
            (i64::from(!state.is_in_flight()), percent)
        }
        Sort::Cost => (job.spent().uc(), job.place),
    }
}
