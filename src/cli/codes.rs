//! The words by which scripts tell problems apart, each with its exit code: `docs/json.md` shows the same table.

use super::exit::Exit;

/// A code of an error object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code {
    /// The word in `error.code`; it stays as it is over versions.
    pub word: &'static str,
    /// How the program ends where no stronger exit code goes first.
    pub exit: Exit,
    /// What it means, as a fragment.
    pub meaning: &'static str,
}

const fn code(word: &'static str, exit: Exit, meaning: &'static str) -> Code {
    Code { word, exit, meaning }
}

/// Every code of an error object, in the order of the alphabet.
pub const CODES: &[Code] = &[
    code("bad_arguments", Exit::BadInput, "the command line is wrong"),
    code("bad_config", Exit::BadInput, "the configuration has mistakes; `lines` lists them"),
    code("bad_lines", Exit::BadInput, "lines of a batch or an import are wrong; nothing was stored"),
    code("bad_proxy", Exit::BadInput, "a proxy variable of the environment cannot be used"),
    code("damaged_store", Exit::BadInput, "the store is damaged; it was left as it is"),
    code("editor", Exit::BadInput, "the editor of `config edit` failed"),
    code("exists", Exit::BadInput, "the file is there already and was left as it is"),
    code("linear", Exit::BadInput, "linear output is set, and the dashboard is a full screen"),
    code("locked", Exit::Locked, "another process is the engine of this store"),
    code("login", Exit::Login, "EvoLink did not accept the key, or does not let it do this"),
    code("newer_store", Exit::BadInput, "a newer version made the store"),
    code("no_consent", Exit::NoConsent, "it was not confirmed, or costs more than `--max-credits`"),
    code("no_key", Exit::Login, "the key is missing or cannot be read"),
    code("no_store", Exit::BadInput, "there is no store here yet"),
    code("no_such_job", Exit::BadInput, "no job has this id, or several begin with it"),
    code("no_terminal", Exit::BadInput, "the dashboard needs a terminal"),
    code("not_a_demo_store", Exit::BadInput, "`--demo` would have opened a store with real jobs"),
    code("not_held", Exit::BadInput, "`release` takes held and waiting jobs only"),
    code("nothing_given", Exit::BadInput, "there is nothing to add"),
    code("nothing_to_retry", Exit::BadInput, "none of the jobs can be run again"),
    code("other_account", Exit::BadInput, "jobs in the store belong to another service address or account"),
    code("read_only", Exit::BadInput, "`--read-only` forbids it"),
    code("service", Exit::Network, "EvoLink could not be reached, or did not answer as it should"),
    code("simulator", Exit::BadInput, "the simulator's scenario or port cannot be used"),
    code("socks_not_supported", Exit::BadInput, "a proxy variable names a SOCKS proxy"),
    code("stdin", Exit::BadInput, "the input cannot be read"),
    code("stdout", Exit::BadInput, "the output cannot be written"),
    code("store", Exit::BadInput, "the store cannot be read or written"),
    code("system", Exit::BadInput, "this machine refused something"),
    code("timeout", Exit::TimedOut, "`wait --timeout` passed"),
    code("too_late", Exit::BadInput, "the grace period is over"),
    code("unreadable_file", Exit::BadInput, "a file that was named cannot be read"),
    code("unusable_folder", Exit::BadInput, "a folder cannot be made, read or written"),
];

/// The row of a code.
#[must_use]
pub fn find(word: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.word == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_with_its_exit_code() {
        let rows = |text: &str| -> Vec<String> {
            text.lines()
                .skip_while(|line| *line != "| code | exit | means |")
                .skip(2)
                .map_while(|line| line.starts_with("| `").then(|| line.to_owned()))
                .collect()
        };
        let wanted: Vec<String> =
            CODES.iter().map(|code| format!("| `{}` | {} | {} |", code.word, code.exit.code(), code.meaning)).collect();
        assert_eq!(rows(include_str!("../../docs/json.md")), wanted);
    }

    #[test]
    fn codes_stand_once_and_in_order() {
        assert!(CODES.is_sorted_by(|one, next| one.word < next.word));
    }
}
