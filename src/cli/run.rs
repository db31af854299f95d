//! `run`: the engine without a screen, told in sentences.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::args::RunArgs;
use super::context::Context;
use super::exit::Exit;
use super::hooks::Hooks;
use super::notices::notice_text;
use super::out::Out;
use super::problem::{Outcome, Problem, locked};
use super::session;
use super::{list, start, wait};
use crate::engine::{Connection, EngineEvent, Level, Notice, NoticeKind, PauseReason, Role, Sending, StartMode, Status};
use crate::job::{HoldReason, Job, JobId, Model, Phase, State, text};
use crate::store::Store;
use crate::tui::notices::no_price;

/// How long nothing may have been heard before an idle engine counts as done: one message can say the end of a job and
/// the next the start of another.
const QUIET: Duration = Duration::from_millis(300);

/// Everything that can wake the command.
enum Event {
    EngineEvent(EngineEvent),
    Signal,
}

/// Runs the engine until it is interrupted, or idle with `--until-idle`.
pub fn run(args: &RunArgs, context: &Context) -> Outcome {
    context.may_write()?;
    let sending = match (args.consent.yes, args.consent.max_credits) {
        (true, Some(limit)) => Sending::UpTo(limit),
        (false, None) => Sending::Nothing,
        _ => {
            return Err(Problem::new(
                Exit::NoConsent,
                "no_consent",
                if args.consent.yes {
                    "`--yes` needs `--max-credits`; nothing was started"
                } else {
                    "`--max-credits` needs `--yes`; nothing was started"
                },
                "pass both, or none to watch and fetch only",
            ));
        }
    };
    start::log_to(&context.config, context.verbose)?;
    if let Some(pid) = Store::engine_pid(&context.config.data_dir) {
        return Err(locked(Some(pid)));
    }
    let (send, events) = mpsc::channel();
    let news = send.clone();
    // The receiver is gone only when the command has ended.
    let sink = Box::new(move |told: EngineEvent| drop(news.send(Event::EngineEvent(told))));
    let told_to_leave = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&told_to_leave);
    on_signal(move || {
        // Before it is sent: one that nobody takes out of the channel any more is seen by this.
        told.store(true, Ordering::Release);
        send.send(Event::Signal).is_ok()
    })?;
    let engine = session::start(context, sending, StartMode::EngineOnly, sink)?;
    let mut watch = Watch::new(sending, context);
    let outcome = watch.until_the_end(args, &events, context);
    engine.stop();
    // What the engine wrote while it left.
    while let Ok(event) = events.try_recv() {
        if let Event::EngineEvent(news) = event {
            watch.hear(news, context);
        }
    }
    let hooks = std::mem::replace(&mut watch.hooks, Hooks::new(crate::config::Hooks::default()));
    // Whoever was told to leave is gone at once; a batch that is over may wait for what it started.
    // Nobody listens from here on: a signal ends the program at once, and the hooks go on by themselves.
    drop(events);
    let told_to_leave = told_to_leave.load(Ordering::Acquire);
    if matches!(outcome, Ok(None)) && !told_to_leave {
        hooks.finish();
    } else {
        hooks.abandon();
    }
    let exit = match outcome? {
        Some(exit) => Exit::first([exit, watch.exit()]),
        None if told_to_leave => Exit::first([Exit::Interrupted, watch.exit()]),
        None => watch.exit(),
    };
    Out::status(&watch.exit_summary());
    Ok(exit)
}

/// Calls a function at every Ctrl+c, Ctrl+\\, SIGTERM and SIGHUP, until it says that nobody listens. A SIGHUP that came in ignored
/// stays so: that is how `nohup` keeps a command beyond its terminal.
fn on_signal(mut tell: impl FnMut() -> bool + Send + 'static) -> Result<(), Problem> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    let mut wanted = vec![SIGINT, SIGTERM, SIGQUIT];
    if !start::is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = signal_hook::iterator::Signals::new(wanted)
        .map_err(|error| Problem::input("system", format!("signals cannot be handled: {error}"), "try again"))?;
    std::thread::spawn(move || {
        for (count, _) in signals.forever().enumerate() {
            // The second one insists; what is on disk is enough to go on from.
            if count > 0 || !tell() {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
        }
    });
    Ok(())
}

/// A message at every signal.
pub fn signals() -> Result<mpsc::Receiver<()>, Problem> {
    let (send, receive) = mpsc::channel();
    on_signal(move || send.send(()).is_ok())?;
    Ok(receive)
}

/// What has been heard so far.
struct Watch {
    sending: Sending,
    jobs: HashMap<JobId, Arc<Job>>,
    told: HashMap<JobId, (State, Option<String>)>,
    loaded: bool,
    status: Option<Arc<Status>>,
    last_answer: Instant,
    saw_down: bool,
    saw_wait: bool,
    /// Jobs that came to a stop in this run and count for the exit code.
    ended: HashMap<JobId, Exit>,
    saved: usize,
    /// Jobs in trouble that nothing here can end, since when: a download, or reads that do not tell how the task stands.
    troubled: HashMap<JobId, Instant>,
    /// When a job last changed.
    last_change: Instant,
    /// Since when the store takes no writes, and what it said.
    store_trouble: Option<(Instant, String)>,
    broken: Option<String>,
    hooks: Hooks,
    /// Nobody takes the JSON any more; the engine goes on without it.
    output_gone: bool,
}

impl Watch {
    fn new(sending: Sending, context: &Context) -> Self {
        Self {
            sending,
            jobs: HashMap::new(),
            told: HashMap::new(),
            loaded: false,
            status: None,
            last_answer: Instant::now(),
            saw_down: false,
            saw_wait: false,
            ended: HashMap::new(),
            saved: 0,
            troubled: HashMap::new(),
            last_change: Instant::now(),
            store_trouble: None,
            broken: None,
            hooks: Hooks::new(context.config.hooks.clone()),
            output_gone: false,
        }
    }

    /// Hears news until there is a reason to leave; `None` is "done".
    fn until_the_end(
        &mut self,
        args: &RunArgs,
        events: &mpsc::Receiver<Event>,
        context: &Context,
    ) -> Result<Option<Exit>, Problem> {
        loop {
            match events.recv_timeout(QUIET) {
                Ok(Event::Signal) => {
                    Out::status("Leaving; nothing more is sent, running jobs continue at EvoLink. Once more leaves at once.");
                    return Ok(Some(Exit::Interrupted));
                }
                Ok(Event::EngineEvent(news)) => self.hear(news, context),
                Err(mpsc::RecvTimeoutError::Timeout) if args.until_idle => {
                    if self.is_idle() {
                        return Ok(None);
                    }
                    if self.store_is_stuck(args.patience) {
                        return Ok(Some(Exit::JobFailed));
                    }
                    if self.last_answer.elapsed() >= args.patience && self.is_down() {
                        let problem = Problem::new(
                            Exit::Network,
                            "service",
                            "the service has not answered for too long; nothing is lost",
                            "start this again later",
                        );
                        Out::status(&problem.words());
                        self.output(context, &problem.json());
                        // Not returned as the problem: other codes may go first.
                        return Ok(Some(Exit::Network));
                    }
                    if self.gives_up_waiting(args.patience) {
                        return Ok(Some(Exit::JobFailed));
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    self.broken.get_or_insert_with(|| "the engine has ended".to_owned());
                }
            }
            if let Some(why) = self.broken.take() {
                return Err(Problem::input("store", why, "check the log, then start again"));
            }
            match self.status.as_deref() {
                Some(Status { role: Role::Screen { engine_pid }, .. }) => return Err(locked(*engine_pid)),
                Some(Status { paused: Some(PauseReason::Login { reply }), .. }) => {
                    return Err(Problem::new(
                        Exit::Login,
                        "login",
                        text::clean(&reply.words()),
                        "check the key with `mj-enhance doctor`; nothing is lost",
                    ));
                }
                _ => {}
            }
        }
    }

    fn hear(&mut self, news: EngineEvent, context: &Context) {
        match news {
            EngineEvent::Jobs(jobs) => {
                for job in jobs {
                    self.hear_job(job, context);
                }
            }
            EngineEvent::Loaded => {
                self.loaded = true;
                self.hooks.loaded();
                let jobs: Vec<Job> = self.jobs.values().map(|job| Job::clone(job)).collect();
                let totals = list::totals(&jobs);
                Out::status(&format!("The engine is running; {}.", if totals.is_empty() { "no jobs yet" } else { &totals }));
            }
            EngineEvent::Gone(ids) => ids.iter().for_each(|id| drop(self.jobs.remove(id))),
            EngineEvent::Status(status) => self.hear_status(status),
            EngineEvent::Notice(notice) => self.hear_notice(&notice),
            EngineEvent::Broken(error) => self.broken = Some(error.to_string()),
            EngineEvent::Progress(_) => self.answered(),
            EngineEvent::CommandDone { .. } | EngineEvent::Details { .. } | EngineEvent::Drafts(_) => {}
        }
    }

    fn hear_notice(&mut self, notice: &Notice) {
        match &notice.kind {
            NoticeKind::StoreUnwritable { error } | NoticeKind::NotSent { error } | NoticeKind::NotRepeated { error } => {
                self.store_trouble.get_or_insert_with(|| (Instant::now(), error.clone()));
            }
            NoticeKind::StoreWritable => self.store_trouble = None,
            _ => {}
        }
        if notice.level() > Level::Info && !self.is_told(notice) {
            let job = notice.job.and_then(|id| self.jobs.get(&id));
            let model = job.map_or(Model::Enhance, |job| job.kind.model());
            Out::status(&notice_text(notice, model, &|id| self.name(id)));
        }
    }

    fn hear_job(&mut self, job: Arc<Job>, context: &Context) {
        self.hooks.saw([&*job]);
        match &job.phase {
            Phase::ToFetch(trouble) if trouble.attempts > 0 => drop(self.troubled.entry(job.id).or_insert_with(Instant::now)),
            // The next try of the same; how a running job is read comes with the state.
            Phase::ToFetch(_) | Phase::Fetching(_) | Phase::Running(_) => {}
            _ => drop(self.troubled.remove(&job.id)),
        }
        let stands = (job.state(), job.reason());
        if self.loaded && self.told.get(&job.id) != Some(&stands) {
            if self.told.get(&job.id).is_none_or(|(state, _)| *state != job.state()) {
                (self.last_change, self.store_trouble) = (Instant::now(), None);
            }
            if matches!(job.state(), State::Running | State::ToFetch | State::Saved) {
                self.answered();
            }
            match job.state() {
                State::Saved => self.saved += 1,
                State::Failed | State::Held => {
                    let exit = match &job.phase {
                        // Held by the user's own hand in the meantime.
                        Phase::Held(HoldReason::You) => Exit::Ok,
                        _ => wait::exit_of(&job),
                    };
                    self.ended.insert(job.id, exit);
                }
                _ => {
                    self.ended.remove(&job.id);
                }
            }
            if context.out.json {
                self.output(context, &super::json::job(&job));
            }
            let sentence = super::wording::sentence(&job);
            tracing::info!("{sentence}");
            Out::status(&sentence);
        }
        self.told.insert(job.id, stands);
        self.jobs.insert(job.id, job);
    }

    /// Whether nothing that is left can be waited for any longer: everything that still moves has been in trouble for longer
    /// than this, and what waits in the queue has not been sent for as long. Then names it all.
    fn gives_up_waiting(&self, patience: Duration) -> bool {
        let is_limited = self.status.as_ref().is_some_and(|status| status.all_wait_until.is_some());
        let moves = |job: &&Arc<Job>| matches!(job.state(), State::Sending | State::Running | State::ToFetch | State::Fetching);
        let is_stuck = |job: &&Arc<Job>| self.troubled.get(&job.id).is_some_and(|since| since.elapsed() >= patience);
        let open: Vec<&Arc<Job>> = self.jobs.values().filter(moves).collect();
        let waits =
            self.sending != Sending::Nothing && !self.is_paused() && self.jobs.values().any(|job| job.state() == State::Waiting);
        let is_over = open.iter().all(is_stuck) && (!waits || self.last_change.elapsed() >= patience);
        if !self.loaded || is_limited || (open.is_empty() && !waits) || !is_over {
            return false;
        }
        for job in &open {
            Out::status(&super::wording::sentence(job));
        }
        let count = |state: State| self.jobs.values().filter(|job| job.state() == state).count();
        let fetching = count(State::ToFetch) + count(State::Fetching);
        let words = [
            (fetching > 0, "Results that cannot be fetched now stay to-fetch."),
            (count(State::Running) > 0, "Jobs whose state cannot be read now stay running."),
            (waits, "What could not be sent stays waiting."),
        ];
        let said: Vec<&str> = words.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words).collect();
        Out::status(&format!("{} Nothing is lost: start this again later; reading and fetching are free.", said.join(" ")));
        true
    }

    /// Whether the store has taken no writes for longer than this, so that nothing that is left can come to an end; then
    /// names it all.
    fn store_is_stuck(&self, patience: Duration) -> bool {
        let Some((_, error)) = self.store_trouble.as_ref().filter(|(since, _)| since.elapsed() >= patience) else {
            return false;
        };
        for job in self.jobs.values().filter(|job| job.state().is_under_way()) {
            Out::status(&super::wording::sentence(job));
        }
        Out::status(&format!(
            "The store cannot be written ({}). Nothing is lost: make room or see to its folder, then start this again.",
            text::clean(error)
        ));
        true
    }

    /// A line of JSON. A reader that went away, or an output that is full, must not leave paid jobs behind: said once.
    fn output(&mut self, context: &Context, value: &serde_json::Value) {
        if self.output_gone {
            return;
        }
        if let Err(problem) = context.out.object(value) {
            self.output_gone = true;
            let why = if problem.is_closed_pipe() { "its reader is gone".to_owned() } else { problem.message };
            tracing::warn!("the output ends: {why}");
            Out::status(&format!("The output ends here ({why}); the engine continues without it."));
        }
    }

    /// Whether a sentence on the job's state, or on the pause, says the same as this notice.
    fn is_told(&self, notice: &Notice) -> bool {
        let state = notice.job.and_then(|id| self.jobs.get(&id)).map(|job| job.state());
        match notice.kind {
            NoticeKind::Held(_) => state == Some(State::Held),
            NoticeKind::Failed(_) => state == Some(State::Failed),
            NoticeKind::Paused(_) => true,
            _ => false,
        }
    }

    /// A job as the table names it.
    fn name(&self, id: JobId) -> String {
        self.jobs.get(&id).map_or_else(|| id.to_string(), |job| job.label())
    }

    fn hear_status(&mut self, status: Arc<Status>) {
        match &status.connection {
            Connection::Down { why, .. } if !self.saw_down => {
                self.saw_down = true;
                let why = why.reply();
                Out::status(&format!("Cannot reach the service ({}); nothing is lost, retrying.", text::clean(&why)));
            }
            Connection::Up => {
                if self.saw_down {
                    Out::status("The service answers again.");
                }
                self.saw_down = false;
                self.answered();
            }
            Connection::Down { .. } | Connection::Unknown => {}
        }
        match status.all_wait_until {
            Some(until) if !self.saw_wait => {
                Out::status(&format!("Rate-limited: next try at {until}; nothing is lost."));
            }
            _ => {}
        }
        self.saw_wait = status.all_wait_until.is_some();
        let (jobs, now) = (&self.jobs, Instant::now());
        let is_running = |id: &JobId| jobs.get(id).is_some_and(|job| job.state() == State::Running);
        self.troubled.retain(|id, _| !is_running(id) || status.unread.contains(id));
        for id in status.unread.iter().filter(|id| is_running(id)) {
            self.troubled.entry(*id).or_insert(now);
        }
        let paused = |status: &Status| status.paused.clone();
        if paused(&status) != self.status.as_deref().and_then(paused)
            && let Some(why) = &status.paused
            // A refused key ends the command, and its last words say so.
            && !matches!(why, PauseReason::Login { .. })
        {
            Out::status(&pause_words(why));
        }
        self.status = Some(status);
    }

    fn answered(&mut self) {
        self.last_answer = Instant::now();
    }

    fn is_down(&self) -> bool {
        !self.status.as_ref().is_some_and(|status| status.connection == Connection::Up)
    }

    fn is_idle(&self) -> bool {
        self.loaded && self.status.as_ref().is_some_and(|status| status.idle)
    }

    /// What is left, as a code: jobs that failed or were held in this run, unsure ones, approved ones that had no consent.
    fn exit(&self) -> Exit {
        let left = self.jobs.values().map(|job| match job.state() {
            State::Unsure => Exit::Unsure,
            State::Waiting if self.sending == Sending::Nothing || self.is_paused() => Exit::NoConsent,
            _ => Exit::Ok,
        });
        Exit::first(left.chain(self.ended.values().copied()))
    }

    fn is_paused(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.paused.is_some())
    }

    fn exit_summary(&self) -> String {
        let count = |state: State| self.jobs.values().filter(|job| job.state() == state).count();
        let failed = self.ended.values().filter(|exit| **exit == Exit::JobFailed).count();
        let mut parts = vec![format!("{} saved", self.saved), format!("{failed} failed")];
        for (n, word) in [
            (count(State::Waiting), "waiting"),
            (count(State::Held), "held"),
            (count(State::Unsure), "unsure"),
            (count(State::Running), "still running at EvoLink"),
        ] {
            if n > 0 {
                parts.push(format!("{n} {word}"));
            }
        }
        let hint = if self.sending == Sending::Nothing && count(State::Waiting) > 0 {
            " To send what is waiting: run --yes --max-credits N."
        } else {
            ""
        };
        format!("This run: {}.{hint}", parts.join(", "))
    }
}

fn pause_words(why: &PauseReason) -> String {
    match why {
        PauseReason::You => "Sending paused by you; resume it in a dashboard, or pass --yes --max-credits N.".to_owned(),
        PauseReason::Price { agreed, now } => {
            format!("Sending paused: the price is now {now} credits, {agreed} were agreed; confirm again.")
        }
        PauseReason::Login { reply } | PauseReason::Balance { reply } | PauseReason::Access { reply } => {
            format!("Sending paused: {}.", text::clean(&reply.words()))
        }
        PauseReason::NoPrice { reply } => format!("Sending paused, no price can be named: {}.", text::clean(&no_price(reply))),
        PauseReason::Failures { code, count } => {
            format!("Sending paused: {count} jobs in a row failed with {}.", text::clean(code))
        }
    }
}
