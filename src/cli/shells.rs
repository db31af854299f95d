//! `completions`: made from the same source as `--help`, and answered by the program itself.

use clap::CommandFactory;
use clap_complete::env::{Bash, CompleteEnv, Elvish, EnvCompleter, Fish, Powershell, Zsh};

use super::args::{Cli, CompletionsArgs, Shell};
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};

/// Set by the printed scripts: this run is asked for completions, of a shell with this name. A name of our own, so that a
/// `COMPLETE` that stands in somebody's environment does not turn a command into nothing.
const COMPLETING: &str = "MJ_ENHANCE_COMPLETE";

/// Answers a shell that asks what may stand at a place of the command line; whether this run was one of those. What cannot be
/// answered is answered with nothing: a word of ours would land in the middle of what is typed.
pub fn completed() -> bool {
    if std::env::var_os(COMPLETING).is_none() {
        return false;
    }
    // Nor a report of a fault.
    std::panic::set_hook(Box::new(|_| {}));
    let name = command_name();
    let asked = CompleteEnv::with_factory(Cli::command).var(COMPLETING).bin(&name).completer(&name);
    asked.try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref()).unwrap_or(true)
}

/// Prints a completion script. All but that of nushell ask the program at each Tab, for jobs, tags and profiles.
pub fn completions(args: &CompletionsArgs) -> Outcome {
    let name = command_name();
    let mut script = Vec::new();
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Nushell => {
            clap_complete::generate(clap_complete_nushell::Nushell, &mut Cli::command(), name, &mut script);
            Out::raw(&String::from_utf8_lossy(&script))?;
            return Ok(Exit::Ok);
        }
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
        Shell::Elvish => &Elvish,
        Shell::Powershell => &Powershell,
    };
    shell
        .write_registration(COMPLETING, &name, &name, &name, &mut script)
        .map_err(|error| Problem::input("system", format!("the script cannot be made: {error}"), "try again"))?;
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if args.shell == Shell::Zsh {
        script.push_str(&as_a_function_of_its_own(&name));
    }
    Out::raw(&script)?;
    Ok(Exit::Ok)
}

/// zsh reads a file in its `fpath` at the first Tab, as the function of that name: it has to complete at once, and not only
/// from the second time on.
fn as_a_function_of_its_own(name: &str) -> String {
    let completer = format!("_clap_dynamic_completer_{}", name.replace('-', "_"));
    format!("if [ \"$funcstack[1]\" = \"_{name}\" ]; then\n    {completer} \"$@\"\nfi\n")
}

/// The program's name, as it is typed.
pub fn command_name() -> String {
    Cli::command().get_name().to_owned()
}
