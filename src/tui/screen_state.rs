//! What of the screen is remembered across restarts.

use jiff::Timestamp;

use super::job_list::{COLUMN_NAMES, JobList, View};
use crate::job::{FirstRows, Sort, text};

/// The state as text.
pub(super) fn of(jobs: &JobList) -> String {
    let view_filter = jobs.view_filter();
    let view = View::ALL.iter().position(|view| *view == view_filter.view).unwrap_or(0);
    serde_json::json!({
        "view": view + 1,
        "sort": view_filter.sort.word(),
        "reverse": view_filter.reverse,
        "filter": jobs.filter(),
        "hidden": jobs.hidden(),
    })
    .to_string()
}

/// Takes a remembered state; what cannot be read is left at its default.
pub(super) fn restore(jobs: &mut JobList, saved: &str, now: Timestamp) {
    let Ok(state) = serde_json::from_str::<serde_json::Value>(saved) else { return };
    let view = state["view"].as_u64().and_then(|n| usize::try_from(n).ok()).and_then(|n| View::ALL.get(n.wrapping_sub(1)));
    let sort = Sort::ALL.iter().find(|(_, _, word, _)| state["sort"].as_str() == Some(word));
    let mut view_filter = jobs.view_filter().clone();
    view_filter.view = view.copied().unwrap_or_default();
    view_filter.sort = sort.map(|(sort, ..)| *sort).unwrap_or_default();
    view_filter.reverse = state["reverse"].as_bool().unwrap_or_default();
    jobs.set_view_filter(view_filter, now);
    jobs.set_filter(text::clean(state["filter"].as_str().unwrap_or_default()).into_owned(), now);
    let hidden = state["hidden"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    jobs.set_hidden(hidden.filter_map(|name| COLUMN_NAMES.iter().copied().find(|known| *known == name)).collect());
}

/// What a screen with this remembered state shows first.
#[must_use]
pub fn first_rows(saved: &str) -> FirstRows {
    let mut jobs = JobList::default();
    // Without jobs no time matters.
    restore(&mut jobs, saved, Timestamp::UNIX_EPOCH);
    let shown = jobs.view_filter();
    FirstRows {
        states: if shown.view == View::All { Vec::new() } else { shown.view.states().to_vec() },
        order: shown.sort,
        reverse: shown.reverse,
        query: shown.query.clone(),
    }
}
