//! The drafts that there are to choose from: ours are jobs, those of other programs come from the account's task list.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use jiff::Timestamp;

use super::id::{ImageNumber, JobId, Tag, TaskId};
use super::kind::Model;
use super::life::Job;
use super::money::Credits;
use super::phase::State;
use super::prompt::Prompt;
use super::quote::Prices;

/// How sure it is that a task is a draft. The service's record never says so itself (docs/service.md §10).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Known {
    /// Made here.
    Ours,
    /// Its price is a draft's.
    Likely,
    /// It has no price that is known.
    Maybe,
    /// Its price says that it is none.
    No,
}

impl Known {
    /// All of them, the surest first.
    pub const ALL: [Self; 4] = [Self::Ours, Self::Likely, Self::Maybe, Self::No];

    /// The word for it in lists and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Likely => "likely",
            Self::Maybe => "maybe",
            Self::No => "no",
        }
    }

    /// What the price of a finished task of the drafts' model says. A draft costs what it costs now, what was published when
    /// this program was made, or half of the fast price, which is that of an enhance (docs/service.md §9.1). Fast and turbo
    /// runs cost twice as much and more; what lies between may be a discount, and says nothing.
    #[must_use]
    pub fn by_price(price: Option<Credits>, prices: &Prices) -> Self {
        let published = Model::Draft.published_price();
        match price {
            Some(price) if price == prices.draft || price == published || price.times(2) == prices.enhance => Self::Likely,
            Some(price) if price >= prices.draft.min(published).times(2) => Self::No,
            _ => Self::Maybe,
        }
    }
}

/// What the store keeps of a task that may be a draft: what the service told of another program's, and what the user said of
/// any, ours too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DraftRow {
    /// The task.
    pub task: TaskId,
    /// When it was made, by the service's clock.
    pub made_at: Option<Timestamp>,
    /// How many pictures it has.
    pub pictures: Option<usize>,
    /// What it was charged with.
    pub price: Option<Credits>,
    /// Where its pictures are at the service, in order.
    pub links: Vec<String>,
    /// When those links expire, as far as that is known.
    pub links_expire_at: Option<Timestamp>,
    /// Its pictures on disk. They may be fewer: the cache is bounded.
    pub files: Vec<(ImageNumber, PathBuf)>,
    /// The user does not want to see it.
    pub hidden: bool,
    /// The user's word for it, which names the results of its pictures.
    pub note: Option<Tag>,
}

impl DraftRow {
    /// A row that says nothing yet.
    #[must_use]
    pub const fn new(task: TaskId) -> Self {
        Self {
            task,
            made_at: None,
            pictures: None,
            price: None,
            links: Vec::new(),
            links_expire_at: None,
            files: Vec::new(),
            hidden: false,
            note: None,
        }
    }
}

/// An enhance of a draft's picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Child {
    /// Its job.
    pub job: JobId,
    /// Which picture.
    pub image: ImageNumber,
    /// Where it stands.
    pub state: State,
}

/// A finished task of the account whose pictures can be chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// Its task.
    pub task: TaskId,
    /// Our job, where it was made here.
    pub job: Option<JobId>,
    /// When it was made: ours by our clock, others by the service's.
    pub made_at: Option<Timestamp>,
    /// How many pictures it has; fewer than four where moderation took some.
    pub pictures: Option<usize>,
    /// What it was charged with.
    pub price: Option<Credits>,
    /// How sure it is that it is a draft.
    pub known: Known,
    /// Its prompt; only ours is known.
    pub prompt: Option<Prompt>,
    /// The line that the prompt was made from, where that says something else.
    pub template: Option<String>,
    /// The tag of our job.
    pub tag: Option<Tag>,
    /// The user's word for it.
    pub note: Option<Tag>,
    /// Its pictures on disk.
    pub files: Vec<(ImageNumber, PathBuf)>,
    /// Where its pictures are at the service, in order.
    pub links: Vec<String>,
    /// When those links expire, as far as that is known.
    pub links_expire_at: Option<Timestamp>,
    /// The user does not want to see it.
    pub hidden: bool,
    /// What was enhanced from it, oldest first.
    pub children: Vec<Child>,
}

impl Draft {
    /// The word that results of its pictures take as `{tag}`: the user's for the draft, else that of our job.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.note.as_ref().or(self.tag.as_ref()).map(Tag::as_str)
    }

    /// How many pictures moderation took, where that is known; which numbers are left is not (docs/service.md §10).
    #[must_use]
    pub fn missing(&self) -> Option<usize> {
        let missing = Model::MOST_PICTURES.checked_sub(self.pictures?)?;
        (missing > 0).then_some(missing)
    }

    /// Its picture with this number on disk.
    #[must_use]
    pub fn file(&self, image: ImageNumber) -> Option<&PathBuf> {
        self.files.iter().find(|(number, _)| *number == image).map(|(_, path)| path)
    }
}

/// All drafts, the newest first: ours from the jobs, other programs' from the rows. What the user said of ours is in the rows
/// too. Hidden ones, and tasks whose price says that they are no draft, are among them; a screen leaves them out.
pub fn merge<'a>(jobs: impl IntoIterator<Item = &'a Job>, rows: &[DraftRow], prices: &Prices) -> Vec<Draft> {
    let mut children: HashMap<&TaskId, Vec<(i64, Child)>> = HashMap::new();
    let (mut ours, mut owned) = (Vec::new(), HashSet::new());
    for job in jobs {
        if let Some((source, image)) = job.kind.source() {
            children.entry(source).or_default().push((job.place, Child { job: job.id, image, state: job.state() }));
        }
        let Some(task) = &job.task else { continue };
        owned.insert(task);
        if job.kind.prompt().is_some() && !(job.links.is_empty() && job.files.is_empty()) {
            ours.push((task, job));
        }
    }
    let said: HashMap<&TaskId, &DraftRow> = rows.iter().map(|row| (&row.task, row)).collect();
    let mut drafts: Vec<Draft> = ours.into_iter().map(|(task, job)| of_job(task, job, said.get(task).copied())).collect();
    let of_others = rows.iter().filter(|row| !owned.contains(&row.task) && row.made_at.is_some());
    drafts.extend(of_others.map(|row| of_row(row, prices)));
    for draft in &mut drafts {
        let mut made = children.remove(&draft.task).unwrap_or_default();
        made.sort_unstable_by_key(|(place, child)| (*place, child.job));
        draft.children = made.into_iter().map(|(_, child)| child).collect();
    }
    drafts.sort_by_cached_key(|draft| (Reverse(draft.made_at), draft.task.clone()));
    drafts
}

fn of_job(task: &TaskId, job: &Job, said: Option<&DraftRow>) -> Draft {
    let numbered = ImageNumber::ALL.into_iter().zip(&job.files);
    Draft {
        task: task.clone(),
        job: Some(job.id),
        made_at: job.finished_at.or(job.sent_at),
        pictures: Some(job.links.len().max(job.files.len())),
        price: job.charged,
        known: Known::Ours,
        prompt: job.kind.prompt().cloned(),
        template: job.kind.template().map(str::to_owned),
        tag: job.tag.clone(),
        note: said.and_then(|row| row.note.clone()),
        files: numbered.map(|(image, file)| (image, file.path.clone())).collect(),
        links: job.links.clone(),
        links_expire_at: job.link_expires_at,
        hidden: said.is_some_and(|row| row.hidden),
        children: Vec::new(),
    }
}

fn of_row(row: &DraftRow, prices: &Prices) -> Draft {
    Draft {
        task: row.task.clone(),
        job: None,
        made_at: row.made_at,
        pictures: row.pictures,
        price: row.price,
        known: Known::by_price(row.price, prices),
        prompt: None,
        template: None,
        tag: None,
        note: row.note.clone(),
        files: row.files.clone(),
        links: row.links.clone(),
        links_expire_at: row.links_expire_at,
        hidden: row.hidden,
        children: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::JobKind;
    use super::*;
    use crate::job::Phase;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn task(name: &str) -> TaskId {
        TaskId::new(&format!("task-unified-1-{name}")).unwrap()
    }

    fn ours(id: u64, name: &str, second: i64) -> Job {
        let kind = JobKind::Draft { prompt: Prompt::new("a boat").unwrap(), template: Some("a {boat}".to_owned()) };
        let mut job = Job::new(JobId::from_bits(id), kind, 0, at(0));
        job.task = Some(task(name));
        job.links = (0..4).map(|n| format!("https://x/{n}.png")).collect();
        (job.finished_at, job.phase) = (Some(at(second)), Phase::Saved);
        job
    }

    fn enhance(id: u64, place: i64, name: &str, image: usize) -> Job {
        let kind = JobKind::Enhance { source: task(name), image: ImageNumber::ALL[image] };
        Job::new(JobId::from_bits(id), kind, place, at(0))
    }

    fn row(name: &str, second: i64, price: Option<Credits>) -> DraftRow {
        DraftRow { made_at: Some(at(second)), price, pictures: Some(4), ..DraftRow::new(task(name)) }
    }

    #[test]
    fn a_price_says_how_sure_it_is() {
        let uc = |uc| Some(Credits::from_uc(uc));
        let published = Prices::PUBLISHED;
        let draft = published.draft.uc();
        assert_eq!(Known::by_price(None, &published), Known::Maybe);
        assert_eq!(Known::by_price(uc(draft), &published), Known::Likely);
        for other in [draft * 2, draft * 4, draft * 3] {
            assert_eq!(Known::by_price(uc(other), &published), Known::No, "{other}");
        }
        for between in [draft * 9 / 10, draft * 18 / 10, draft + 1, 0] {
            assert_eq!(Known::by_price(uc(between), &published), Known::Maybe, "perhaps a discount: {between}");
        }
        let dearer = Prices { draft: Credits::from_uc(draft * 2), enhance: Credits::from_uc(draft * 3) };
        for price in [draft, draft * 2, draft * 3 / 2] {
            assert_eq!(Known::by_price(uc(price), &dearer), Known::Likely, "published, now, or half of fast: {price}");
        }
    }

    #[test]
    fn ours_and_others_stand_together_the_newest_first() {
        let jobs = [ours(1, "mine", 10), enhance(2, 9, "mine", 3), enhance(3, 8, "mine", 0), enhance(4, 1, "theirs", 1)];
        let rows = [row("old", 1, None), row("theirs", 20, Some(Prices::PUBLISHED.draft)), row("mine", 11, None)];
        let drafts = merge(&jobs, &rows, &Prices::PUBLISHED);
        let shown: Vec<_> = drafts.iter().map(|draft| (draft.task.short(), draft.known, draft.children.len())).collect();
        assert_eq!(shown, [("theirs", Known::Likely, 1), ("mine", Known::Ours, 2), ("old", Known::Maybe, 0)]);
        let mine = &drafts[1];
        assert_eq!(mine.children.iter().map(|child| child.image.get()).collect::<Vec<_>>(), [0, 3], "in the order of the queue");
        assert_eq!((mine.template.as_deref(), mine.pictures, mine.missing()), (Some("a {boat}"), Some(4), None));
    }

    #[test]
    fn what_the_user_said_counts_for_ours_too_and_makes_no_draft_of_a_task_that_is_none() {
        let said = |name| DraftRow { hidden: true, note: Some(Tag::new("red").unwrap()), ..DraftRow::new(task(name)) };
        let mut tagged = ours(1, "mine", 10);
        tagged.tag = Some(Tag::new("harbour").unwrap());
        assert_eq!(merge(&[tagged.clone()], &[], &Prices::PUBLISHED)[0].label(), Some("harbour"));
        let drafts = merge(&[tagged], &[said("mine"), said("gone")], &Prices::PUBLISHED);
        assert_eq!(drafts.len(), 1);
        assert_eq!((drafts[0].hidden, drafts[0].label()), (true, Some("red")));
    }

    #[test]
    fn moderation_and_tasks_without_pictures_are_told_apart() {
        let mut fewer = ours(1, "fewer", 1);
        fewer.links.truncate(3);
        let mut none = ours(2, "none", 2);
        none.links.clear();
        let enhanced = Job { task: Some(task("result")), ..enhance(3, 0, "fewer", 0) };
        let drafts = merge(&[fewer, none, enhanced], &[row("result", 3, None)], &Prices::PUBLISHED);
        assert_eq!(drafts.iter().map(super::Draft::missing).collect::<Vec<_>>(), [Some(1)], "a job's result is no draft");
    }
}
