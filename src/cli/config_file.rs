//! `config init`, `config check`, `config path`.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::json::SCHEMA;
use super::out::Out;
use super::problem::{Outcome, Problem};
use crate::config::{self, Environment, Flags};

/// Writes the example where the configuration is looked for, unless a file is there.
pub fn init(flags: &Flags, env: &Environment, out: Out, read_only: bool) -> Outcome {
    let (path, _) = config::file_place(flags, env);
    if read_only {
        return Err(Problem::input("read_only", "--read-only forbids this command", "leave --read-only out"));
    }
    let failed = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            Problem::input(
                "exists",
                format!("{} exists and was left as it is", path.display()),
                "look at it with `mj-enhance config check`, or name another place with --config",
            )
        } else {
            Problem::input("unusable_folder", format!("{}: {error}", path.display()), "name another place with --config")
        }
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(config::EXAMPLE.as_bytes()).map_err(failed)?;
    out.object(&json!({ "schema": SCHEMA, "config": path.to_string_lossy() }))?;
    out.line(&format!("{} holds every option with its default now.", path.display()))?;
    Ok(Exit::Ok)
}

/// Prints where the configuration is looked for.
pub fn path(flags: &Flags, env: &Environment, out: Out) -> Outcome {
    let (path, _) = config::file_place(flags, env);
    out.object(&json!({ "schema": SCHEMA, "config": path.to_string_lossy(), "exists": path.exists() }))?;
    out.line(&path.display().to_string())?;
    Ok(Exit::Ok)
}

/// Says what was read. Mistakes of the file end the reading before this; keys are checked here.
pub fn check(context: &Context) -> Outcome {
    let config = &context.config;
    super::dashboard::keymap(config)?;
    let out = context.out;
    out.object(&json!({
        "schema": SCHEMA,
        "config": config.file.as_ref().map(|file| file.to_string_lossy()),
        "profile": config.profile,
        "data_dir": config.data_dir.to_string_lossy(),
        "results_dir": config.results_dir.to_string_lossy(),
        "base_url": config.base_url.as_str(),
        "key": config.key.words(),
        "cap_session": config.caps.session.map(|amount| amount.to_string()),
        "cap_day": config.caps.day.map(|amount| amount.to_string()),
    }))?;
    if out.json {
        return Ok(Exit::Ok);
    }
    match &config.file {
        Some(file) => out.line(&format!("{} is in order.", file.display()))?,
        None => out.line("There is no configuration file; defaults are used. `mj-enhance config init` writes one.")?,
    }
    let cap = |cap: Option<crate::job::Credits>| cap.map_or_else(|| "none".to_owned(), |amount| format!("{amount} credits"));
    for (name, value) in [
        ("profile", config.profile.clone().unwrap_or_else(|| "none".to_owned())),
        ("service", config.base_url.to_string()),
        ("key from", config.key.words()),
        ("data", config.data_dir.display().to_string()),
        ("results", config.results_dir.display().to_string()),
        ("cap_session", cap(config.caps.session)),
        ("cap_day", cap(config.caps.day)),
    ] {
        out.line(&format!("  {name:<12} {value}"))?;
    }
    Ok(Exit::Ok)
}
