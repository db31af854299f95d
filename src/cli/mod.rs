//! The command line: arguments in, words and an exit code out.
//!
//! This room knows arguments, stdout, stderr and exit codes. What a job is, how it is kept, sent and shown belongs to the
//! other rooms. Script commands (`add`, `list`, `cancel` …) work on the store directly; a running engine notices.
//!
//! Invariants: with `--json`, stdout carries nothing but JSON; a command that refuses its input has changed nothing; the
//! key is read only by commands that talk to the service.

mod account;
mod act;
mod add;
mod args;
mod candidates;
mod codes;
mod config_file;
mod config_set;
mod consent;
mod context;
mod dashboard;
mod doctor;
mod draft;
pub mod environment;
mod exit;
mod export;
pub mod hooks;
pub mod json;
mod list;
mod login;
mod man;
mod notices;
mod out;
mod outcomes;
mod problem;
mod run;
mod service;
mod session;
mod shells;
mod simulate;
mod start;
mod wait;
mod wording;

use clap::Parser;

pub use exit::Exit;
pub use problem::Problem;

use args::{Cli, Command, ConfigCommand};
use context::Context;
use out::Out;
use problem::Outcome;

use crate::config::{self, Environment};

/// The whole program: parses, reads the configuration, does what was asked, tells what went wrong.
///
/// # Errors
/// Only what nobody expects: the error report could not be set up.
pub fn main() -> color_eyre::Result<Exit> {
    start::no_core_files();
    if shells::completed() {
        return Ok(Exit::Ok);
    }
    start::survive_file_limits();
    let env = Environment::of_process();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return Ok(not_understood(&error)),
    };
    start::install_reports(&env)?;
    Ok(finish(cli.global.json, perform(&cli, &env)))
}

/// Tells a problem and gives its exit code.
fn finish(json: bool, outcome: Outcome) -> Exit {
    match outcome {
        Ok(exit) => exit,
        Err(problem) if problem.is_closed_pipe() => Exit::Ok,
        Err(problem) => {
            tracing::warn!(code = problem.code, "{}", problem.message);
            Out::status(&problem.words());
            if json {
                // Whoever closed the pipe does not want it.
                let _ = Out::new(true, config::ColorWhen::Never).object(&problem.json());
            }
            problem.exit
        }
    }
}

/// Help and version, which are no errors, and arguments that are.
fn not_understood(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        return match error.print() {
            Err(unwritten) if unwritten.kind() != std::io::ErrorKind::BrokenPipe => {
                Out::status(&format!("mj-enhance: the output cannot be written: {unwritten}"));
                Exit::BadInput
            }
            _ => Exit::Ok,
        };
    }
    let wants_json = std::env::args_os().skip(1).take_while(|arg| arg != "--").any(|arg| arg == "--json");
    let text = error.render().to_string();
    if crate::job::text::clean_lines(&text) == text {
        // What remains to be told when stderr is gone is the exit code.
        let _ = error.print();
    } else {
        // An argument that would do something to the terminal is quoted in it.
        Out::status(text.trim_end());
    }
    let next = if is_prompt_without_quotes(error.kind(), &text) {
        let next = "put the prompt in quotes: mj-enhance draft 'a boat --ar 3:2'";
        Out::status(&format!("\n  {next}"));
        next
    } else {
        "see `mj-enhance --help`"
    };
    if wants_json {
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let problem = Problem::input("bad_arguments", first, next);
        let _ = Out::new(true, config::ColorWhen::Never).object(&problem.json());
    }
    Exit::BadInput
}

/// Whether a parameter of a prompt was taken for an option of `draft`.
fn is_prompt_without_quotes(kind: clap::error::ErrorKind, text: &str) -> bool {
    kind == clap::error::ErrorKind::UnknownArgument && text.contains("Usage: mj-enhance draft")
}

fn perform(cli: &Cli, env: &Environment) -> Outcome {
    let global = &cli.global;
    let flags = global.flags();
    if cli.demo {
        return match cli.command {
            None => dashboard::demo(global, env),
            Some(_) => Err(Problem::input(
                "bad_arguments",
                "--demo opens the dashboard and takes no command",
                "for scripts, start `mj-enhance simulate` and point EVOLINK_BASE_URL and EVOLINK_API_KEY at it",
            )),
        };
    }
    // A variable that says neither yes nor no is a mistake that the reading of the configuration tells.
    let linear = config::asks_for_linear(&flags, env).ok().flatten().unwrap_or(false);
    let out = Out::new(global.json, global.color.unwrap_or_default()).linear(linear);
    // These work, and must work, with a configuration that is broken or missing.
    match &cli.command {
        Some(Command::Completions(args)) => return shells::completions(args),
        Some(Command::Man(args)) => return man::man(args),
        Some(Command::Config(args)) => match &args.what {
            ConfigCommand::Init => return config_file::init(&flags, env, out, global.read_only),
            ConfigCommand::Path => return config_file::path(&flags, env, out),
            ConfigCommand::Check => return config_file::check(&flags, env, out),
            ConfigCommand::Set(args) => return config_set::set(args, &flags, env, out, global.read_only),
            ConfigCommand::Edit => return config_file::edit(&flags, env, out, global.read_only),
            ConfigCommand::AdoptAccount => {}
        },
        Some(Command::Login) => return login::login(&flags, env, out, global.read_only),
        Some(Command::Simulate(args)) => return simulate::simulate(args, out),
        Some(Command::Doctor) => return doctor::doctor(&flags, env, out),
        _ => {}
    }
    let config = config_file::load(&flags, env)?;
    for note in &config.notes {
        Out::status(&format!("mj-enhance: {note}"));
    }
    let out = Out::new(global.json, config.color).linear(config.linear);
    let context = Context { config, env: env.clone(), out, read_only: global.read_only, verbose: global.verbose };
    match &cli.command {
        None => dashboard::dashboard(&context),
        Some(Command::Add(args)) => add::add(args, &context),
        Some(Command::List(args)) => list::list(args, &context),
        Some(Command::Show(args)) => list::show(args, &context),
        Some(Command::Wait(args)) => wait::wait(args, &context),
        Some(Command::Cancel(args)) => act::cancel(args, &context),
        Some(Command::Retry(args)) => act::retry(args, &context),
        Some(Command::Fetch(args)) => act::fetch(args, &context),
        Some(Command::Hold(args)) => act::hold(args, &context),
        Some(Command::Release(args)) => act::release(args, &context),
        Some(Command::Watch(args)) if args.plain || context.out.linear => wait::watch_plain(args, &context),
        Some(Command::Watch(args)) if args.until_idle => {
            Err(Problem::input("bad_arguments", "--until-idle needs --plain", "pass both, or end the dashboard with q"))
        }
        Some(Command::Watch(_)) => dashboard::watch(&context),
        Some(Command::Run(args)) => run::run(args, &context),
        Some(Command::Draft(args)) => draft::draft(args, &context),
        Some(Command::Drafts(args)) => service::drafts(args, &context),
        Some(Command::Credits) => service::credits(&context),
        Some(Command::Export(args)) => export::export(args, &context),
        Some(Command::Import(args)) => export::import(args, &context),
        Some(Command::Prune(args)) => export::prune(args, &context),
        Some(Command::Config(_)) => account::adopt(&context),
        Some(Command::Completions(_) | Command::Man(_) | Command::Simulate(_) | Command::Doctor | Command::Login) => {
            unreachable!("done before the configuration was read")
        }
    }
}
