//! Where a result lies, for hands at the other end of an SSH connection.

use super::options::AppOptions;
use crate::job::text;

/// A line that copies a result to the machine at the other end, ready to paste there.
pub(super) fn scp_line(options: &AppOptions, path: &str) -> String {
    let path = text::clean(path);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | '@' | ',');
    let path = if path.chars().all(plain) { path.into_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) };
    let (user, host) = (&options.user, &options.host);
    let at = if user.is_empty() { String::new() } else { format!("{user}@") };
    let host = if host.is_empty() { "HOST" } else { host };
    format!("scp {at}{host}:{path} .")
}
