//! The options, as one table: a row makes the option's field, its reader, its message, and what a profile may set.
//!
//! A new option is a row here, a field of [`super::Config`] with its default, and its lines in `config.example.toml`.

use std::time::Duration;

use toml::de::DeValue;
use url::Url;

use super::units;
use super::values::{self, Cap, WrongValue, flag, optional, some, switch, word};
use super::{ColorWhen, Notify, PictureBlocks, PictureWay, Switch, TerminalBackend, Theme};

/// What is known of an option besides its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptionInfo {
    /// As it is written in the file.
    pub name: &'static str,
    /// What values look like, as the end of "must be …".
    pub form: &'static str,
    /// Whether a `[profiles.NAME]` table may set it.
    pub in_profile: bool,
}

const fn plain(name: &'static str, form: &'static str) -> OptionInfo {
    OptionInfo { name, form, in_profile: false }
}

const fn profile(name: &'static str, form: &'static str) -> OptionInfo {
    OptionInfo { name, form, in_profile: true }
}

const ARGV: &str = "a list of texts like [\"program\", \"argument\"]";
const MONEY: &str = "an amount of credits like 64.8, or \"none\"";
const HOUR: Duration = Duration::from_hours(1);

macro_rules! options {
    ($($scope:ident $name:ident: $kind:ty, $form:expr, $read:expr;)*) => {
        /// Every option of the file.
        pub const OPTIONS: &[OptionInfo] = &[$($scope(stringify!($name), $form)),*];

        /// What one table of the file sets; `None` is "not said".
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Settings {
            $(pub $name: Option<$kind>,)*
        }

        impl Settings {
            /// What a profile says, and for the rest what the file says. A profile sets only the options marked so.
            pub fn or(self, below: Self) -> Self {
                Self { $($name: self.$name.or(below.$name),)* }
            }

            /// Reads one option's value; a fragment says what is wrong with it.
            pub fn set(&mut self, name: &str, value: &DeValue<'_>) -> Result<(), WrongValue> {
                match name {
                    $(stringify!($name) => self.$name = ($read)(value)?,)*
                    _ => return Err("is not read by this version".to_owned().into()),
                }
                Ok(())
            }
        }
    };
}

options! {
    profile key_file: String, "a path in quotes, or \"\" for none", optional;
    profile key_command: Vec<String>, ARGV, |value: &_| Ok::<_, String>(Some(values::argv(value)?).filter(|list| !list.is_empty()));
    profile base_url: Url, "an address in quotes like \"https://api.evolink.ai\"",
        |value: &_| units::parse_base_url(&values::text(value)?).map(Some);
    profile data_dir: String, "a path in quotes, or \"\" for the default place", optional;
    profile results_dir: String, "a path in quotes, or \"\" for results/ in the data folder", optional;
    plain name_template: String, "a text like \"{date}/{tag}/{task}-{image}.{ext}\"", values::template;
    plain draft_template: String, "a text like \"drafts/{date}/{tag}/{task}-{image}.{ext}\"", values::template;
    plain max_in_flight: u32, "a whole number from 1 to 10000", |value: &_| some(values::whole(value, 1, 10_000));
    plain submit_gap: Duration, "a duration from \"0s\" to \"1h\"", |value: &_| some(values::duration(value, Duration::ZERO, HOUR));
    plain reads_per_minute: u32, "a whole number from 1 to 6000", |value: &_| some(values::whole(value, 1, 6_000));
    profile cap_session: Cap, MONEY, |value: &_| some(values::cap(value));
    profile cap_day: Cap, MONEY, |value: &_| some(values::cap(value));
    plain pause_after_failures: u32, "a whole number from 0 (off) to 10000", |value: &_| some(values::whole(value, 0, 10_000));
    plain grace: Duration, "a duration from \"0s\" to \"10m\"",
        |value: &_| some(values::duration(value, Duration::ZERO, Duration::from_mins(10)));
    plain fetches_at_once: u32, "a whole number from 1 to 64", |value: &_| some(values::whole(value, 1, 64));
    plain callback_url: String, "a public https address in quotes, or \"\" for none", values::callback;
    plain theme: Theme, "\"auto\", \"dark\", \"light\" or \"mono\"", |value: &_| some(word(
        value,
        &[("auto", Theme::Auto), ("dark", Theme::Dark), ("light", Theme::Light), ("mono", Theme::Mono)],
    ));
    plain color: ColorWhen, "\"auto\", \"always\" or \"never\"", |value: &_| some(word(
        value,
        &[("auto", ColorWhen::Auto), ("always", ColorWhen::Always), ("never", ColorWhen::Never)],
    ));
    plain ascii: Switch, "\"auto\", true or false", |value: &_| some(switch(value));
    plain slow_link: bool, "true or false", |value: &_| some(flag(value));
    plain linear: bool, "true or false", |value: &_| some(flag(value));
    plain mouse: Switch, "\"auto\", true or false", |value: &_| some(switch(value));
    plain notify: Notify, "\"auto\", \"off\", \"bell\", \"osc9\", \"osc777\" or \"osc99\"", |value: &_| some(word(
        value,
        &[
            ("auto", Notify::Auto),
            ("off", Notify::Off),
            ("bell", Notify::Bell),
            ("osc9", Notify::Osc9),
            ("osc777", Notify::Osc777),
            ("osc99", Notify::Osc99),
        ],
    ));
    plain pictures: PictureWay, "\"auto\", \"off\", \"kitty\", \"iterm2\", \"sixel\" or \"blocks\"", |value: &_| some(word(
        value,
        &[
            ("auto", PictureWay::Auto),
            ("off", PictureWay::Off),
            ("kitty", PictureWay::Kitty),
            ("iterm2", PictureWay::Iterm2),
            ("sixel", PictureWay::Sixel),
            ("blocks", PictureWay::Blocks),
        ],
    ));
    plain picture_blocks: PictureBlocks, "\"half\", \"quadrant\", \"sextant\" or \"octant\"", |value: &_| some(word(
        value,
        &[
            ("half", PictureBlocks::Half),
            ("quadrant", PictureBlocks::Quadrant),
            ("sextant", PictureBlocks::Sextant),
            ("octant", PictureBlocks::Octant),
        ],
    ));
    plain picture_bytes: u64, "\"auto\", or a size from \"8kB\" to \"10MB\"",
        |value: &_| values::size_or_auto(value, 8_000, 10_000_000);
    plain preview_cache: u64, "a size from \"0\" to \"1000GB\"", |value: &_| some(values::size(value, 0, 1_000_000_000_000));
    plain on_done: Vec<String>, ARGV, |value: &_| some(values::argv(value));
    plain on_failed: Vec<String>, ARGV, |value: &_| some(values::argv(value));
    plain on_batch: Vec<String>, ARGV, |value: &_| some(values::argv(value));
    plain hook_timeout: Duration, "a duration from \"1s\" to \"1h\"",
        |value: &_| some(values::duration(value, Duration::from_secs(1), HOUR));
    plain terminal_backend: TerminalBackend, "\"own\" or \"stock\"", |value: &_| some(word(
        value,
        &[("own", TerminalBackend::Own), ("stock", TerminalBackend::Stock)],
    ));
}

/// The row of an option.
pub fn info(name: &str) -> Option<&'static OptionInfo> {
    OPTIONS.iter().find(|option| option.name == name)
}

impl Settings {
    /// The options that name one path, as they stand.
    pub fn paths(&self) -> Vec<(&'static str, String)> {
        [("key_file", &self.key_file), ("data_dir", &self.data_dir), ("results_dir", &self.results_dir)]
            .into_iter()
            .filter_map(|(name, text)| Some((name, text.clone()?)))
            .collect()
    }

    /// The options that start a program, with the program.
    pub fn programs(&self) -> Vec<(&'static str, &str)> {
        let lists = [
            ("key_command", &self.key_command),
            ("on_done", &self.on_done),
            ("on_failed", &self.on_failed),
            ("on_batch", &self.on_batch),
        ];
        lists.into_iter().filter_map(|(name, argv)| Some((name, argv.as_ref()?.first()?.as_str()))).collect()
    }
}
