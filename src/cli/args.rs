//! The command line: its words, types and help. What a command does is in the module of its name.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::ArgValueCompleter;

use super::candidates;

use crate::config::{ColorWhen, Flags, PictureWay};
use crate::job::query::Query;
use crate::job::{Credits, State, Tag};

/// A keyboard-driven dashboard for Midjourney V7 enhance jobs at EvoLink.
///
/// Without a command, the dashboard opens. A job costs money: nothing is sent until you confirm its price, and a script
/// confirms with --yes and --max-credits together. The API key comes from EVOLINK_API_KEY, key_file or key_command, never
/// from an argument.
#[derive(Parser, Debug)]
#[command(name = "mj-enhance", version, max_term_width = 100, after_help = EXIT_CODES, subcommand_help_heading = "Commands")]
pub struct Cli {
    /// Try everything with the built-in simulator, a temporary store and no key; nothing costs anything
    #[arg(long)]
    pub demo: bool,
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 some job failed, 2 bad input, 3 not confirmed or cap, 4 unsure jobs left,
5 network, 6 login, 7 locked by another engine, 8 --timeout passed, 130 interrupted.
When several fit: the first of 130, 6, 7, 2, 3, 4, 5, 1.";

/// What every command takes.
#[derive(Args, Debug, Default, Clone)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Read this configuration file [env: MJ_ENHANCE_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Keep store, log and results in this folder [env: MJ_ENHANCE_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,
    /// Address of the service, without /v1 [env: EVOLINK_BASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub base_url: Option<String>,
    /// Use this [profiles.NAME] of the configuration
    #[arg(long, global = true, value_name = "NAME", add = ArgValueCompleter::new(candidates::profiles))]
    pub profile: Option<String>,
    /// Write JSON to stdout and everything for people to stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum)]
    pub color: Option<ColorWhen>,
    /// Draw with ASCII only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Send as few bytes as possible to the terminal
    #[arg(long, global = true)]
    pub slow_link: bool,
    /// For screen readers: sentences, no tables and no full screen [env: MJ_ENHANCE_LINEAR]
    #[arg(long, global = true)]
    pub linear: bool,
    /// How pictures come to the screen; "off" for words only
    #[arg(long, global = true, value_name = "WAY", value_enum)]
    pub pictures: Option<PictureWay>,
    /// Change nothing: no send, no download, no write to the store
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Write more to the log file; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl Global {
    /// As the config room takes them.
    pub fn flags(&self) -> Flags {
        Flags {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            base_url: self.base_url.clone(),
            profile: self.profile.clone(),
            color: self.color,
            ascii: self.ascii,
            slow_link: self.slow_link,
            linear: self.linear,
            pictures: self.pictures,
        }
    }
}

/// A confirmation in a script; only both flags together are one.
#[derive(Args, Debug, Clone, Copy, Default)]
#[command(next_help_heading = "Spending")]
pub struct ConsentFlags {
    /// Confirm spending; requires --max-credits
    #[arg(long)]
    pub yes: bool,
    /// Spend at most this many credits; requires --yes
    #[arg(long, value_name = "N", value_parser = credits)]
    pub max_credits: Option<Credits>,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Record jobs, for a dashboard or `run` to send
    Add(AddArgs),
    /// List the jobs in the store
    List(ListArgs),
    /// Show all that is known of one job
    Show(ShowArgs),
    /// Wait until jobs are over; runs no engine
    Wait(WaitArgs),
    /// Drop what is not sent; stop watching what is
    Cancel(CancelArgs),
    /// Run jobs again: new paid jobs for the same pictures
    Retry(RetryArgs),
    /// Fetch results now; also watches an unwatched job again
    Fetch(IdsArgs),
    /// Hold waiting jobs back
    Hold(IdsArgs),
    /// Confirm held jobs, so that they may be sent
    Release(ReleaseArgs),
    /// Follow what happens, changing nothing
    Watch(WatchArgs),
    /// The engine without a dashboard: send, watch, fetch
    Run(RunArgs),
    /// Record draft jobs: four cheap pictures of each prompt
    Draft(DraftArgs),
    /// List the account's finished drafts that can be enhanced
    Drafts(DraftsArgs),
    /// Show the balance of account and key
    Credits,
    /// Print jobs with all that is kept, for `import` or a spreadsheet
    Export(ExportArgs),
    /// Import what `export` printed
    Import(ImportArgs),
    /// Forget jobs that ended long ago; their files and the spending stay
    Prune(PruneArgs),
    /// Ask for the API key without showing it, keep it in a file, check it
    Login,
    /// Make, check, edit or find the configuration
    Config(ConfigArgs),
    /// Check key, balance, clock, disk, store and terminal; nothing is paid
    Doctor,
    /// Serve a simulated EvoLink on this machine, for tries and tests
    Simulate(SimulateArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write all of them into a folder
    Man(ManArgs),
}

/// Record jobs, for a dashboard or `run` to send.
///
/// Nothing is stored without --yes and --max-credits together (exit 3), except with --hold. A picture that was given
/// twice, or whose job is neither failed nor cancelled, is left out and named. One bad line, and nothing is stored.
#[derive(Args, Debug)]
#[command(after_help = "\
A SPEC is `id`, `id:2`, `id:0,2`, `id:0-3`, `id:all`; in a file also CSV `id,2,tag` and JSON lines
{\"source_task\":\"id\",\"image_number\":2,\"tag\":\"word\"}. Pictures are numbered 0 to 3; without a number it is 0.")]
pub struct AddArgs {
    /// Pictures of drafts, like task-unified-1790000100-k3v9q2ad:0-3
    #[arg(value_name = "SPEC")]
    pub specs: Vec<String>,
    /// Read specs from a file, one per line; - is stdin
    #[arg(short, long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Tag the jobs with a word; a line's own tag wins
    #[arg(short, long, value_parser = tag, add = ArgValueCompleter::new(candidates::tags))]
    pub tag: Option<Tag>,
    /// Put them at the front of the queue
    #[arg(long)]
    pub front: bool,
    /// Store them held; nothing is sent until they are released
    #[arg(long, conflicts_with_all = ["yes", "max_credits"])]
    pub hold: bool,
    /// Take pictures given twice, too
    #[arg(long)]
    pub again: bool,
    /// Check and price everything, store nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub consent: ConsentFlags,
}

/// Record draft jobs, for a dashboard or `run` to send: four cheap pictures of each prompt.
///
/// Nothing is stored without --yes and --max-credits together (exit 3), except with --hold. A prompt that was given twice,
/// or is on its way, is left out and named. One wrong prompt, and nothing is stored.
#[derive(Args, Debug)]
#[command(after_help = "\
Put a prompt in quotes: 'old pier in winter --ar 3:2'. `{red, blue} boat` is two prompts, at most 40 of one line; a plain
brace is `\\{`. In a file each line is a prompt; lines that begin with # and a blank do not count.")]
pub struct DraftArgs {
    /// Prompts, each in quotes, like 'lighthouse in fog --ar 3:2'
    #[arg(value_name = "PROMPT")]
    pub prompts: Vec<String>,
    /// Read prompts from a file, one per line; - is stdin
    #[arg(short, long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Draft each prompt so often
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=40))]
    pub times: u32,
    /// Tag the jobs with a word
    #[arg(short, long, value_parser = tag, add = ArgValueCompleter::new(candidates::tags))]
    pub tag: Option<Tag>,
    /// Put them at the front of the queue
    #[arg(long)]
    pub front: bool,
    /// Store them held; nothing is sent until they are released
    #[arg(long, conflicts_with_all = ["yes", "max_credits"])]
    pub hold: bool,
    /// Take prompts given twice or on their way, too
    #[arg(long)]
    pub again: bool,
    /// Check and price everything, store nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub consent: ConsentFlags,
}

#[derive(Args, Debug)]
pub struct ListArgs {
    /// Only jobs in these states, like waiting,held; may be given several times
    #[arg(short, long, value_name = "STATE", value_delimiter = ',', value_parser = states())]
    pub state: Vec<State>,
    /// Only jobs with this tag
    #[arg(short, long, value_parser = tag, add = ArgValueCompleter::new(candidates::tags))]
    pub tag: Option<Tag>,
    /// Only jobs that fit a filter of the dashboard, like 'failed age>2h credits>5'
    #[arg(long, value_name = "QUERY", value_parser = query)]
    pub query: Option<Query>,
    /// Also jobs that were removed from the list
    #[arg(short, long)]
    pub all: bool,
    /// Print ids alone, one per line
    #[arg(short, long, conflicts_with = "json")]
    pub quiet: bool,
}

/// Which jobs: by name, or by what they have in common.
#[derive(Args, Debug, Default)]
#[group(id = "jobs", required = true, multiple = true)]
pub struct Selector {
    /// The jobs: ids, beginnings of ids, or task ids
    #[arg(
        value_name = "ID", group = "jobs", conflicts_with_all = ["state", "tag", "query", "all"],
        add = ArgValueCompleter::new(candidates::jobs)
    )]
    pub ids: Vec<String>,
    /// All jobs in these states, like waiting,held
    #[arg(short, long, value_name = "STATE", value_delimiter = ',', value_parser = states(), group = "jobs")]
    pub state: Vec<State>,
    /// All jobs with this tag
    #[arg(short, long, value_parser = tag, group = "jobs", add = ArgValueCompleter::new(candidates::tags))]
    pub tag: Option<Tag>,
    /// All jobs that fit a filter of the dashboard, like 'failed age>2h'
    #[arg(long, value_name = "QUERY", value_parser = query, group = "jobs")]
    pub query: Option<Query>,
    /// All jobs that this can be done to
    #[arg(long, group = "jobs", conflicts_with_all = ["state", "tag", "query"])]
    pub all: bool,
}

#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The job: its id, the beginning of it, or its task id
    #[arg(value_name = "ID", add = ArgValueCompleter::new(candidates::jobs))]
    pub id: String,
    /// Print the service's last answer as well
    #[arg(long)]
    pub raw: bool,
}

/// Wait until jobs are over; runs no engine.
///
/// Over is saved, failed or cancelled, and also held, unsure or unwatched, where nothing changes automatically. Without an
/// ID, all jobs that are under way, and those that are unsure.
#[derive(Args, Debug)]
pub struct WaitArgs {
    /// The jobs
    #[arg(value_name = "ID", add = ArgValueCompleter::new(candidates::jobs))]
    pub ids: Vec<String>,
    /// Give up after this time (exit 8), like 90s or 10m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
}

/// Drop what is not sent; stop watching what is.
///
/// EvoLink cannot cancel a sent job: it keeps running and is charged if it completes. `fetch` watches it again.
/// An unsure job stays unsure unless --give-up is given.
#[derive(Args, Debug)]
pub struct CancelArgs {
    #[command(flatten)]
    pub jobs: Selector,
    /// Also give up unsure jobs, which may have been charged
    #[arg(long)]
    pub give_up: bool,
}

/// Run jobs again: new paid jobs for the same pictures.
///
/// For jobs that failed or were cancelled; with --again also for saved and unwatched ones. Needs --yes and --max-credits together.
#[derive(Args, Debug)]
pub struct RetryArgs {
    #[command(flatten)]
    pub jobs: Selector,
    /// Put them at the front of the queue
    #[arg(long)]
    pub front: bool,
    /// Also run again what is saved or unwatched, or has a live job already
    #[arg(long)]
    pub again: bool,
    #[command(flatten)]
    pub consent: ConsentFlags,
}

/// Confirm held jobs, so that they may be sent.
///
/// Needs --yes and --max-credits together.
#[derive(Args, Debug)]
pub struct ReleaseArgs {
    #[command(flatten)]
    pub jobs: Selector,
    #[command(flatten)]
    pub consent: ConsentFlags,
}

#[derive(Args, Debug)]
pub struct IdsArgs {
    #[command(flatten)]
    pub jobs: Selector,
}

/// Follow what happens, changing nothing.
///
/// Opens the dashboard read-only. With --plain: one sentence per change, for screen readers and logs.
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// One sentence per change, no dashboard, no escape codes
    #[arg(long)]
    pub plain: bool,
    /// With --plain: end when nothing is under way
    #[arg(long)]
    pub until_idle: bool,
}

/// The engine without a dashboard: send, watch, fetch.
///
/// Sends only with --yes and --max-credits together, and at most that much in this run; without them it watches, fetches
/// and looks into unsure jobs. Ctrl+c stops sending and leaves; jobs that were sent keep running at EvoLink.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// End when nothing is under way and no approved job is left to send
    #[arg(long)]
    pub until_idle: bool,
    /// With --until-idle: give up after this time without any answer of the service (exit 5) or with nothing left but jobs
    /// in trouble (exit 1)
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub patience: Duration,
    #[command(flatten)]
    pub consent: ConsentFlags,
}

#[derive(Args, Debug)]
pub struct DraftsArgs {
    /// How many finished mj-v7 tasks to check, newest first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Also tasks whose price says that they are not drafts
    #[arg(short, long)]
    pub all: bool,
    /// Also those hidden in the dashboard
    #[arg(long)]
    pub hidden: bool,
    /// Fetch the pictures of those listed that are not on disk (free)
    #[arg(long)]
    pub save: bool,
    /// Print one `id 0-3` line for each, for `add -f -`
    #[arg(long)]
    pub specs: bool,
}

#[derive(Args, Debug)]
pub struct ExportArgs {
    /// json can be imported again; csv is for spreadsheets
    #[arg(long, value_enum, default_value = "json")]
    pub format: ExportFormat,
    /// Only jobs with this tag
    #[arg(short, long, value_parser = tag, add = ArgValueCompleter::new(candidates::tags))]
    pub tag: Option<Tag>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ExportFormat {
    /// One job a line, whole.
    Json,
    /// A table with a header.
    Csv,
}

#[derive(Args, Debug)]
pub struct ImportArgs {
    /// What `export` printed; - or nothing is stdin
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct PruneArgs {
    /// Forget what ended longer ago than this
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration)]
    pub older_than: Duration,
    /// Only jobs that were removed from the list
    #[arg(long)]
    pub removed: bool,
}

#[derive(Args, Debug)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub what: ConfigCommand,
}

#[derive(Args, Debug)]
pub struct ConfigSetArgs {
    /// The option: cap_day, theme, max_in_flight, …; `config init` writes a file that lists them
    #[arg(add = ArgValueCompleter::new(candidates::options))]
    pub name: String,
    /// Its value: a number, true, false, a list, or text
    #[arg(allow_hyphen_values = true, add = ArgValueCompleter::new(candidates::option_values))]
    pub value: String,
}

#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Write a file with every option and its default, if there is none
    Init,
    /// Read everything and report every mistake, missing key files and hooks included
    Check,
    /// Print where the file is looked for
    Path,
    /// Set one option in the file, or in a profile of it (--profile)
    Set(ConfigSetArgs),
    /// Open the file in $VISUAL or $EDITOR, and check it afterwards
    Edit,
    /// Say that a new key or address is the same account as before
    ///
    /// A store belongs to one service address and one account, and refuses others while jobs are open. After a key was
    /// renewed, this makes the new one its key. Where jobs run, the service must know one of them under the new key.
    AdoptAccount,
}

/// Serve a simulated EvoLink on this machine, for tries and tests.
///
/// Prints one JSON object with its address, a key and the ids of drafts, then serves until it is interrupted.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// A scenario file (TOML): drafts, prices, speeds, faults
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Nushell,
    Elvish,
    Powershell,
}

#[derive(Args, Debug)]
pub struct ManArgs {
    /// Write a page for every command into this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

fn credits(text: &str) -> Result<Credits, String> {
    let amount: Credits = text.parse().map_err(|error: crate::job::CreditsError| error.to_string())?;
    if amount < Credits::ZERO { Err("an amount below zero is not a limit".to_owned()) } else { Ok(amount) }
}

fn tag(text: &str) -> Result<Tag, String> {
    Tag::new(text).map_err(|error| error.to_string())
}

/// The states by their words, which completions offer.
fn states() -> impl TypedValueParser<Value = State> {
    let words = State::ALL.iter().map(|state| state.word());
    clap::builder::PossibleValuesParser::new(words).try_map(|word| State::from_word(&word).ok_or("is not a state"))
}

fn query(text: &str) -> Result<Query, String> {
    Query::parse(text).map_err(|errors| {
        let said: Vec<String> = errors.into_iter().map(|error| error.message).collect();
        said.join("; ")
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::config::parse_duration(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_argument_takes_a_key() {
        fn walk(command: &clap::Command) {
            for arg in command.get_arguments() {
                let name = arg.get_id().as_str();
                assert!(!name.contains("key") && !name.contains("token"), "{name}");
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }

    #[test]
    fn jobs_are_named_or_selected_and_never_both() {
        let parsed = |args: &[&str]| Cli::try_parse_from([&["mj-enhance", "cancel"], args].concat()).is_ok();
        for good in
            [&["a", "b"][..], &["--state", "waiting,held", "--tag", "x"], &["-s", "held"], &["--all"], &["--query", "failed"]]
        {
            assert!(parsed(good), "{good:?}");
        }
        for bad in [
            &[][..],
            &["a", "--all"],
            &["a", "--tag", "x"],
            &["--all", "--state", "held"],
            &["-s", "sleeping"],
            &["--query", "x:"],
        ] {
            assert!(!parsed(bad), "{bad:?}");
        }
    }

    #[test]
    fn hold_and_consent_exclude_each_other() {
        assert!(Cli::try_parse_from(["mj-enhance", "add", "x", "--hold", "--yes"]).is_err());
    }

    #[test]
    fn flags_may_stand_before_and_after_the_command() {
        let cli = Cli::try_parse_from(["mj-enhance", "--json", "list", "--data-dir", "/d", "-vv"]).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.verbose, 2);
        assert_eq!(cli.global.flags().data_dir.as_deref(), Some(std::path::Path::new("/d")));
    }
}
