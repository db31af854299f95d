//! `man`: manual pages, made from the same source as `--help`, with what a manual page is looked up for.

use std::io::Write;

use clap::CommandFactory;

use super::args::{Cli, ManArgs};
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};
use super::shells::command_name;

/// Terms with their meanings.
type Entries = &'static [(&'static str, &'static str)];

/// Prints the manual page of the program, or writes one for every command.
pub fn man(args: &ManArgs) -> Outcome {
    let pages = pages();
    let Some(folder) = &args.dir else {
        Out::raw(&String::from_utf8_lossy(&render(&pages[0], &pages)?))?;
        return Ok(Exit::Ok);
    };
    let failed = |error: std::io::Error| {
        Problem::input("unusable_folder", format!("{}: {error}", folder.display()), "name another folder with --dir")
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    for page in &pages {
        let path = folder.join(format!("{}.1", page.name));
        let mut file = std::fs::File::create(&path).map_err(failed)?;
        file.write_all(&render(page, &pages)?).map_err(failed)?;
        Out::status(&path.display().to_string());
    }
    Ok(Exit::Ok)
}

/// One page: the command under the name that its page has.
struct Page {
    /// `mj-enhance`, `mj-enhance-add`, `mj-enhance-config-init`
    name: String,
    command: clap::Command,
}

/// The program first, then every command, and the commands of a command behind it.
fn pages() -> Vec<Page> {
    fn collect(name: &str, command: &clap::Command, out: &mut Vec<Page>) {
        // The page's own name shows the words as they are typed; clap keeps names for the program's whole life.
        let shown: &'static str = Box::leak(name.to_owned().into_boxed_str());
        out.push(Page { name: name.to_owned(), command: command.clone().name(shown).display_name(shown) });
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            collect(&format!("{name}-{}", sub.get_name()), sub, out);
        }
    }
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    collect(&command_name(), &command, &mut pages);
    pages
}

/// The page of one command: what its help says, then the sections that every page has.
fn render(page: &Page, all: &[Page]) -> Result<Vec<u8>, Problem> {
    let program = command_name();
    let is_program = page.name == program;
    // What stands after the help of a command belongs to it; the program's exit codes get a section of their own.
    let command = if is_program { page.command.clone().after_help(None::<&str>) } else { page.command.clone() };
    let has_commands = command.has_subcommands();
    let has_more = command.get_after_help().is_some() || command.get_after_long_help().is_some();
    let man = clap_mangen::Man::new(command).manual("User Commands");
    let short = page.name.strip_prefix(&format!("{program}-")).unwrap_or_default();
    let parent = page.name.rsplit_once('-').map_or(&*program, |(parent, _)| parent);
    let is_related = |other: &&Page| {
        let name = other.name[program.len()..].trim_start_matches('-');
        other.name != page.name && (is_program || other.name == program || other.name == parent || related(short).contains(&name))
    };
    let see_also: Vec<String> = all.iter().filter(is_related).map(|other| format!("\\fB{}\\fR(1)", typed(&other.name))).collect();
    let mut out = Vec::new();
    let mut write = || -> std::io::Result<()> {
        man.render_title(&mut out)?;
        man.render_name_section(&mut out)?;
        man.render_synopsis_section(&mut out)?;
        man.render_description_section(&mut out)?;
        man.render_options_section(&mut out)?;
        if has_commands {
            man.render_subcommands_section(&mut out)?;
        }
        if has_more {
            man.render_extra_section(&mut out)?;
        }
        section(&mut out, "EXIT STATUS", EXIT_STATUS)?;
        section(&mut out, "ENVIRONMENT", ENVIRONMENT)?;
        section(&mut out, "FILES", FILES)?;
        section(&mut out, "EXAMPLES", examples(short))?;
        writeln!(out, ".SH \"SEE ALSO\"\n{}", see_also.join(",\n"))?;
        if is_program { man.render_version_section(&mut out) } else { Ok(()) }
    };
    write().map_err(|error| Problem::input("system", format!("the page cannot be made: {error}"), "try again"))?;
    Ok(lines_without_end_spaces(&out))
}

/// A blank line is a paragraph in a page's source, and spaces at the end of a line are nothing.
fn lines_without_end_spaces(page: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(page);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    (lines.join("\n") + "\n").into_bytes()
}

/// A hyphen that is typed, and not one that a line may break at.
fn typed(text: &str) -> String {
    text.replace('\\', r"\e").replace('-', r"\-")
}

fn section(page: &mut Vec<u8>, title: &str, entries: Entries) -> std::io::Result<()> {
    writeln!(page, ".SH \"{title}\"")?;
    for (term, meaning) in entries {
        writeln!(page, ".TP\n\\fB{}\\fR\n{}", typed(term), typed(meaning))?;
    }
    Ok(())
}

const EXIT_STATUS: Entries = &[
    ("0", "ok"),
    ("1", "some job failed"),
    ("2", "bad input, an unusable folder, another account's or a newer store"),
    ("3", "not confirmed, or a cap or limit was in the way"),
    ("4", "unsure jobs are left: the reply to their paid request was lost"),
    ("5", "the service could not be reached"),
    ("6", "the key is missing, unreadable or refused"),
    ("7", "another process is the engine of this store"),
    ("8", "--timeout of wait passed"),
    ("130", "interrupted. When several fit, the first of 130, 6, 7, 2, 3, 4, 5, 1 is used"),
];

const ENVIRONMENT: Entries = &[
    ("EVOLINK_API_KEY", "the API key; goes before key_file and key_command"),
    ("EVOLINK_BASE_URL", "address of the service, without /v1"),
    ("MJ_ENHANCE_CONFIG", "the configuration file"),
    ("MJ_ENHANCE_DATA_DIR", "the folder of store, log and results"),
    ("MJ_ENHANCE_LINEAR", "1: sentences for screen readers, no tables and no full screen; 0: the configuration does not count"),
    ("VISUAL, EDITOR", "the editor of config edit"),
    ("HTTPS_PROXY, ALL_PROXY, NO_PROXY", "the proxy for calls and downloads; SOCKS is not supported"),
    ("NO_COLOR", "any text: no colour"),
];

const FILES: Entries = &[
    ("~/.config/mj-enhance/config.toml", "the configuration (config path prints the place)"),
    ("~/.config/mj-enhance/key", "the key, as login writes it; readable by its owner only"),
    ("~/.local/share/mj-enhance/mj-enhance.db", "the store: every job, and what was spent"),
    ("~/.local/share/mj-enhance/mj-enhance.log", "the log; one old one is kept as mj-enhance.log.old"),
    ("~/.local/share/mj-enhance/results/", "finished pictures, unless results_dir says otherwise"),
];

const PROGRAM: Entries = &[
    ("mj-enhance --demo", "try everything; no key, nothing costs anything"),
    ("mj-enhance login", "keep the API key and check it"),
    ("mj-enhance drafts --specs | mj-enhance add -f - --hold", "record all pictures of the latest drafts, held"),
    (
        "mj-enhance add task-unified-1790000100-k3v9q2ad:0-3 --yes --max-credits 21.6",
        "confirm four pictures for at most 21.6 credits",
    ),
    ("mj-enhance run --until-idle --yes --max-credits 21.6", "send them, wait and save the results"),
    ("mj-enhance retry --state failed --yes --max-credits 54", "run failed jobs again, for at most 54 credits"),
    ("mj-enhance list --json | jq -r 'select(.state == \"saved\") | .files[].path'", "paths of saved pictures"),
];

/// What is typed to use a command; the program's own for one without.
fn examples(command: &str) -> Entries {
    match command {
        "add" => &[
            ("mj-enhance add task-unified-1790000100-k3v9q2ad:0,2 --dry-run", "check and price two pictures, store nothing"),
            ("mj-enhance add -f drafts.txt --tag cats --yes --max-credits 108", "confirm the pictures of a file, 20 at 5.4"),
            ("mj-enhance drafts --specs | mj-enhance add -f - --hold", "record all pictures of the latest drafts, held"),
        ],
        "list" => &[
            ("mj-enhance list --state failed,unsure", "what needs a look"),
            ("mj-enhance list --query 'saved age<2h' --json", "what was saved in the last two hours, an object a line"),
            ("mj-enhance list -q --tag cats", "ids alone"),
        ],
        "show" => &[
            ("mj-enhance show 0002d", "a job by the beginning of its id, with its timeline"),
            ("mj-enhance show 0002d --raw", "with EvoLink's last answer"),
        ],
        "wait" => &[
            ("mj-enhance wait --timeout 30m", "until nothing is under way, for at most 30 minutes"),
            ("mj-enhance wait 0002d && scp results/*.png laptop:", "go on when one job is over and saved"),
        ],
        "cancel" => &[
            ("mj-enhance cancel 0002d", "drop it, or stop watching it if it was sent"),
            ("mj-enhance cancel --state waiting --tag cats", "empty the queue of a tag, free"),
        ],
        "retry" => &[("mj-enhance retry --state failed --yes --max-credits 54", "run failed jobs again, for at most 54 credits")],
        "fetch" => &[("mj-enhance fetch --all", "fetch everything that can be fetched, free")],
        "hold" => &[("mj-enhance hold --tag cats", "keep a tag's waiting jobs back")],
        "release" => &[("mj-enhance release --state held --yes --max-credits 27", "confirm held jobs for at most 27 credits")],
        "watch" => &[
            ("mj-enhance watch", "a second dashboard that changes nothing"),
            ("mj-enhance watch --plain --until-idle", "a sentence for each change, until nothing is under way"),
        ],
        "run" => &[
            ("mj-enhance run --until-idle --yes --max-credits 21.6", "send what is approved, wait and save the results"),
            ("nohup mj-enhance run > run.log 2>&1 &", "watch and fetch only, beyond the end of the connection"),
        ],
        "draft" => &[
            ("mj-enhance draft 'lighthouse in fog --ar 3:2' --dry-run", "check and price a prompt, store nothing"),
            ("mj-enhance draft '{red, blue} boat' -n 2 --yes --max-credits 10.8", "four drafts for at most 10.8 credits"),
            ("mj-enhance draft -f prompts.txt --tag harbour --hold", "record the prompts of a file, held"),
        ],
        "drafts" => &[
            ("mj-enhance drafts", "the account's latest drafts"),
            ("mj-enhance drafts -n 500 --specs > drafts.txt", "as lines for add -f"),
        ],
        "credits" => &[("mj-enhance credits --json | jq -r .usable", "the balance as a number")],
        "export" => &[
            ("mj-enhance export > jobs.jsonl", "everything, for import"),
            ("mj-enhance export --format csv > jobs.csv", "a table for a spreadsheet"),
        ],
        "import" => &[("mj-enhance import jobs.jsonl", "import another store's jobs; nothing is sent without a confirmation")],
        "prune" => &[("mj-enhance prune --older-than 90d", "forget what ended long ago; pictures stay")],
        "login" => &[
            ("mj-enhance login", "type the key, unseen"),
            ("pass show evolink | mj-enhance login --profile work", "a profile's key from a password store"),
        ],
        "config" | "config-init" | "config-check" | "config-path" | "config-set" | "config-edit" | "config-adopt-account" => &[
            ("mj-enhance config init", "write a file with every option and its default"),
            ("mj-enhance config set cap_day 100", "change one option"),
            ("mj-enhance config edit", "change it, and check it afterwards"),
            ("mj-enhance config set cap_day 100", "change one option and leave the rest as it is"),
            ("mj-enhance config adopt-account", "after the API key was renewed"),
        ],
        "doctor" => &[("mj-enhance doctor", "check everything; free")],
        "simulate" => &[
            ("mj-enhance simulate --port 8080", "a simulated EvoLink at http://127.0.0.1:8080"),
            ("mj-enhance simulate --scenario rough.toml", "with faults"),
        ],
        "completions" => &[
            ("source <(mj-enhance completions bash)", "in ~/.bashrc"),
            ("source <(mj-enhance completions zsh)", "in ~/.zshrc, after compinit"),
            ("mj-enhance completions fish > ~/.config/fish/completions/mj-enhance.fish", "for fish"),
            ("mj-enhance completions nushell | save -f completions.nu", "for nushell: then `source` it in config.nu"),
        ],
        "man" => &[
            ("mj-enhance man | man -l -", "read this manual without installing it"),
            ("mj-enhance man --dir ~/.local/share/man/man1", "install all pages"),
        ],
        _ => PROGRAM,
    }
}

/// Commands that are looked up together.
fn related(command: &str) -> &'static [&'static str] {
    const GROUPS: &[&[&str]] = &[
        &["add", "drafts", "draft", "credits", "run"],
        &["run", "wait", "watch"],
        &["list", "show", "export"],
        &["cancel", "fetch", "hold", "release", "retry"],
        &["export", "import", "prune"],
        &["login", "config", "doctor"],
        &["completions", "man"],
        &["config-init", "config-check", "config-path", "config-set", "config-edit", "config-set", "config-adopt-account"],
    ];
    GROUPS.iter().find(|group| group.contains(&command)).copied().unwrap_or_default()
}
