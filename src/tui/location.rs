//! Where a result lies, for hands at the other end of an SSH connection.

use super::options::AppOptions;
use crate::job::text;

/// A line that copies a result to the machine at the other end, ready to paste there: one word for the shell it is pasted
/// into, and one for the shell that an older `scp` starts at this end. A newer one takes the backslashes as well.
pub(super) fn scp_line(options: &AppOptions, path: &str) -> String {
    let path = text::clean(path);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | '@' | ',' | ':' | '=');
    let mut remote = String::with_capacity(path.len());
    for c in path.chars() {
        if !plain(c) {
            remote.push('\\');
        }
        remote.push(c);
    }
    let at = if options.user.is_empty() { String::new() } else { format!("{}@", options.user) };
    let host = if options.host.is_empty() { "HOST" } else { &options.host };
    let port = options.port.map_or_else(String::new, |port| format!("-P {port} "));
    let from = format!("{at}{host}:{remote}");
    // The brackets of an IPv6 address are a pattern to some shells.
    let from = if from.chars().all(plain) { from } else { format!("'{}'", from.replace('\'', "'\\''")) };
    format!("scp {port}{from} .")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(host: &str, port: Option<u16>, path: &str) -> String {
        let options = AppOptions { user: "ada".to_owned(), host: host.to_owned(), port, ..AppOptions::default() };
        scp_line(&options, path)
    }

    #[test]
    fn the_port_is_named_where_it_is_not_the_usual_one() {
        assert_eq!(line("box", None, "/data/a-0.png"), "scp ada@box:/data/a-0.png .");
        assert_eq!(line("box", Some(2222), "/data/a-0.png"), "scp -P 2222 ada@box:/data/a-0.png .");
        assert_eq!(line("[fd00::1]", None, "/a.png"), "scp 'ada@[fd00::1]:/a.png' .");
    }

    #[test]
    fn two_shells_leave_the_path_as_it_is() {
        let path = "/data/my pictures/it's $(x) `y` ;&|<>*?[a]{b}\\~#!\"é.png";
        let line = line("box", None, path);
        let echo = |script: &str| {
            let ran = std::process::Command::new("/bin/sh").arg("-c").arg(script).output().unwrap();
            String::from_utf8(ran.stdout).unwrap()
        };
        let word = line.strip_prefix("scp ").unwrap().strip_suffix(" .").unwrap();
        let here = echo(&format!("printf %s {word}"));
        let there = echo(&format!("printf %s {}", here.strip_prefix("ada@box:").unwrap()));
        assert_eq!(there, path);
    }
}
