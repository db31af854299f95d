//! Programs of the user's that are started when a job ends.
//!
//! They run one after another on a thread of their own, each in a process group of its own, get the job as JSON on their
//! input, nothing of the terminal, and never the key. One that runs too long is ended together with what it started. When
//! the program is told to leave, the one that runs goes on by itself and those that wait are dropped: leaving takes no
//! longer for them.

use std::collections::HashMap;
use std::io::{Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::json as job_json;
use crate::config::{self, KEY_VARIABLE};
use crate::engine::EngineEvent;
use crate::job::{Job, JobId, State};

/// How often a running program is looked after: the standard library has no wait for a program's end that also ends at a time
/// limit.
const LOOK: Duration = Duration::from_millis(50);

/// A program with its arguments, and what it is told.
type Start = (Vec<String>, Value);

/// Watches jobs go by and starts what is configured.
pub struct Hooks {
    set: config::Hooks,
    states: HashMap<JobId, State>,
    /// How many of them are under way: there are too many to count them at every change.
    under_way: usize,
    live: bool,
    batch_saved: usize,
    batch_failed: usize,
    runner: Option<(mpsc::Sender<Start>, JoinHandle<()>)>,
    /// Nothing more is started.
    abandoned: Arc<AtomicBool>,
}

impl Hooks {
    /// Hooks as configured.
    #[must_use]
    pub fn new(set: config::Hooks) -> Self {
        Self {
            set,
            states: HashMap::new(),
            under_way: 0,
            live: false,
            batch_saved: 0,
            batch_failed: 0,
            runner: None,
            abandoned: Arc::default(),
        }
    }

    /// What was told so far was the past; from now on, changes count.
    pub fn loaded(&mut self) {
        self.live = true;
    }

    /// EngineEvent on their way to a screen.
    pub fn hear(&mut self, news: &EngineEvent) {
        match news {
            EngineEvent::Gone(jobs) => jobs.iter().for_each(|job| self.forget(*job)),
            EngineEvent::Loaded => self.loaded(),
            EngineEvent::Jobs(jobs) => self.saw(jobs.iter().map(|job| &**job)),
            _ => {}
        }
    }

    /// Jobs as they are now.
    pub fn saw<'a>(&mut self, jobs: impl IntoIterator<Item = &'a Job>) {
        if self.set.on_done.is_empty() && self.set.on_failed.is_empty() && self.set.on_batch.is_empty() {
            return;
        }
        let was_busy = self.under_way > 0;
        for job in jobs {
            let before = self.states.insert(job.id, job.state());
            self.under_way += usize::from(job.state().is_under_way());
            self.under_way -= usize::from(before.is_some_and(State::is_under_way));
            if !self.live || before == Some(job.state()) {
                continue;
            }
            match job.state() {
                State::Saved => {
                    self.batch_saved += 1;
                    self.start(self.set.on_done.clone(), job_json::job(job));
                }
                State::Failed => {
                    self.batch_failed += 1;
                    self.start(self.set.on_failed.clone(), job_json::job(job));
                }
                _ => {}
            }
        }
        if self.live && was_busy && self.under_way == 0 {
            let counts =
                json!({ "schema": job_json::SCHEMA, "batch": { "saved": self.batch_saved, "failed": self.batch_failed } });
            self.start(self.set.on_batch.clone(), counts);
            (self.batch_saved, self.batch_failed) = (0, 0);
        }
    }

    /// A job that was pruned is not waited for.
    fn forget(&mut self, job: JobId) {
        let before = self.states.remove(&job);
        self.under_way -= usize::from(before.is_some_and(State::is_under_way));
    }

    fn start(&mut self, argv: Vec<String>, input: Value) {
        if argv.is_empty() {
            return;
        }
        let timeout = self.set.timeout;
        let (send, _) = self.runner.get_or_insert_with(|| {
            let (send, commands) = mpsc::channel::<Start>();
            let abandoned = Arc::clone(&self.abandoned);
            let thread = std::thread::spawn(move || {
                for (argv, input) in commands {
                    if abandoned.load(Ordering::Acquire) {
                        return;
                    }
                    if let Err(error) = run(&argv, &input, timeout) {
                        tracing::warn!(program = argv.first().map(String::as_str), "hook: {error}");
                    }
                }
            });
            (send, thread)
        });
        // The thread ends only after this sender.
        let _ = send.send((argv, input));
    }

    /// Leaves now: what waits is dropped, what runs goes on without this program.
    pub fn abandon(mut self) {
        self.abandoned.store(true, Ordering::Release);
        // Its thread ends with the process, or after the program that it looks after.
        drop(self.runner.take());
    }

    /// Waits until what was started has ended.
    pub fn finish(mut self) {
        if let Some((send, thread)) = self.runner.take() {
            drop(send);
            if thread.join().is_err() {
                tracing::warn!("the hooks' thread broke");
            }
        }
    }
}

fn run(argv: &[String], input: &Value, timeout: Duration) -> std::io::Result<()> {
    let program = argv.first().map_or("", String::as_str);
    // A file and no pipe: a program that does not read its input, or an input larger than a pipe, would hold up this thread.
    let mut told = tempfile::tempfile()?;
    writeln!(told, "{input}")?;
    told.rewind()?;
    let mut child = Command::new(program)
        .args(argv.iter().skip(1))
        .env_remove(KEY_VARIABLE)
        .stdin(told)
        // The terminal belongs to the dashboard.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A hangup of the terminal is not for it, and the time limit reaches what it starts.
        .process_group(0)
        .spawn()?;
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return if status.success() { Ok(()) } else { Err(std::io::Error::other(format!("it ended with {status}"))) };
        }
        if begun.elapsed() > timeout {
            let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
            let ended = group.map(|group| rustix::process::kill_process_group(group, rustix::process::Signal::KILL));
            if !matches!(ended, Some(Ok(()))) {
                child.kill()?;
            }
            child.wait()?;
            return Err(std::io::Error::other(format!("it ran longer than {} s and was ended", timeout.as_secs())));
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::json::tests::sample;
    use crate::job::Phase;

    fn hooks(folder: &std::path::Path) -> Hooks {
        let to = |name: &str| {
            let file = folder.join(name);
            vec!["sh".to_owned(), "-c".to_owned(), format!("cat >> '{}'; echo ${{EVOLINK_API_KEY-unset}} >&2", file.display())]
        };
        let timeout = Duration::from_secs(30);
        Hooks::new(config::Hooks { on_done: to("done"), on_failed: to("failed"), on_batch: to("batch"), timeout })
    }

    #[test]
    fn hooks_get_each_change_once_and_nothing_of_the_past() {
        let folder = tempfile::tempdir().unwrap();
        let mut hooks = hooks(folder.path());
        let past = sample();
        let mut job = Job::new(JobId::from_bits(1), past.kind.clone(), 1, past.created_at);
        job.phase = Phase::Waiting;
        hooks.saw([&past, &job]);
        hooks.loaded();
        job.phase = Phase::Saved;
        hooks.saw([&job]);
        hooks.saw([&job]);
        hooks.finish();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        assert_eq!(read("done").lines().count(), 1);
        assert!(read("done").contains("\"state\":\"saved\""));
        assert_eq!(read("failed"), "");
        assert_eq!(read("batch").trim(), r#"{"batch":{"failed":0,"saved":1},"schema":1}"#);
    }

    #[test]
    fn the_batch_ends_when_the_last_of_its_jobs_does_and_pruned_ones_are_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut hooks = hooks(folder.path());
        let past = sample();
        let job = |n: u64, phase| {
            let mut job = Job::new(JobId::from_bits(n), past.kind.clone(), 1, past.created_at);
            job.phase = phase;
            job
        };
        hooks.saw([&job(1, Phase::Waiting), &job(2, Phase::Waiting), &job(3, Phase::Waiting)]);
        hooks.loaded();
        hooks.saw([&job(1, Phase::Saved)]);
        hooks.saw([&job(1, Phase::Saved), &job(3, Phase::Waiting)]);
        assert_eq!(hooks.under_way, 2);
        hooks.hear(&EngineEvent::Gone(vec![JobId::from_bits(3), JobId::from_bits(9)]));
        hooks.saw([&job(2, Phase::Saved)]);
        hooks.finish();
        let batches = std::fs::read_to_string(folder.path().join("batch")).unwrap();
        assert_eq!(batches.trim(), r#"{"batch":{"failed":0,"saved":2},"schema":1}"#);
    }

    #[test]
    fn leaving_waits_for_no_hook_and_starts_none_that_waits() {
        let folder = tempfile::tempdir().unwrap();
        let (began, go_on, second) = (folder.path().join("began"), folder.path().join("go"), folder.path().join("second"));
        let script = format!(
            "[ -e '{}' ] && touch '{}'; touch '{}'; while [ ! -e '{}' ]; do sleep 0.01; done; touch '{}.done'",
            began.display(),
            second.display(),
            began.display(),
            go_on.display(),
            began.display()
        );
        let on_done = vec!["sh".to_owned(), "-c".to_owned(), script];
        let mut hooks = Hooks::new(config::Hooks { on_done, timeout: Duration::from_mins(1), ..config::Hooks::default() });
        hooks.loaded();
        let past = sample();
        for n in 1..4 {
            let mut job = Job::new(JobId::from_bits(n), past.kind.clone(), 1, past.created_at);
            job.phase = Phase::Saved;
            hooks.saw([&job]);
        }
        let until = |file: &std::path::Path| {
            let deadline = Instant::now() + Duration::from_secs(20);
            while !file.exists() {
                assert!(Instant::now() < deadline, "{} never came", file.display());
                std::thread::yield_now();
            }
        };
        until(&began);
        // The running one waits for a file that is made only after this call has come back.
        hooks.abandon();
        std::fs::write(&go_on, "").unwrap();
        until(&folder.path().join("began.done"));
        assert!(!second.exists(), "a hook that waited was started");
    }

    #[test]
    fn a_hook_that_reads_nothing_and_a_large_input_do_not_block() {
        let input = json!({ "text": "x".repeat(1 << 20) });
        run(&["true".to_owned()], &input, Duration::from_secs(30)).unwrap();
    }

    #[test]
    fn without_a_hook_no_job_is_remembered() {
        let mut hooks = Hooks::new(config::Hooks::default());
        hooks.saw([&sample()]);
        assert!(hooks.states.is_empty());
    }

    #[test]
    fn a_hook_that_runs_too_long_is_ended() {
        let argv = ["sleep".to_owned(), "60".to_owned()];
        let error = run(&argv, &json!({}), Duration::from_millis(1)).unwrap_err();
        assert!(error.to_string().contains("was ended"), "{error}");
    }
}
