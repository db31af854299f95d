//! The drafts of the account, for the screens that show them.

use std::sync::Arc;

use jiff::Timestamp;

use super::{AccountDrafts, EngineEvent};
use crate::job::Failure;
use crate::store::{Store, StoreError};

/// The revision of the rows, when the list had been read, and how reading fails.
type Told = (u64, Option<Timestamp>, Option<Failure>);

/// What this process's dashboard shows of them and knows.
#[derive(Debug, Default)]
pub(super) struct DraftsView {
    shown: bool,
    /// How reading the list fails at present.
    trouble: Option<Failure>,
    /// What the dashboard was told last.
    told: Option<Told>,
}

impl DraftsView {
    /// Whether the dashboard shows drafts.
    pub(super) fn is_shown(&self) -> bool {
        self.shown
    }

    /// How reading the list fails at present, if it does.
    pub(super) fn set_trouble(&mut self, trouble: Option<Failure>) {
        self.trouble = trouble;
    }

    /// The dashboard shows drafts, or no more. What it was told before it is told again.
    pub(super) fn show(&mut self, shown: bool) {
        self.shown = shown;
        self.told = None;
    }

    /// What the dashboard has to be told, if it shows drafts and something is new in the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn news(&mut self, store: &Store, listed_at: Option<Timestamp>) -> Result<Option<EngineEvent>, StoreError> {
        if !self.shown || self.told == Some((store.drafts_revision()?, listed_at, self.trouble.clone())) {
            return Ok(None);
        }
        let (revision, rows) = store.drafts()?;
        let trouble = self.trouble.clone();
        self.told = Some((revision, listed_at, trouble.clone()));
        Ok(Some(EngineEvent::Drafts(Arc::new(AccountDrafts { rows, listed_at, trouble }))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::tests::{at, task};
    use super::*;
    use crate::job::drafts::DraftRow;

    fn told(view: &mut DraftsView, store: &Store, listed_at: Option<Timestamp>) -> Option<usize> {
        match view.news(store, listed_at).unwrap()? {
            EngineEvent::Drafts(drafts) => Some(drafts.rows.len()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_dashboard_is_told_what_is_new_while_it_shows_drafts() {
        let mut store = Store::in_memory().unwrap();
        let mut view = DraftsView::default();
        store.save_listed_drafts(&[DraftRow { made_at: Some(at(1)), ..DraftRow::new(task(1)) }]).unwrap();
        assert_eq!(told(&mut view, &store, None), None, "it does not show them");
        view.show(true);
        assert_eq!(told(&mut view, &store, None), Some(1));
        assert_eq!(told(&mut view, &store, None), None);
        store.hide_drafts(&[task(2)], true).unwrap();
        assert_eq!(told(&mut view, &store, None), Some(2));
        assert_eq!(told(&mut view, &store, Some(at(5))), Some(2), "the list was read and held nothing new");
        view.show(true);
        assert_eq!(told(&mut view, &store, Some(at(5))), Some(2), "asked for again");
    }
}
