//! Every file of the fuzz corpora through the entry that the fuzz targets call: what was found once stays mended.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
mod entries;

/// Runs every file of one target's corpus.
fn replay(target: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has a corpus");
    for file in files {
        let data = fs::read(&file).unwrap();
        assert!(data.len() <= 4_096, "{} is small enough to be kept", file.display());
        // Its name is in the output of a failing test.
        eprintln!("{}", file.display());
        entries::run(target, &data);
        for seed in 0..mutations() {
            let changed = mutate(&data, seed);
            eprintln!("{} seed {seed}: {}", file.display(), changed.escape_ascii());
            entries::run(target, &changed);
        }
    }
}

/// How many changed copies of each file are run too; `CORPUS_MUTATIONS=100000` looks further without a fuzzer.
fn mutations() -> u64 {
    std::env::var("CORPUS_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(8)
}

/// A few bytes changed, taken out, put in or said twice; the same seed changes the same way.
fn mutate(data: &[u8], seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut out = data.to_vec();
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..=out.len());
        let end = (at + rng.usize(..12)).min(out.len());
        match rng.u8(..5) {
            0 if at < out.len() => out[at] = rng.u8(..),
            1 => drop(out.drain(at..end)),
            2 => out.insert(at, rng.u8(..)),
            3 => {
                let part = out[at..end].to_vec();
                let to = rng.usize(..=out.len());
                out.splice(to..to, part);
            }
            _ => {
                const WORDS: [&str; 8] = ["\u{1b}[2J", "\u{202e}", "\"", "{", "夏\u{301}", "-1", "99999999999999999999", "\n"];
                out.splice(at..at, WORDS[rng.usize(..WORDS.len())].bytes());
            }
        }
    }
    out
}

#[test]
fn every_target_has_a_binary_and_a_corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (target, _) in entries::TARGETS {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} stands in fuzz/Cargo.toml");
        assert!(root.join(format!("fuzz_targets/{target}.rs")).is_file(), "{target} has a binary");
        assert!(root.join("corpus").join(target).is_dir(), "{target} has a corpus");
    }
}

macro_rules! corpora {
    ($($test:ident $target:literal;)*) => {
        $(#[test]
        fn $test() {
            replay($target);
        })*
    };
}

corpora! {
    answers_of_the_corpus_are_read_safely "answers";
    configurations_of_the_corpus_are_checked "config";
    errors_of_the_corpus_are_clean_sentences "errors";
    keys_of_the_corpus_pay_only_from_a_price_box "keys";
    lives_of_the_corpus_keep_their_money "life";
    names_of_the_corpus_stay_in_the_folder "names";
    pictures_of_the_corpus_stay_in_their_box_and_budget "preview";
    queries_of_the_corpus_read_back "queries";
    waits_of_the_corpus_are_bounded "retry_after";
    specs_of_the_corpus_read_back "specs";
    stores_of_the_corpus_are_refused_or_used "store";
    terminals_of_the_corpus_type_nothing_by_themselves "terminal";
    texts_of_the_corpus_are_cleaned "text";
}
