//! Where the usual folders are.

use std::path::PathBuf;

use super::{ConfigError, ConfigErrors, Environment, Flags, variables};

/// Where the configuration file is looked for, and whether the user named the place.
#[must_use]
pub fn file_place(flags: &Flags, env: &Environment) -> (PathBuf, bool) {
    if let Some(path) = &flags.config {
        return (path.clone(), true);
    }
    if let Some(path) = env.path(variables::CONFIG) {
        return (path, true);
    }
    let folder = project_folders().map_or_else(|| PathBuf::from("."), |folders| folders.config_dir().to_path_buf());
    (folder.join("config.toml"), false)
}

/// As [`file_place`], for who will write there.
///
/// # Errors
/// When the user named no place and no home folder is known: the file would never be found again.
pub fn place_to_write(flags: &Flags, env: &Environment) -> Result<PathBuf, ConfigErrors> {
    let (path, named) = file_place(flags, env);
    if named || project_folders().is_some() {
        return Ok(path);
    }
    let what = format!("{NO_HOME}, so there is no usual place for the configuration");
    Err(ConfigErrors(vec![ConfigError {
        place: "HOME".to_owned(),
        what,
        next: "set HOME to the whole path of your home folder, or name a file with --config".to_owned(),
    }]))
}

/// Said where the usual folders are not known.
pub(super) const NO_HOME: &str = "no home folder is known (HOME is not set, or is not a whole path)";

/// The usual folders; `None` where they would be others wherever the program is started, with another store and other caps.
pub(super) fn project_folders() -> Option<directories::ProjectDirs> {
    let folders = directories::ProjectDirs::from("", "", "mj-enhance")?;
    (folders.config_dir().is_absolute() && folders.data_dir().is_absolute()).then_some(folders)
}
