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
    }
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
    queries_of_the_corpus_read_back "queries";
    waits_of_the_corpus_are_bounded "retry_after";
    specs_of_the_corpus_read_back "specs";
    stores_of_the_corpus_are_refused_or_used "store";
    texts_of_the_corpus_are_cleaned "text";
}
