//! Notices as `run` says them, to a person who types commands instead of pressing keys.

use crate::engine::{Notice, NoticeKind, Remark, Undecided};
use crate::job::{JobId, Model, text};
use crate::tui::notices::lost_answer;

/// The sentence for a notice, clean. `model` is its job's, [`Model::Enhance`] where it has none; `name` says how the table names a job (`h8m4t7xe:2`).
///
/// A pause has its sentence with the status, see [`super::run`]; here it is named only.
pub fn notice_text(notice: &Notice, model: Model, name: &dyn Fn(JobId) -> String) -> String {
    let job = notice.job.map_or_else(|| "A job".to_owned(), name);
    let said = match &notice.kind {
        NoticeKind::Held(why) => format!("{job} is held: {why}."),
        NoticeKind::NotSent { error } => format!("{job} was not sent: {error}."),
        NoticeKind::NotRepeated { error } => format!("{job} was not sent again: {error}."),
        NoticeKind::BecameUnsure(why) => format!("{job} is unsure ({}); looking for its task.", lost_answer(why)),
        NoticeKind::SendingDeferred(failure) => format!("Sending waits: {}.", failure.reply()),
        NoticeKind::Refused(failure) => format!("{job} was refused: {}.", failure.reply_for(model)),
        NoticeKind::TaskListUnreadable(failure) => {
            format!("The task list cannot be read ({}); other jobs wait for two minutes at most.", failure.reply())
        }
        NoticeKind::AnswersUnreadable(failure) => {
            format!("Answers about many tasks cannot be read ({}); each is asked about alone.", failure.reply())
        }
        NoticeKind::UnknownStatus { word } => format!("{job} has a status that is not known (\"{word}\"); it is watched on."),
        NoticeKind::TaskFound(task) => format!("{job} was found: its task is {task}."),
        NoticeKind::StaysUnsure(why) => format!("{job} is unsure: {}.", undecided(why)),
        NoticeKind::Paused(_) => "Sending is paused.".to_owned(),
        NoticeKind::PriceUnread(price) => {
            format!("The published price could not be read; the last known one counts: {price} credits.")
        }
        NoticeKind::StoreFailed { error } => format!("{error}."),
        NoticeKind::StoreUnwritable { error } => format!("{error}; nothing is sent until the store can be written."),
        NoticeKind::StoreWritable => "The store can be written again; nothing was lost.".to_owned(),
        NoticeKind::StoreOpened(what) => remark(*what).to_owned(),
        NoticeKind::TookOver => "The other engine ended; this process took over.".to_owned(),
        NoticeKind::ViewNotSaved { error } => format!("The view was not saved: {error}."),
        NoticeKind::ResultsUnsavable { error } => {
            format!("{job} could not be saved: {error}; nothing is sent until results can be saved.")
        }
        NoticeKind::ResultsSavable { is_proven: true } => "Results can be saved again; sending continues.".to_owned(),
        NoticeKind::ResultsSavable { is_proven: false } => "No result waits for the disk any more; sending continues.".to_owned(),
        NoticeKind::LinksEnding { results, hours } => format!(
            "{} not saved yet, {} in under {hours} h.",
            text::count(*results, "result"),
            if *results == 1 { "its link expires" } else { "their links expire" }
        ),
        NoticeKind::Saved => format!("{job} is saved."),
        NoticeKind::Failed(failure) => format!("{job} failed: {} ({}).", failure.meaning_for(model), failure.code),
        NoticeKind::Cancelled(by) => format!("{job} was {by}."),
    };
    text::clean(&said).into_owned()
}

/// What is said once about how the store was opened.
pub fn remark(remark: Remark) -> &'static str {
    match remark {
        Remark::ReadFromCopy => "The store's folder cannot be written to: its log is read in a copy, nothing is changed.",
        Remark::ReadOnlyMedium => "The store is on a read-only medium: it is only read.",
        Remark::LogMissing => {
            "The store's file holds no jobs: if it was copied while mj-enhance ran, copy mj-enhance.db-wal with it (or use `mj-enhance export`)."
        }
    }
}

fn undecided(why: &Undecided) -> String {
    match why {
        Undecided::SeveralTasks(count) => {
            format!("{} could be it; choose in the dashboard", text::count(*count, "task"))
        }
        Undecided::UnreadableRows(count) => format!("{} of the task list cannot be read", text::count(*count, "row")),
        Undecided::MoreTasks(count) => {
            format!("none of the newest {} fits, older ones are not read", text::count(*count, "task"))
        }
        Undecided::OldKey => "no task fits, and its key is over 24 h old".to_owned(),
        Undecided::NotSending => "no task fits, and this run may not send it again; pass --yes and --max-credits".to_owned(),
        Undecided::Held(why) => format!("no task fits, and it is not sent again: {why}"),
        Undecided::NamesOther => "the service answers its request with the task of another job".to_owned(),
        Undecided::NotConfirmed => "no task fits, and it was not confirmed in this store".to_owned(),
        Undecided::OverRunLimit(limit) => format!("no task fits, and sending it again is over --max-credits ({limit})"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_sentence_names_the_job_and_no_key() {
        let kind = NoticeKind::StaysUnsure(Undecided::OverRunLimit(crate::job::Credits::PUBLISHED_PRICE));
        let notice = Notice { at: Timestamp::UNIX_EPOCH, job: Some(JobId::from_bits(7)), kind };
        let said = notice_text(&notice, Model::Enhance, &|_| "h8m4t7xe:2".to_owned());
        assert_eq!(said, "h8m4t7xe:2 is unsure: no task fits, and sending it again is over --max-credits (5.4).");
    }
}
