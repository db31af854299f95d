//! The configuration file.

use std::path::Path;
use std::time::Duration;

use mj_enhance::config::{Config, Environment, Flags, OPTIONS, check};
use mj_enhance::job::Credits;
use mj_enhance::tui::Keymap;

use super::text::assert_clean;

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let path = Path::new("/home/ada/config.toml");
    let environment = Environment::of([("HOME", "/home/ada")]);
    for profile in [None, Some("work")] {
        let flags = Flags { profile: profile.map(str::to_owned), ..Flags::default() };
        match check(Some(&text), path, &flags, &environment) {
            Ok(config) => in_range(&config),
            Err(errors) => {
                assert!(!errors.0.is_empty(), "something is named");
                let mut last = 0;
                for error in &errors.0 {
                    assert_clean(&error.to_string(), "a mistake of the configuration");
                    // A wrong duration says itself how to write it, in the one sentence that flags and file share.
                    let says_what_to_do = !error.next.is_empty() || error.what.contains("write it like");
                    assert!(!error.what.is_empty() && says_what_to_do, "{error:?}");
                    if error.place == "--profile" {
                        continue;
                    }
                    let place = error.place.strip_prefix("/home/ada/config.toml:");
                    let line = place.and_then(|place| place.split(':').next()?.parse::<usize>().ok());
                    let line = line.unwrap_or_else(|| panic!("{error:?} names its line"));
                    assert!(line >= 1 && line <= text.split('\n').count(), "{error:?}");
                    assert!(line >= last, "mistakes come in the order of their lines: {errors:?}");
                    last = line;
                }
            }
        }
    }
}

fn in_range(config: &Config) {
    assert!((1..=10_000).contains(&config.max_in_flight));
    assert!((1..=6_000).contains(&config.reads_per_minute));
    assert!((1..=64).contains(&config.fetches_at_once));
    assert!(config.submit_gap <= Duration::from_hours(1) && config.grace <= Duration::from_mins(10));
    assert!((Duration::from_secs(1)..=Duration::from_hours(1)).contains(&config.hooks.timeout));
    for cap in [config.caps.session, config.caps.day].into_iter().flatten() {
        assert!(cap >= Credits::ZERO);
    }
    let base = &config.base_url;
    assert!(base.scheme() == "https" || (base.scheme() == "http" && config.is_loopback()), "{base}");
    assert!(base.username().is_empty() && base.password().is_none() && base.path() == "/", "{base}");
    assert!(config.callback_url.as_deref().is_none_or(|url| url.starts_with("https:")
        || url.starts_with("HTTPS:")
        || url.to_ascii_lowercase().trim_start().starts_with("https:")));
    for template in [&config.name_template, &config.draft_template] {
        assert_eq!(
            mj_enhance::fetch::check_template(template),
            Ok(()),
            "what the file may say, the downloads take: {template:?}"
        );
    }
    for hook in [&config.hooks.on_done, &config.hooks.on_failed, &config.hooks.on_batch] {
        assert!(hook.first().is_none_or(|program| !program.is_empty()));
    }
    assert!(config.data_dir.is_absolute() && config.results_dir.is_absolute());
    for note in &config.notes {
        assert_clean(note, "a note");
    }
    let overrides: Vec<_> = config.keys.iter().map(|key| (key.action.as_str(), key.keys.clone(), key.line)).collect();
    if let Err(wrong) = Keymap::with_overrides(&overrides) {
        assert!(!wrong.is_empty());
        for said in wrong {
            assert_clean(&said.what, "a mistake of the keys");
        }
    }
    assert!(config.pause_after_failures <= 10_000);
    assert!(config.picture_bytes.is_none_or(|bytes| (8_000..=10_000_000).contains(&bytes)));
    assert!(config.preview_cache <= 1_000_000_000_000);
    assert_eq!(OPTIONS.len(), 32, "every option has its range here");
}
