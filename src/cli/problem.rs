//! Why a command could not do what it was asked, as people and scripts are told.

use serde_json::{Value, json};

use super::codes;
use super::exit::Exit;
use crate::api::ApiError;
use crate::config::{ConfigError, ConfigErrors, KeyError};
use crate::job::{ErrorClass, record, text};
use crate::store::StoreError;

/// Never told: there is nobody left to tell.
const CLOSED_PIPE: &str = "closed_pipe";

/// A problem with its exit code, a stable word, a sentence and a next step.
#[derive(Clone, PartialEq, Debug)]
pub struct Problem {
    /// How the program ends because of it.
    pub exit: Exit,
    /// A stable word for scripts.
    pub code: &'static str,
    /// What is wrong and where. Several lines where there are several mistakes.
    pub message: String,
    /// What to do.
    pub next: String,
    /// The bad lines of a batch: number and what is wrong.
    pub lines: Vec<(String, String)>,
}

/// What a command returns: how the program ends, or why it could not.
pub type Outcome = Result<Exit, Problem>;

impl Problem {
    /// A problem without lines. Its code stands in `codes::CODES`, with this exit code.
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>, next: impl Into<String>) -> Self {
        debug_assert!(
            code == CLOSED_PIPE || codes::find(code).is_some_and(|known| known.exit == exit),
            "{code} with exit code {} is not in CODES",
            exit.code()
        );
        Self { exit, code, message: message.into(), next: next.into(), lines: Vec::new() }
    }

    /// Bad input.
    pub fn input(code: &'static str, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::BadInput, code, message, next)
    }

    /// The other side of a pipe is gone; nothing to tell, and no error.
    pub fn closed_pipe() -> Self {
        Self::new(Exit::Ok, CLOSED_PIPE, "", "")
    }

    /// Whether it is [`Problem::closed_pipe`].
    pub fn is_closed_pipe(&self) -> bool {
        self.code == CLOSED_PIPE
    }

    /// As `--json` prints it.
    pub fn json(&self) -> Value {
        let mut error =
            json!({ "code": self.code, "message": text::clean_lines(&self.message), "next": text::clean_lines(&self.next) });
        if !self.lines.is_empty() {
            error["lines"] = self
                .lines
                .iter()
                .map(|(line, what)| json!({ "line": text::clean_lines(line), "message": text::clean_lines(what) }))
                .collect();
        }
        json!({ "schema": 1, "error": error })
    }

    /// As people read it.
    pub fn words(&self) -> String {
        let mut out = vec![format!("mj-enhance: {}", self.message)];
        // A single bad line is the message itself.
        if self.lines.len() > 1 {
            out.extend(self.lines.iter().map(|(line, what)| format!("  {line}: {what}")));
        }
        if !self.next.is_empty() {
            out.push(format!("  {}", self.next));
        }
        out.join("\n")
    }
}

impl From<ConfigErrors> for Problem {
    fn from(errors: ConfigErrors) -> Self {
        match errors.0.as_slice() {
            [one] => Self::input("bad_config", format!("{}: {}", one.place, one.what), one.next.clone()),
            many => Self {
                lines: many.iter().map(|e| (e.place.clone(), said(e))).collect(),
                ..Self::input(
                    "bad_config",
                    format!("the configuration has {} mistakes", many.len()),
                    "fix them, then check again with `mj-enhance config check`",
                )
            },
        }
    }
}

fn said(error: &ConfigError) -> String {
    if error.next.is_empty() { error.what.clone() } else { format!("{}; {}", error.what, error.next) }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        Self::new(Exit::Login, "no_key", error.what, error.next)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (code, next) = match &error {
            StoreError::Unusable { .. } => ("unusable_folder", "fix the folder, or name another one with --data-dir"),
            StoreError::Newer { .. } => ("newer_store", ""),
            StoreError::Damaged { .. } => ("damaged_store", ""),
            StoreError::NotConfirmed { .. } => {
                return Self::new(Exit::NoConsent, "no_consent", error.to_string(), "confirm again");
            }
            StoreError::Database(_) => ("store", "check whether the disk is full, then try again"),
        };
        Self::input(code, error.to_string(), next)
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let exit = match error.class {
            ErrorClass::Login | ErrorClass::Access | ErrorClass::ModelDenied => Exit::Login,
            _ => Exit::Network,
        };
        let code = if exit == Exit::Login { "login" } else { "service" };
        let next = match exit {
            Exit::Login => record::next_step(&error.failure()),
            _ => "check the connection, then try again; nothing was sent, and asking is free",
        };
        Self::new(exit, code, error.sentence(), next)
    }
}

/// Another process is the engine of the store.
pub fn locked(pid: Option<u32>) -> Problem {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    Problem::new(
        Exit::Locked,
        "locked",
        format!("already running: {who} is the engine of this store"),
        "follow it with `mj-enhance watch`, or end it first",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_errors_have_the_promised_shape() {
        let mut problem = Problem::input("bad_lines", "2 of 9 lines cannot be read", "fix them");
        assert_eq!(
            problem.json(),
            json!({"schema": 1, "error": {"code": "bad_lines", "message": "2 of 9 lines cannot be read", "next": "fix them"}})
        );
        problem.lines.push(("line 3".into(), "picture 4 does not exist".into()));
        problem.lines.push(("line 5".into(), "no draft id".into()));
        assert_eq!(problem.json()["error"]["lines"][0]["line"], "line 3");
        assert!(problem.words().contains("\n  line 3: picture 4 does not exist\n  line 5: no draft id\n  fix them"));
    }

    #[test]
    fn all_mistakes_of_a_configuration_are_told() {
        let error = |line| crate::config::ConfigError {
            place: format!("c.toml:{line}: x"),
            what: "is no option".into(),
            next: "take it out".into(),
        };
        let problem = Problem::from(ConfigErrors(vec![error(1), error(2)]));
        assert_eq!(problem.exit, Exit::BadInput);
        assert!(problem.words().contains("c.toml:1: x") && problem.words().contains("c.toml:2: x"));
    }
}
