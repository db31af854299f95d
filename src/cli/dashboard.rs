//! The dashboard, the demo, and `watch`: what is prepared before the screen opens.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex};

use super::args::Global;
use super::context::{Context, STORE_FILE, now};
use super::exit::Exit;
use super::hooks::Hooks;
use super::out::Out;
use super::problem::{Outcome, Problem};
use super::{config_file, environment, session, simulate, start};
use crate::config::{self, Config, Environment, KEY_VARIABLE, TerminalBackend, variables};
use crate::engine::{Command, Consent, EngineEvent, Sending, Session, StartMode};
use crate::job::{
    CancelledBy, Charge, Credits, IdempotencyKey, Job, JobId, JobKind, Model, PaidSend, Phase, PriceLines, Progress, Prompt, Tag,
    TaskId, parse_line,
};
use crate::simulator;
use crate::store::{Access, Store};
use crate::tui::terminal::capabilities::Colours;
use crate::tui::terminal::osc::Notifier;
use crate::tui::terminal::paint::Encoder;
use crate::tui::terminal::{self, Capabilities, Device, Inbox};
use crate::tui::{self, App, AppOptions, Charset, DashboardDeps, Exporter, Keymap, News, NotifyMethod, Theme};

/// Opens the dashboard.
pub fn dashboard(context: &Context) -> Outcome {
    needs_terminal(context)?;
    let sending = if context.read_only { Sending::Nothing } else { Sending::WithConsent };
    open(context, sending, false)
}

/// Opens the dashboard and changes nothing.
pub fn watch(context: &Context) -> Outcome {
    needs_terminal(context)?;
    open(context, Sending::Nothing, false)
}

/// The dashboard on a simulator of its own, with a store that goes away.
pub fn demo(global: &Global, env: &Environment) -> Outcome {
    // Refused before anything is started.
    let mut flags = global.flags();
    let temporary = tempfile::Builder::new().prefix("mj-enhance-demo-").tempdir().map_err(|error| {
        Problem::input("unusable_folder", format!("no temporary folder can be made: {error}"), "check TMPDIR and the disk")
    })?;
    match &flags.data_dir {
        None => flags.data_dir = Some(temporary.path().join("data")),
        // Its jobs are real, and the demo's would be among them.
        Some(folder) if folder.join(STORE_FILE).exists() => {
            return Err(Problem::input(
                "not_a_demo_store",
                format!("--demo never opens a store, and {} holds one", folder.display()),
                "leave --data-dir out, or name an empty folder",
            ));
        }
        Some(_) => {}
    }
    let probe = config_file::load(&flags, &Environment::default())?;
    let linear = config::asks_for_linear(&flags, env).map_err(|error| config::ConfigErrors(vec![error]))?;
    let out = Out::new(global.json, probe.color).linear(linear.unwrap_or(probe.linear));
    let context = |config, env| Context { config, env, out, read_only: global.read_only, verbose: global.verbose };
    needs_terminal(&context(probe, Environment::default()))?;
    let simulator = simulate::start(simulator::demo(), 0)?;
    // The demo knows no key but the simulator's, and none of the user's places.
    let mut pairs: Vec<(String, String)> =
        KEPT_IN_THE_DEMO.iter().filter_map(|name| Some(((*name).to_owned(), env.get(name)?.to_owned()))).collect();
    pairs.push((KEY_VARIABLE.to_owned(), simulator.key()));
    pairs.push((variables::BASE_URL.to_owned(), simulator.base_url()));
    flags.base_url = None;
    flags.profile = None;
    let env = Environment::of(pairs);
    let mut config = config_file::load(&flags, &env)?;
    config.results_dir = config.data_dir.join("results");
    config.hooks = config::Hooks::default();
    config.callback_url = None;
    open(&context(config, env), Sending::WithConsent, true)
}

/// What says where and on which terminal the demo is shown.
const KEPT_IN_THE_DEMO: [&str; 22] = [
    "HOME",
    "TERM",
    "COLORTERM",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LC_TERMINAL",
    "NO_COLOR",
    "TMUX",
    "STY",
    "SSH_TTY",
    "SSH_CONNECTION",
    "SSH_CLIENT",
    "TERM_PROGRAM",
    "VTE_VERSION",
    "KITTY_WINDOW_ID",
    "GHOSTTY_RESOURCES_DIR",
    "ITERM_SESSION_ID",
    "WEZTERM_PANE",
    "WT_SESSION",
    "USER",
    "LOGNAME",
];

/// What the demo's user has already confirmed, so that something moves without a key: some of it works, some does not.
const DEMO_JOBS: [(&str, &str); 5] = [
    ("task-unified-1790000100-k3v9q2ad all", "harbour"),
    ("task-unified-1790000460-h8m4t7xe 0-2", "harbour"),
    ("task-unified-1790000820-c2w6r9ps 0,3", "forest"),
    ("task-unified-1790001180-n5j1z8bf 0,1", "forest"),
    ("task-unified-1790001540-q7d3y6ug 0,3", "portraits"),
];

/// Pictures that stay held until somebody confirms them.
const DEMO_HELD: (&str, &str) = ("task-unified-1790001540-q7d3y6ug 1,2", "portraits");

/// Drafts that were made here in an earlier hour, by their tasks in the demo's scenario; the others of its account are those of
/// another program. Each with its prompt, its tag and its age in seconds.
const DEMO_DRAFTS: [(&str, &str, &str, i64); 2] = [
    ("task-unified-1790000100-k3v9q2ad", "lighthouse in fog, oil on canvas, thick paint --s 250", "harbour", 5_400),
    ("task-unified-1790001180-n5j1z8bf", "river bend in October, ink and wash", "forest", 4_320),
];

/// How long the demo's drafts ran, in seconds.
const DEMO_DRAFT_RUN: i64 = 24;

/// Jobs of an earlier hour, in the states that nothing in the demo leads to by itself; their tasks are in the demo's scenario.
fn seed_demo(config: &Config) -> Result<(), Problem> {
    let now = now();
    let ago = |seconds: i64| now.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now);
    let job = |bits: u64, line: &str, seconds: i64| {
        let spec = parse_line(line).ok().and_then(|specs| specs.into_iter().next())?;
        let place = i64::try_from(bits).ok()? - 100;
        let mut job = Job::new(JobId::from_bits(bits << 20 | 0x5_1e3a), spec.kind(), place, ago(seconds));
        job.tag = Tag::new("earlier").ok();
        Some(job)
    };
    let send = |seconds: i64, rng: u8| PaidSend {
        key: IdempotencyKey::from_random([rng; 16]),
        body: String::new(),
        agreed: Credits::PUBLISHED_PRICE,
        first_at: ago(seconds),
        last_at: ago(seconds),
        first_server_time: None,
        last_server_time: None,
        attempts: 1,
        lost: 0,
        absence_confirmed: false,
        refusals: 0,
    };
    let mut jobs = Vec::new();
    for ((task, prompt, tag, seconds), n) in DEMO_DRAFTS.into_iter().zip(3_u8..) {
        let Ok(prompt) = Prompt::new(prompt) else { continue };
        let bits = u64::from(n) << 20 | 0x5_1e3a;
        let kind = JobKind::Draft { prompt, template: None };
        let mut draft = Job::new(JobId::from_bits(bits), kind, i64::from(n) - 100, ago(seconds + 5));
        // Its pictures come as those of any other do.
        draft.phase = Phase::Running(Progress::default());
        draft.task = TaskId::new(task).ok();
        draft.tag = Tag::new(tag).ok();
        // Their end is the moment in which the demo reads them, so a send in the hour of their making would be a run of an hour.
        draft.send = Some(PaidSend { agreed: Credits::PUBLISHED_DRAFT_PRICE, ..send(DEMO_DRAFT_RUN, n) });
        draft.sent_at = Some(ago(DEMO_DRAFT_RUN));
        draft.charge = Some(Charge::Reserved);
        draft.reserved = Some(Credits::PUBLISHED_DRAFT_PRICE);
        jobs.push(draft);
    }
    if let Some(mut unwatched) = job(1, "task-unified-1790001900-v4x2l9ok 0", 95) {
        unwatched.phase = Phase::Unwatched;
        unwatched.task = TaskId::new("task-unified-1790005400-r6t2y8ue").ok();
        unwatched.send = Some(send(90, 1));
        unwatched.sent_at = Some(ago(90));
        unwatched.charge = Some(Charge::Reserved);
        unwatched.reserved = Some(Credits::PUBLISHED_PRICE);
        jobs.push(unwatched);
    }
    if let Some(mut cancelled) = job(2, "task-unified-1790001180-n5j1z8bf 3", 80) {
        cancelled.phase = Phase::Cancelled(CancelledBy::You);
        cancelled.finished_at = Some(ago(70));
        jobs.push(cancelled);
    }
    Store::open(&config.data_dir, Access::ReadWrite)?.import(&jobs, now)?;
    Ok(())
}

fn begin_demo(session: &mut Session) {
    let mut add = |line: &str, tag: &str, consent: bool| {
        let specs = parse_line(line).unwrap_or_default();
        let consent = consent.then_some(Consent {
            lines: PriceLines::one(Model::Enhance, specs.len(), Credits::PUBLISHED_PRICE),
            grace: std::time::Duration::ZERO,
        });
        session.send(Command::Add { specs, tag: Tag::new(tag).ok(), front: false, again: false, consent });
    };
    for (line, tag) in DEMO_JOBS {
        add(line, tag, true);
    }
    add(DEMO_HELD.0, DEMO_HELD.1, false);
}

fn needs_terminal(context: &Context) -> Result<(), Problem> {
    if context.out.json {
        return Err(Problem::input(
            "no_terminal",
            "the dashboard has no --json",
            "use `list --json`, `run --json` or `watch --plain --json`",
        ));
    }
    if context.out.linear {
        return Err(Problem::input(
            "linear",
            "linear output is set, and the dashboard is a full screen",
            "use `run`, `watch`, `list` and `show`, which write sentences; MJ_ENHANCE_LINEAR=0 opens the dashboard",
        ));
    }
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Problem::input(
        "no_terminal",
        "the dashboard needs a terminal",
        "in a script, use `add`, `run`, `list` and `wait`; `mj-enhance --help` shows them",
    ))
}

/// Opens the screen over a session; the demo's own jobs are added first.
fn open(context: &Context, sending: Sending, demo: bool) -> Outcome {
    let config = &context.config;
    let keymap = config_file::keymap(&config.keys).unwrap_or_default();
    config.key.read(&context.env)?;
    match start::log_to(config, context.verbose) {
        // Who only looks on can do without a log where none can be written.
        Err(_) if sending == Sending::Nothing => {}
        other => other?,
    }
    let capabilities = environment::capabilities(config, &context.env);
    if !capabilities.screen.value {
        return Err(Problem::input(
            "no_terminal",
            format!("this terminal has no screen to draw on: {}", capabilities.screen.why),
            "use `run` and `watch --plain`, or set TERM to what the terminal is",
        ));
    }
    let device = Device::open().map_err(|error| {
        Problem::input("no_terminal", format!("the terminal cannot be opened: {error}"), "start it on a terminal")
    })?;
    let inbox = Inbox::<News>::default();
    let mailbox = inbox.mailbox();
    let hooks = Arc::new(Mutex::new(Some(Hooks::new(config.hooks.clone()))));
    let watched = Arc::clone(&hooks);
    let sink = Box::new(move |news: EngineEvent| {
        if let Ok(mut hooks) = watched.lock()
            && let Some(hooks) = hooks.as_mut()
        {
            hooks.hear(&news);
        }
        mailbox.news(News::Engine(news));
    });
    let join = if sending == Sending::Nothing { StartMode::ReadOnly } else { StartMode::EngineOrFollower };
    if demo {
        seed_demo(config)?;
    }
    let mut session = session::start(context, sending, join, sink)?;
    if demo {
        begin_demo(&mut session);
    }
    let mut app = App::new(
        AppOptions {
            demo,
            read_only: sending == Sending::Nothing,
            ..app_options(context, keymap, &capabilities, session.remembered())
        },
        now(),
    );
    let exit = tui::run(
        &mut app,
        DashboardDeps {
            session,
            inbox,
            device,
            options: terminal_options(config, &capabilities),
            exporter: exporter(config),
            tmux: environment::tmux,
        },
    )
    .map_err(|error| Problem::input("no_terminal", format!("the terminal cannot be used: {error}"), "start it on a terminal"))?;
    let hooks = hooks.lock().ok().and_then(|mut hooks| hooks.take());
    if let Some(hooks) = hooks {
        // The terminal is to be free at once; what runs goes on by itself.
        hooks.abandon();
    }
    if let Some(exit) = app.exit() {
        if let Some(broken) = &exit.broken {
            return Err(Problem::input("store", broken.clone(), "check the log, then start again"));
        }
        // What the demo's jobs are at is gone with its store.
        let summary = if demo {
            "mj-enhance: demo over, nothing was kept. First real use: `mj-enhance login`."
        } else {
            &exit.exit_summary
        };
        if !summary.is_empty() {
            Out::status(summary);
        }
    }
    Ok(match exit {
        terminal::Exit::Quit => Exit::Ok,
        terminal::Exit::Terminated | terminal::Exit::HungUp => Exit::Interrupted,
    })
}

fn app_options(context: &Context, keymap: Keymap, capabilities: &Capabilities, remembered: Option<&str>) -> AppOptions {
    let config = &context.config;
    let scp = environment::scp(&context.env);
    AppOptions {
        keymap,
        charset: if capabilities.unicode.value { Charset::Unicode } else { Charset::Ascii },
        theme: match config.theme {
            config::Theme::Auto => Theme::Auto,
            config::Theme::Dark => Theme::Dark,
            config::Theme::Light => Theme::Light,
            config::Theme::Mono => Theme::Mono,
        },
        color: capabilities.colours.value > Colours::None,
        rich_color: capabilities.colours.value >= Colours::Indexed,
        slow_link: config.slow_link,
        configured_caps: config.caps,
        grace: config.grace,
        profile: config.profile.clone(),
        demo: false,
        read_only: context.read_only,
        mouse: environment::mouse(config, capabilities).value,
        user: scp.user,
        host: scp.host,
        port: scp.port,
        zone: jiff::tz::TimeZone::system(),
        notify: match (config.notify, capabilities.notices.value) {
            (config::Notify::Off, _) => NotifyMethod::Off,
            (config::Notify::Bell, _) | (config::Notify::Auto, Notifier::Bell) => NotifyMethod::Bell,
            _ => NotifyMethod::Desktop,
        },
        pictures: environment::pictures(config, capabilities, &context.env),
        remembered: remembered.map(str::to_owned),
    }
}

fn terminal_options(config: &Config, capabilities: &Capabilities) -> terminal::Options {
    let mut options = terminal::Options::of(capabilities, config.slow_link);
    // A console has no background but the one that is there.
    let ask = config.theme == config::Theme::Auto && capabilities.colours.value > Colours::None && options.modes.foreign;
    (options.ask_background, options.modes.scheme) = (ask, ask);
    options.modes.log = Some(config.data_dir.join("mj-enhance.log"));
    options.mouse = environment::mouse(config, capabilities).value;
    options.notices = match config.notify {
        config::Notify::Auto | config::Notify::Off => options.notices,
        config::Notify::Bell => Notifier::Bell,
        config::Notify::Osc9 => Notifier::Osc9,
        config::Notify::Osc777 => Notifier::Osc777,
        config::Notify::Osc99 => Notifier::Osc99,
    };
    options.style.encoder = match config.terminal_backend {
        TerminalBackend::Own => Encoder::Thrifty,
        TerminalBackend::Stock => Encoder::Stock,
    };
    options
}

/// Exports go beside the results, under a name of their own.
fn exporter(config: &Config) -> Exporter {
    let folder = config.results_dir.clone();
    Box::new(move |format, content| {
        let said = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir_all(&folder).map_err(said)?;
        let stamp = now().strftime("%Y%m%d-%H%M%S").to_string();
        let path = folder.join(format!("jobs-{stamp}.{}", format.extension()));
        let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(said)?;
        std::io::Write::write_all(&mut file, content.as_bytes()).map_err(said)?;
        file.persist_noclobber(&path).map_err(|error| said(error.error))?;
        Ok(path)
    })
}
