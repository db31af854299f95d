//! What must be true after a life: its books compared with its store. Each promise is one function, named by its rule.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use mj_enhance::job::{CancelledBy, Charge, ErrorClass, Job, JobId, Phase, State, TaskId, TaskStatus};

use super::books::Books;
use super::life::Ended;

type Broken = Vec<String>;

/// A result link lives this long after the end of its task.
const LINK_LIFE_HOURS: i64 = 24;

/// Everything that is broken after a life.
pub fn after_a_life(books: &Books, jobs: &[Job], ended: Ended) -> Broken {
    let mut broken = rule_1_one_charge_for_a_key(books);
    broken.extend(rule_1_one_charge_for_a_job(books));
    broken.extend(rule_3_a_task_has_one_owner(jobs));
    broken.extend(rule_7_money_words_come_from_evidence(books, jobs));
    broken.extend(rule_9_what_was_sent_is_not_called_cancelled(jobs));
    broken.extend(a_saved_job_has_its_files(books, jobs));
    broken.extend(rule_11_a_paid_job_ends_by_evidence(books, jobs, ended));
    broken.extend(everything_comes_to_rest(books, jobs, ended));
    if !books.copied_back {
        // What was done after the copy is known to nobody but the service.
        broken.extend(rule_1_every_attempt_was_on_disk_first(books, jobs));
        broken.extend(rule_3_a_task_belongs_to_its_own_job(books, jobs));
        broken.extend(rule_3_no_more_tasks_than_jobs(books, jobs, ended));
        broken.extend(no_paid_task_is_lost(books, jobs, ended));
    }
    broken
}

/// However often a request was repeated, one key made one task.
fn rule_1_one_charge_for_a_key(books: &Books) -> Broken {
    let mut charges: BTreeMap<&str, u64> = BTreeMap::new();
    for task in books.tasks.values() {
        *charges.entry(&task.key).or_default() += 1;
    }
    charges
        .iter()
        .filter(|(_, many)| **many > 1)
        .map(|(key, many)| format!("rule 1: key {key} was charged {many} times"))
        .collect()
}

/// One job made one task, whatever keys it had; also where an older copy of the store was put back in which it was confirmed.
fn rule_1_one_charge_for_a_job(books: &Books) -> Broken {
    let mut tasks: BTreeMap<JobId, u64> = BTreeMap::new();
    let permissions = &books.permissions;
    for task in books.tasks.values() {
        if let Some(job) = permissions.paid.get(&task.key).and_then(|paid| paid.job) {
            *tasks.entry(job).or_default() += 1;
        }
    }
    if books.copied_back {
        // What was refused twice gets another key; so does what was refused once where a turned clock makes its key look old.
        let most = u32::from(!books.counted.contains_key("the clock was turned"));
        let has_its_key = |job: &JobId| permissions.refusals.get(job).is_none_or(|refusals| *refusals <= most);
        let always_had_it =
            |job: &JobId| permissions.confirmed_in_copy.contains(job) && !permissions.without_key_in_copy.contains(job);
        tasks.retain(|job, _| always_had_it(job) && has_its_key(job));
    }
    tasks.iter().filter(|(_, many)| **many > 1).map(|(job, many)| format!("rule 1: job {job} was charged {many} times")).collect()
}

/// No request left before its attempt was written down.
fn rule_1_every_attempt_was_on_disk_first(books: &Books, jobs: &[Job]) -> Broken {
    let sends = jobs.iter().filter_map(|job| job.send.as_ref());
    sends
        .filter_map(|send| {
            let requests = books.requests.get(send.key.as_str()).copied().unwrap_or_default();
            (requests > send.attempts).then(|| {
                format!("rule 1: {requests} requests with key {}, {} attempts on disk", send.key.as_str(), send.attempts)
            })
        })
        .collect()
}

fn rule_3_a_task_has_one_owner(jobs: &[Job]) -> Broken {
    let mut owners = BTreeSet::new();
    jobs.iter()
        .filter_map(|job| job.task.as_ref())
        .filter(|task| !owners.insert(*task))
        .map(|task| format!("rule 3: two jobs own {task}"))
        .collect()
}

/// Nobody has the picture of another job.
fn rule_3_a_task_belongs_to_its_own_job(books: &Books, jobs: &[Job]) -> Broken {
    let owned = jobs.iter().filter_map(|job| job.task.as_ref().map(|task| (job, task)));
    owned
        .filter(|(_, task)| !task.as_str().starts_with("task-unified-9-"))
        .filter(|(job, task)| {
            let body = job.kind.body(None);
            books.tasks.get(*task).is_none_or(|known| known.body != body)
        })
        .map(|(job, task)| format!("rule 3: {} has {task}, the task of another picture", job.id))
        .collect()
}

/// For each picture there are at most as many tasks as jobs that were sent.
fn rule_3_no_more_tasks_than_jobs(books: &Books, jobs: &[Job], ended: Ended) -> Broken {
    if ended.pruned {
        return Broken::new();
    }
    let mut sent: BTreeMap<String, u64> = BTreeMap::new();
    for job in jobs.iter().filter(|job| job.send.is_some() || job.task.is_some()) {
        *sent.entry(job.kind.body(None)).or_default() += 1;
    }
    let mut made: BTreeMap<&str, u64> = BTreeMap::new();
    for task in books.tasks.values() {
        *made.entry(&task.body).or_default() += 1;
    }
    made.iter()
        .filter(|(body, count)| **count > sent.get(**body).copied().unwrap_or_default())
        .map(|(body, count)| format!("rule 3: {count} tasks for {body}, jobs that were sent: {:?}", sent.get(*body)))
        .collect()
}

/// Every paid task has its job, unless that is unsure, was given up or pruned.
fn no_paid_task_is_lost(books: &Books, jobs: &[Job], ended: Ended) -> Broken {
    if ended.pruned {
        return Broken::new();
    }
    let owners: BTreeSet<&TaskId> = jobs.iter().filter_map(|job| job.task.as_ref()).collect();
    let open: BTreeSet<&str> = jobs
        .iter()
        .filter(|job| matches!(job.state(), State::Unsure | State::Cancelled))
        .filter_map(|job| job.send.as_ref().map(|send| send.key.as_str()))
        .collect();
    let lost = books.tasks.iter().filter(|(id, task)| !owners.contains(id) && !open.contains(task.key.as_str()));
    lost.map(|(id, _)| format!("{id} was paid and no job has it")).collect()
}

/// No job ends as failed whose task completes, unless the link's life was over or the result itself was refused.
fn rule_11_a_paid_job_ends_by_evidence(books: &Books, jobs: &[Job], ended: Ended) -> Broken {
    jobs.iter()
        .filter_map(|job| {
            let Phase::Failed(failure) = &job.phase else { return None };
            let task = books.tasks.get(job.task.as_ref()?)?;
            let link_is_over = task.ends + SignedDuration::from_hours(LINK_LIFE_HOURS) <= ended.at || ended.clock_was_turned;
            let evidence = match failure.class {
                ErrorClass::Link => failure.code != "link_expired" || link_is_over,
                // Sporadic misses are looked for only where a life has them for minutes.
                _ if failure.code == "task_not_found" => !ended.misses_are_no_evidence,
                // Its three minutes are counted by the machine's clock.
                _ if failure.code == "no_links" => ended.clock_was_turned,
                _ => false,
            };
            (task.completes() && !evidence)
                .then(|| format!("rule 11: {} ended as failed ({}) although its task completes", job.id, failure.code))
        })
        .collect()
}

/// The service never says here that money came back, and only what completed was charged.
fn rule_7_money_words_come_from_evidence(books: &Books, jobs: &[Job]) -> Broken {
    jobs.iter()
        .filter_map(|job| {
            let task = books.tasks.get(job.task.as_ref()?)?;
            let wrong = match job.charge? {
                Charge::Refunded => true,
                Charge::Charged => task.end != TaskStatus::Completed,
                Charge::Reserved | Charge::NotKnown => false,
            };
            wrong.then(|| format!("rule 7: {} is called {:?} without evidence", job.id, job.charge))
        })
        .collect()
}

fn rule_9_what_was_sent_is_not_called_cancelled(jobs: &[Job]) -> Broken {
    let sent = jobs.iter().filter(|job| job.phase == Phase::Cancelled(CancelledBy::You) && job.task.is_some());
    sent.map(|job| format!("rule 9: {} is called cancelled although it was sent", job.id)).collect()
}

fn a_saved_job_has_its_files(books: &Books, jobs: &[Job]) -> Broken {
    jobs.iter()
        .filter(|job| job.state() == State::Saved)
        .filter(|job| {
            let task = job.task.as_ref().map(TaskId::as_str).unwrap_or_default();
            job.files.is_empty() || !(books.saved.contains_key(task) || task.starts_with("task-unified-9-"))
        })
        .map(|job| format!("{} is saved without a file", job.id))
        .collect()
}

/// In a kind world nothing is left under way, and nothing waits that somebody said yes to. After an older copy was put back an
/// unsure job may have taken the task of a job that the copy knows as waiting; then that one asks again and again.
fn everything_comes_to_rest(books: &Books, jobs: &[Job], ended: Ended) -> Broken {
    jobs.iter()
        .filter(|job| match &job.phase {
            Phase::Saved | Phase::Failed(_) | Phase::Cancelled(_) | Phase::Unwatched | Phase::Unsure(_) | Phase::Held(_) => false,
            Phase::Waiting => ended.confirmed && !books.copied_back,
            Phase::Sending => !books.copied_back,
            // The three minutes in which a task without links is read again are counted by the machine's clock.
            Phase::Running(_) => !(ended.clock_was_turned && has_no_links(books, job)),
            Phase::ToFetch(_) | Phase::Fetching(_) => true,
        })
        .map(|job| format!("{} ended as {} ({:?})", job.id, job.state(), job.reason()))
        .collect()
}

fn has_no_links(books: &Books, job: &Job) -> bool {
    job.task.as_ref().and_then(|task| books.tasks.get(task)).is_some_and(|task| task.links == 0)
}
