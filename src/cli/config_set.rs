//! `config set`: one option of the file, with everything else in it as it was.

use std::io::Write as _;
use std::path::Path;

use super::args::ConfigSetArgs;
use super::config_file;
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};
use crate::config::{self, Environment, Flags};
use crate::store::Store;

/// Sets an option, of the profile where one is named. A value that would make the file wrong is refused before anything is
/// written.
pub fn set(args: &ConfigSetArgs, flags: &Flags, env: &Environment, out: Out, read_only: bool) -> Outcome {
    if read_only {
        return Err(Problem::input("read_only", "--read-only forbids this command", "leave --read-only out"));
    }
    if !args.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') || args.name.is_empty() {
        return Err(Problem::input(
            "bad_config",
            format!("{:?} is not the name of an option", crate::job::text::clean(&args.name)),
            "`mj-enhance config edit` opens the file with every option; keys and profiles are changed there",
        ));
    }
    let path = config::place_to_write(flags, env)?;
    let failed = |error: &std::io::Error| {
        let message = format!("{}: {error}", path.display());
        Problem::input("bad_config", message, "fix the file, or name another one with --config")
    };
    let text = match config::file_text(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => config::EXAMPLE.to_owned(),
        Err(error) => return Err(failed(&error)),
    };
    let changed = with_option(&text, flags.profile.as_deref(), &args.name, &as_toml(&args.value));
    let config = config::check(Some(&changed), &path, flags, env)?;
    write_private(&path, &changed).map_err(|error| failed(&error))?;
    let running = Store::engine_pid(&config.data_dir);
    if let Some(process) = running {
        // Who lowers a cap must not believe that it binds already.
        let at_once = if args.name.starts_with("cap_") { "; `:caps` in a dashboard changes its caps at once" } else { "" };
        Out::status(&format!("Process {process} goes on with what it read when it started, until it is started again{at_once}."));
    }
    if out.json {
        return config_file::check(flags, env, out);
    }
    Out::status(&format!("{} = {} in {}.", args.name, as_toml(&args.value), path.display()));
    Ok(Exit::Ok)
}

/// A number, a truth value or a list as it is; everything else is text.
fn as_toml(value: &str) -> String {
    let is_value = format!("x = {value}").parse::<toml::Table>().is_ok_and(|table| table.len() == 1);
    if is_value && !value.contains(['\n', '\r']) { value.trim().to_owned() } else { toml::Value::from(value).to_string() }
}

/// Writes a file that only its owner can read: whole or not at all, and in the place that a link leads to.
pub(super) fn write_private(path: &Path, content: &str) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// The configuration with an option set to a TOML value, in the table of a profile where one is named; all other lines stay.
pub(super) fn with_option(text: &str, profile: Option<&str>, name: &str, value: &str) -> String {
    let line = format!("{name} = {value}");
    let header = profile.map(|profile| format!("[profiles.{profile}]"));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let is_header = |line: &str| line.trim_start().starts_with('[');
    let begin = match &header {
        None => Some(0),
        Some(header) => lines.iter().position(|line| line.trim() == header).map(|at| at + 1),
    };
    match begin {
        None => {
            lines.extend([String::new(), header.unwrap_or_default(), line]);
        }
        Some(begin) => {
            let end = lines[begin..].iter().position(|line| is_header(line)).map_or(lines.len(), |at| begin + at);
            let sets = |line: &String| {
                let rest = line.trim_start().strip_prefix(name);
                rest.is_some_and(|rest| rest.trim_start().starts_with('='))
            };
            match lines[begin..end].iter().position(sets) {
                Some(at) => lines[begin + at] = line,
                // Above the first comment of a file without it would be above its title.
                None => lines.insert(if header.is_some() { begin } else { end }, line),
            }
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_set_in_its_table_and_nothing_else_changes() {
        let key = |text: &str, profile, name: &str| with_option(text, profile, "key_file", &format!("{name:?}"));
        let example = key(config::EXAMPLE, None, "key");
        let changed: Vec<(&str, &str)> =
            config::EXAMPLE.lines().zip(example.lines()).filter(|(before, after)| before != after).collect();
        assert_eq!(changed, [("key_file = \"\"", "key_file = \"key\"")]);
        assert_eq!(key("theme = \"dark\"\n[keys]\n", None, "key"), "theme = \"dark\"\nkey_file = \"key\"\n[keys]\n");
        let profile = "key_file = \"a\"\n[profiles.work]\ncap_day = 3\n[keys]\n";
        assert_eq!(
            key(profile, Some("work"), "key-work"),
            "key_file = \"a\"\n[profiles.work]\nkey_file = \"key-work\"\ncap_day = 3\n[keys]\n"
        );
        assert_eq!(key("", Some("new"), "key-new"), "\n[profiles.new]\nkey_file = \"key-new\"\n");
        assert_eq!(with_option("cap_day_x = 1\ncap_day = 3\n", None, "cap_day", "70"), "cap_day_x = 1\ncap_day = 70\n");
    }

    #[test]
    fn what_is_no_value_of_toml_is_text() {
        for (typed, toml) in [
            ("70", "70"),
            ("true", "true"),
            ("[\"a\", \"b\"]", "[\"a\", \"b\"]"),
            ("dark", "\"dark\""),
            ("10m", "\"10m\""),
            ("\"x\"", "\"x\""),
            ("a\nb = 1", "\"a\\nb = 1\""),
            ("1 # x\ny = 2", "\"1 # x\\ny = 2\""),
        ] {
            assert_eq!(as_toml(typed).replace("\"\"\"\n", "\"").replace("\"\"\"", "\"").replace('\n', "\\n"), toml, "{typed}");
        }
    }
}
