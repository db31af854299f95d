//! `completions` and `man`: made from the same source as `--help`.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell as Complete;

use super::args::{Cli, CompletionsArgs, ManArgs, Shell};
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};

/// Prints a completion script.
pub fn completions(args: &CompletionsArgs) -> Outcome {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    let shell = match args.shell {
        Shell::Nushell => {
            clap_complete::generate(clap_complete_nushell::Nushell, &mut command, name, &mut script);
            None
        }
        Shell::Bash => Some(Complete::Bash),
        Shell::Zsh => Some(Complete::Zsh),
        Shell::Fish => Some(Complete::Fish),
        Shell::Elvish => Some(Complete::Elvish),
        Shell::Powershell => Some(Complete::PowerShell),
    };
    if let Some(shell) = shell {
        clap_complete::generate(shell, &mut command, command_name(), &mut script);
    }
    let script = String::from_utf8_lossy(&script);
    Out::raw(&if args.shell == Shell::Bash { with_one_name(&script) } else { script.into_owned() })?;
    Ok(Exit::Ok)
}

/// The bash script with one spelling of the program's name. The library finds the subcommand under `mj__enhance__subcmd__…`
/// and looks for its options under `mj__subcmd__enhance__subcmd__…`: it takes the hyphen in the name for the one that it
/// puts between commands, so that nothing is completed after a subcommand.
fn with_one_name(script: &str) -> String {
    let name = command_name();
    script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}

fn command_name() -> String {
    Cli::command().get_name().to_owned()
}

/// Prints the manual page of the program, or writes one for every command.
pub fn man(args: &ManArgs) -> Outcome {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &args.dir else {
        let page = render(command)?;
        Out::raw(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Ok);
    };
    let failed = |error: std::io::Error| {
        Problem::input("unusable_folder", format!("{}: {error}", folder.display()), "name another folder with --dir")
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut pages = vec![("mj-enhance.1".to_owned(), command.clone())];
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name = format!("mj-enhance-{}", sub.get_name());
        // The page's own name shows the words as they are typed; clap keeps names for the program's whole life.
        let shown: &'static str = Box::leak(name.clone().into_boxed_str());
        pages.push((format!("{name}.1"), sub.clone().name(shown).display_name(shown)));
    }
    for (name, page) in pages {
        let mut file = std::fs::File::create(folder.join(&name)).map_err(failed)?;
        file.write_all(&render(page)?).map_err(failed)?;
        Out::status(&folder.join(&name).display().to_string());
    }
    Ok(Exit::Ok)
}

/// The page of one command: what its help says, then what a manual page is looked up for.
fn render(command: clap::Command) -> Result<Vec<u8>, Problem> {
    let is_program = command.get_name() == command_name();
    let has_commands = command.has_subcommands();
    // What stands after the help of a command belongs to it; the program's exit codes get a section of their own.
    let command = if is_program { command.after_help(None::<&str>) } else { command };
    let has_more = command.get_after_help().is_some() || command.get_after_long_help().is_some();
    let man = clap_mangen::Man::new(command);
    let mut page = Vec::new();
    let mut write = || -> std::io::Result<()> {
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        if has_commands {
            man.render_subcommands_section(&mut page)?;
        }
        if has_more {
            man.render_extra_section(&mut page)?;
        }
        section(&mut page, "EXIT STATUS", EXIT_STATUS)?;
        if is_program {
            section(&mut page, "ENVIRONMENT", ENVIRONMENT)?;
            section(&mut page, "FILES", FILES)?;
            section(&mut page, "EXAMPLES", EXAMPLES)?;
        }
        if is_program { man.render_version_section(&mut page) } else { Ok(()) }
    };
    write().map_err(|error| Problem::input("system", format!("the page cannot be made: {error}"), "try again"))?;
    Ok(page)
}

/// A section of terms and their meanings.
fn section(page: &mut Vec<u8>, title: &str, entries: &[(&str, &str)]) -> std::io::Result<()> {
    // A hyphen that is typed, and not one that a line may break at.
    let typed = |text: &str| text.replace('\\', r"\e").replace('-', r"\-");
    writeln!(page, ".SH \"{title}\"")?;
    for (term, meaning) in entries {
        writeln!(page, ".TP\n\\fB{}\\fR\n{}", typed(term), typed(meaning))?;
    }
    Ok(())
}

const EXIT_STATUS: &[(&str, &str)] = &[
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

const ENVIRONMENT: &[(&str, &str)] = &[
    ("EVOLINK_API_KEY", "the API key; goes before key_file and key_command"),
    ("EVOLINK_BASE_URL", "address of the service, without /v1"),
    ("MJ_ENHANCE_CONFIG", "the configuration file"),
    ("MJ_ENHANCE_DATA_DIR", "the folder of store, log and results"),
    ("VISUAL, EDITOR", "the editor of config edit"),
    ("HTTPS_PROXY, ALL_PROXY, NO_PROXY", "the proxy for calls and downloads; SOCKS is not supported"),
    ("NO_COLOR", "any text: no colour"),
];

const FILES: &[(&str, &str)] = &[
    ("~/.config/mj-enhance/config.toml", "the configuration (config path prints the place)"),
    ("~/.config/mj-enhance/key", "the key, as login writes it; readable by its owner only"),
    ("~/.local/share/mj-enhance/mj-enhance.db", "the store: every job, and what was spent"),
    ("~/.local/share/mj-enhance/mj-enhance.log", "the log; one old one is kept as mj-enhance.log.old"),
    ("~/.local/share/mj-enhance/results/", "finished pictures, unless results_dir says otherwise"),
];

const EXAMPLES: &[(&str, &str)] = &[
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
