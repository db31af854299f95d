//! Notices as the dashboard says them: the only place that knows their sentences and the keys in them.

use crate::engine::{Notice, NoticeKind, PauseReason, Remark, Undecided};
use crate::job::{Failure, JobId, LostAnswer, Model, text};

use super::keymap::{Action, Keymap};
use super::reasons;

/// The sentence for a notice about an enhance job or about none. `name` says how the table names a job (`h8m4t7xe:2`); keys come from the live keymap.
/// All text of the service, the store or the disk in it is clean.
#[must_use]
pub fn notice_text(notice: &Notice, name: &dyn Fn(JobId) -> String, keymap: &Keymap) -> String {
    notice_text_for(Model::Enhance, notice, name, keymap)
}

/// The same for a notice whose job is of this kind.
#[must_use]
pub fn notice_text_for(model: Model, notice: &Notice, name: &dyn Fn(JobId) -> String, keymap: &Keymap) -> String {
    let key = |action: Action| keymap.shown(action).unwrap_or_else(|| format!(":{}", action.name()));
    let job = notice.job.map_or_else(|| "a job".to_owned(), name);
    let said = match &notice.kind {
        NoticeKind::Held(why) => format!("{job} is held: {why}"),
        NoticeKind::NotSent { error } => format!("{job} was not sent: {error}"),
        NoticeKind::NotRepeated { error } => format!("{job} was not sent again: {error}"),
        NoticeKind::BecameUnsure(why) => {
            format!("{job} is unsure ({}); looking for its task", lost_answer(why))
        }
        NoticeKind::SendingDeferred(failure) => format!("sending waits: {}", failure.reply()),
        NoticeKind::Refused(failure) => format!("{job} was refused: {}", failure.reply_for(model)),
        NoticeKind::TaskListUnreadable(failure) => format!(
            "the task list cannot be read ({}); other jobs wait for two minutes at most · {} on the unsure job stops looking",
            failure.reply(),
            key(Action::Cancel)
        ),
        NoticeKind::AnswersUnreadable(failure) => {
            format!("answers about many tasks cannot be read ({}); each is asked about alone", failure.reply())
        }
        NoticeKind::UnknownStatus { word } => format!("{job} has a status that is not known (\"{word}\"); it is watched on"),
        NoticeKind::TaskFound(task) => format!("{job} was found: its task is {task}"),
        NoticeKind::StaysUnsure(why) => match why {
            Undecided::SeveralTasks(count) => {
                format!("{job} is unsure: {} could be it · {} chooses", text::count(*count, "task"), key(Action::Watch))
            }
            Undecided::UnreadableRows(count) => format!(
                "{job} is unsure: {} of the task list cannot be read · {} stops looking",
                text::count(*count, "row"),
                key(Action::Cancel)
            ),
            Undecided::MoreTasks(count) => format!(
                "{job} is unsure: none of the newest {} fits, older ones are not read · {} stops looking",
                text::count(*count, "task"),
                key(Action::Cancel)
            ),
            Undecided::OldKey => {
                format!("{job} is unsure: no task fits, and its key is over 24 h old · {} stops looking", key(Action::Cancel))
            }
            Undecided::NotSending => format!("{job} is unsure: no task fits, and this dashboard may not send it again"),
            Undecided::OverRunLimit(limit) => {
                format!("{job} is unsure: no task fits, and sending it again is over the limit of this run ({limit})")
            }
            Undecided::Held(why) => format!("{job} is unsure: no task fits, and it is not sent again: {why}"),
            Undecided::NamesOther => {
                format!("{job} is unsure: the service answers its request with the task of another job")
            }
            Undecided::NotConfirmed => format!("{job} is unsure: no task fits, and it was not confirmed in this store"),
        },
        NoticeKind::Paused(why) => match why {
            PauseReason::You => "sending paused; running jobs continue".to_owned(),
            PauseReason::Price { agreed, now } => format!(
                "sending paused: the price is {now} credits now, you confirmed {agreed} · {} confirms the new price",
                key(Action::Pause)
            ),
            PauseReason::Login { reply } => format!("sending paused: {}", reply.words()),
            PauseReason::NoPrice { reply } => {
                format!("sending paused: no price can be named ({}) · {} resumes", no_price(reply), key(Action::Pause))
            }
            PauseReason::Failures { code, count } => {
                format!("sending paused: {count} jobs in a row failed with {code} · {} resumes", key(Action::Pause))
            }
            PauseReason::Balance { reply } | PauseReason::Access { reply } => {
                format!("sending paused: {} · {} resumes", reply.words(), key(Action::Pause))
            }
        },
        NoticeKind::StoreFailed { error } => error.clone(),
        NoticeKind::PriceUnread(price) => {
            format!("the published price could not be read; the last known one counts: {price} credits")
        }
        NoticeKind::StoreUnwritable { error } => format!("{error}; nothing is sent until the store can be written"),
        NoticeKind::StoreWritable => "the store can be written again; nothing was lost".to_owned(),
        NoticeKind::StoreOpened(remark) => match remark {
            Remark::ReadFromCopy => "the store's folder cannot be written to: its log is read in a copy".to_owned(),
            Remark::ReadOnlyMedium => "the store is on a read-only medium: it is only read".to_owned(),
            Remark::LogMissing => {
                "the store's file held no jobs: if it was copied while mj-enhance ran, copy its -wal file with it".to_owned()
            }
        },
        NoticeKind::TookOver => "the other engine ended; this dashboard took over".to_owned(),
        NoticeKind::ViewNotSaved { error } => format!("the view was not saved: {error}"),
        NoticeKind::ResultsUnsavable { error } => {
            format!("{job} could not be saved: {error}; nothing is sent until results can be saved")
        }
        NoticeKind::ResultsSavable { is_proven: true } => "results can be saved again; sending continues".to_owned(),
        NoticeKind::ResultsSavable { is_proven: false } => "no result waits for the disk any more; sending continues".to_owned(),
        NoticeKind::LinksEnding { results, hours } => format!(
            "{} not saved yet, {} in under {hours} h · {} fetches now",
            text::count(*results, "result"),
            if *results == 1 { "its link expires" } else { "their links expire" },
            key(Action::Fetch)
        ),
        NoticeKind::Saved => format!("{job} saved"),
        NoticeKind::Failed(failure) => format!("{job} failed: {}", reasons::failed(failure, model)),
        NoticeKind::Cancelled(by) => format!("{job} was {by}"),
    };
    text::clean(&said).into_owned()
}

/// How a paid request came to have no reply, to stand in brackets.
#[must_use]
pub fn lost_answer(why: &LostAnswer) -> String {
    match why {
        LostAnswer::Failed(failure) => format!("reply lost: {}", failure.brief()),
        LostAnswer::Said(text) => format!("reply lost: {text}"),
        LostAnswer::LongWait
        | LostAnswer::StoreUnwritable
        | LostAnswer::TimePassed
        | LostAnswer::RefusedLater { .. }
        | LostAnswer::OtherTask
        | LostAnswer::ProgramEnded => why.to_string(),
    }
}

/// Why no price can be named, in the words of the answer that was read.
#[must_use]
pub fn no_price(reply: &Failure) -> String {
    if reply.message.is_empty() { "the published price cannot be understood".to_owned() } else { reply.message.clone() }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::job::ErrorClass;

    fn said(kind: NoticeKind, keymap: &Keymap) -> String {
        let notice = Notice { at: Timestamp::UNIX_EPOCH, job: Some(JobId::from_bits(7)), kind };
        notice_text(&notice, &|_| "h8m4t7xe:2".to_owned(), keymap)
    }

    #[test]
    fn how_a_reply_was_lost_is_said_in_few_words() {
        let reset = "the connection broke off (Connection reset by peer (os error 104))";
        let kind = NoticeKind::BecameUnsure(LostAnswer::Failed(Failure::new(ErrorClass::Network, "line_failed", reset)));
        let words = "h8m4t7xe:2 is unsure (reply lost: connection reset); looking for its task";
        assert_eq!(said(kind, &Keymap::default()), words);
    }

    #[test]
    fn a_job_is_named_as_in_the_table_and_keys_are_the_live_ones() {
        let choose = NoticeKind::StaysUnsure(Undecided::SeveralTasks(2));
        assert_eq!(said(choose.clone(), &Keymap::default()), "h8m4t7xe:2 is unsure: 2 tasks could be it · w chooses");
        let moved = Keymap::with_overrides(&[("watch", vec!["ctrl+y".to_owned()], 1)]).unwrap();
        assert_eq!(said(choose, &moved), "h8m4t7xe:2 is unsure: 2 tasks could be it · Ctrl+y chooses");
        let none = Keymap::with_overrides(&[("fetch", Vec::new(), 1)]).unwrap();
        assert_eq!(
            said(NoticeKind::LinksEnding { results: 2, hours: 4 }, &none),
            "2 results not saved yet, their links expire in under 4 h · :fetch fetches now"
        );
    }

    #[test]
    fn nothing_that_the_service_said_reaches_the_terminal_uncleaned() {
        let mut failure = Failure::new(ErrorClass::BadRequest, "odd", "x");
        failure.message = "a\u{1b}[2Jb".to_owned();
        let said = said(NoticeKind::Refused(failure), &Keymap::default());
        assert!(said.contains("h8m4t7xe:2 was refused: ") && !said.chars().any(text::is_unsafe), "{said:?}");
    }
}
