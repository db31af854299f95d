//! The options, as data: one row each, for the reader, the messages, and the test that holds the example file to it.

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

/// Every option of the file.
pub const OPTIONS: &[OptionInfo] = &[
    profile("key_file", "a path in quotes, or \"\" for none"),
    profile("key_command", ARGV),
    profile("base_url", "an address in quotes like \"https://api.evolink.ai\""),
    profile("data_dir", "a path in quotes, or \"\" for the default place"),
    profile("results_dir", "a path in quotes, or \"\" for results/ in the data folder"),
    plain("name_template", "a text like \"{date}/{tag}/{task}-{image}.{ext}\""),
    plain("max_in_flight", "a whole number from 1 to 10000"),
    plain("submit_gap", "a time from \"0s\" to \"1h\""),
    plain("reads_per_minute", "a whole number from 1 to 6000"),
    profile("cap_session", MONEY),
    profile("cap_day", MONEY),
    plain("grace", "a time from \"0s\" to \"10m\""),
    plain("fetches_at_once", "a whole number from 1 to 64"),
    plain("callback_url", "a public https address in quotes, or \"\" for none"),
    plain("theme", "\"auto\", \"dark\", \"light\" or \"mono\""),
    plain("color", "\"auto\", \"always\" or \"never\""),
    plain("ascii", "\"auto\", true or false"),
    plain("slow_link", "true or false"),
    plain("mouse", "\"auto\", true or false"),
    plain("notify", "\"auto\", \"off\", \"bell\", \"osc9\", \"osc777\" or \"osc99\""),
    plain("on_done", ARGV),
    plain("on_failed", ARGV),
    plain("on_batch", ARGV),
    plain("hook_timeout", "a time from \"1s\" to \"1h\""),
    plain("terminal_backend", "\"own\" or \"stock\""),
];

/// The row of an option.
pub fn info(name: &str) -> Option<&'static OptionInfo> {
    OPTIONS.iter().find(|option| option.name == name)
}
