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
    Out::raw(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
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

fn render(command: clap::Command) -> Result<Vec<u8>, Problem> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Problem::input("system", format!("the page cannot be made: {error}"), "try again"))?;
    Ok(page)
}
