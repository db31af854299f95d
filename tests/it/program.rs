//! The program in a folder of its own, with nothing of the tester's environment.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

use crate::schema;

/// A home of its own for one test.
pub struct Program {
    home: tempfile::TempDir,
}

/// How one run ended.
pub struct Ran {
    /// The schema of what the command prints with `--json`, where it is known which command it was.
    schema: Option<String>,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Every line of stdout as JSON; anything else there, and what its schema does not foresee, fails the test.
    pub fn objects(&self) -> Vec<Value> {
        let objects: Vec<Value> = self
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", self.stderr)))
            .collect();
        for object in &objects {
            assert_eq!(object["schema"], 1, "{object}");
            match &self.schema {
                Some(file) => schema::check(file, object).unwrap_or_else(|wrong| panic!("{wrong}\n{object}")),
                None => assert!(schema::files().keys().any(|file| schema::check(file, object).is_ok()), "in no schema: {object}"),
            }
        }
        objects
    }

    /// The error object that a refused command prints.
    pub fn error(&self) -> Value {
        let objects = self.objects();
        let error = &objects.last().unwrap_or_else(|| panic!("no object; stderr: {}", self.stderr))["error"];
        for field in ["code", "message", "next"] {
            assert!(error[field].is_string(), "{error}");
        }
        error.clone()
    }

    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            schema: None,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Program {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The program with its data folder set, and with nothing else.
    pub fn command(&self) -> Command {
        let mut command = Command::cargo_bin("mj-enhance").unwrap();
        command.env_clear().env("HOME", self.home.path()).env("MJ_ENHANCE_DATA_DIR", self.data()).current_dir(self.home.path());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        let ran = Ran::from(self.command().args(args).output().unwrap());
        Ran { schema: schema::of_command(args.iter().copied()), ..ran }
    }

    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Adds jobs with a yes and gives their ids.
    pub fn add(&self, specs: &[&str]) -> Vec<String> {
        let args = [&["add", "--json", "--yes", "--max-credits", "1000"], specs].concat();
        let ran = self.run(&args).expect(0);
        ran.objects().iter().filter_map(|object| object["id"].as_str().map(str::to_owned)).collect()
    }
}
