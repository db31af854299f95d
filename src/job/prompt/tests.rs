//! Every rule of `docs/prompts.md`, and what must hold of any text.

use proptest::prelude::*;

use super::*;

const PICTURE: &str = "https://example.com/boat.png";

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn prompts(line: &str) -> Vec<String> {
    let (prompts, _) = parse_line(line).unwrap_or_else(|errors| panic!("{line}: {errors:?}"));
    prompts.iter().map(|prompt| prompt.as_str().to_owned()).collect()
}

fn errors(line: &str) -> Vec<PromptError> {
    parse_line(line).err().unwrap_or_default()
}

fn remarks(line: &str) -> Vec<PromptRemark> {
    parse_line(line).unwrap_or_else(|errors| panic!("{line}: {errors:?}")).1
}

fn out_of_range(parameter: &str, value: &str, least: u32, most: u32) -> PromptError {
    PromptError::OutOfRange { parameter: parameter.into(), value: value.into(), least, most }
}

fn needs(parameter: &str, needed: Needed) -> PromptError {
    PromptError::Needs { parameter: parameter.into(), needed }
}

#[test]
fn a_prompt_is_one_clean_line_of_1_to_8192_characters() {
    assert_eq!(Prompt::new("  old pier \u{3000}").unwrap().as_str(), "old pier");
    assert_eq!(Prompt::new(" \t "), Err(PromptError::Empty));
    assert!(Prompt::new(&"夏".repeat(8_192)).is_ok(), "characters count, not bytes");
    assert_eq!(Prompt::new(&"a".repeat(8_193)), Err(PromptError::TooLong { characters: 8_193 }));
    for (text, character, position) in [
        ("old\npier", '\n', 4),
        ("old\tpier", '\t', 4),
        ("\u{1b}[31mred", '\u{1b}', 1),
        ("a\u{0}", '\u{0}', 2),
        ("a\u{85}b", '\u{85}', 2),
        ("rtl \u{202e}reip", '\u{202e}', 5),
        ("zero\u{200b}width", '\u{200b}', 5),
        ("two\u{2028}lines", '\u{2028}', 4),
    ] {
        assert_eq!(Prompt::new(text), Err(PromptError::UnsafeCharacter { character, position }), "{text:?}");
        assert_eq!(errors(text), [PromptError::UnsafeCharacter { character, position }], "{text:?}");
    }
}

#[test]
fn a_stored_prompt_is_read_by_its_form_alone() {
    let stored = serde_json::to_string(&Prompt::new("old pier --q 4").unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Prompt>(&stored).unwrap().as_str(), "old pier --q 4");
    assert!(serde_json::from_str::<Prompt>("\"a\\u001bb\"").is_err());
    assert!(serde_json::from_str::<Prompt>("\"\"").is_err());
}

#[test]
fn choices_become_prompts() {
    for (line, expected) in [
        ("boat", &["boat"][..]),
        ("{red, blue} boat", &["red boat", "blue boat"]),
        ("{red,blue} boat at {dawn, dusk}", &["red boat at dawn", "red boat at dusk", "blue boat at dawn", "blue boat at dusk"]),
        ("a {bird {on a jetty, in a tree}, cat}", &["a bird on a jetty", "a bird in a tree", "a cat"]),
        ("{{a, b}, {c, d}}", &["a", "b", "c", "d"]),
        ("{red} boat", &["red boat"]),
        ("boat --ar {3:2, 1:1}", &["boat --ar 3:2", "boat --ar 1:1"]),
        ("boat {--ar 3:2, --s 250}", &["boat --ar 3:2", "boat --s 250"]),
        ("{red, red} boat", &["red boat", "red boat"]),
        (r"\{red, blue\} boat", &["{red, blue} boat"]),
        (r"{red\, pale, blue} boat", &["red, pale boat", "blue boat"]),
        (r"{a\{b, c\}d}", &["a{b", "c}d"]),
        (r"one, two\, three", &[r"one, two\, three"]),
        (r"C:\dir\\file", &[r"C:\dir\\file"]),
        (r"a\\{b, c}", &[r"a\b", r"a\c"]),
        (r"a\\\{b", &[r"a\{b"]),
        (r"ends in \", &[r"ends in \"]),
        (r"\#1 fan", &["#1 fan"]),
        ("#1 fan", &["#1 fan"]),
        ("夏{日, 夜}", &["夏日", "夏夜"]),
    ] {
        assert_eq!(prompts(line), expected, "{line}");
        assert_eq!(expand(line.trim_start_matches(r"\#").trim_start_matches('#')).unwrap().len(), expected.len(), "{line}");
    }
}

#[test]
fn braces_that_do_not_fit_are_wrong() {
    for (line, error) in [
        ("{red, blue boat", PromptError::UnclosedBrace { position: 1 }),
        ("a {b, {c, d} boat", PromptError::UnclosedBrace { position: 3 }),
        ("red} boat", PromptError::UnopenedBrace { position: 4 }),
        ("{red, blue}} boat", PromptError::UnopenedBrace { position: 12 }),
        ("{red, } boat", PromptError::EmptyChoice { position: 7 }),
        ("{, red} boat", PromptError::EmptyChoice { position: 2 }),
        ("{red,, blue}", PromptError::EmptyChoice { position: 6 }),
        ("{} boat", PromptError::EmptyChoice { position: 2 }),
        (r"{red, blue\} boat", PromptError::UnclosedBrace { position: 1 }),
    ] {
        assert_eq!(errors(line), [error], "{line}");
    }
}

#[test]
fn forty_prompts_a_line_and_not_one_more() {
    let choices = |n: usize| format!("{{{}}}", (0..n).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    assert_eq!(prompts(&format!("boat {}", choices(40))).len(), 40);
    assert_eq!(prompts(&format!("boat {} {}", choices(8), choices(5))).len(), 40);
    for (line, count) in [
        (choices(41), 41),
        (format!("{} {}", choices(6), choices(7)), 42),
        (format!("{{{}, x}}", choices(40)), 41),
        ("{a,b}".repeat(30), 1 << 30),
        ("{a,b}".repeat(200), u64::MAX),
    ] {
        assert_eq!(errors(&line), [PromptError::TooManyVariants { count }]);
    }
    assert_eq!(errors(&"a".repeat(70_000)), [PromptError::TooLong { characters: 70_000 }]);
    let deep = format!("{}a{}", "{".repeat(10_000), "}".repeat(10_000));
    assert_eq!(prompts(&deep), ["a"], "depth is no danger");
    let long = format!("{{{}, b}}", "a".repeat(8_193));
    assert_eq!(errors(&long), [PromptError::TooLong { characters: 8_193 }]);
}

#[test]
fn numbers_have_ranges() {
    for (name, least, most) in [("--c", 0, 100), ("--s", 0, 1_000), ("--w", 0, 3_000), ("--exp", 0, 100), ("--seed", 0, u32::MAX)]
    {
        let line = |value: &str| format!("boat {name} {value}");
        assert_eq!(errors(&line(&least.to_string())), [], "{name}");
        assert_eq!(errors(&line(&most.to_string())), [], "{name}");
        for value in [(u64::from(most) + 1).to_string(), "-1".into(), "99999999999999999999".into()] {
            assert_eq!(errors(&line(&value)), [out_of_range(name, &value, least, most)], "{name}");
        }
        for value in ["many", "1.5", "10,", "0x10", "٣"] {
            let error = PromptError::NotANumber { parameter: name.into(), value: value.into(), whole: true };
            assert_eq!(errors(&line(value)), [error], "{name} {value}");
        }
        assert_eq!(errors(&format!("boat {name}")), [PromptError::MissingValue { parameter: name.into() }]);
        assert_eq!(errors(&format!("boat {name} --raw")), [PromptError::MissingValue { parameter: name.into() }]);
    }
    for (name, least, most) in [("--sv", 1, 6), ("--sw", 0, 1_000)] {
        let line = |value: u32| format!("boat --sref 123 {name} {value}");
        assert_eq!((errors(&line(least)), errors(&line(most))), (vec![], vec![]), "{name}");
        assert_eq!(errors(&line(most + 1)), [out_of_range(name, &(most + 1).to_string(), least, most)]);
    }
    assert_eq!(errors("boat --sref 123 --sv 0"), [out_of_range("--sv", "0", 1, 6)]);
    for value in ["0", "3", "0.5", ".5", "3.0"] {
        assert_eq!(errors(&format!("{PICTURE} boat --iw {value}")), [], "{value}");
    }
    for value in ["3.1", "-0.5", "4"] {
        assert_eq!(errors(&format!("{PICTURE} boat --iw {value}")), [out_of_range("--iw", value, 0, 3)]);
    }
    for value in ["1.2.3", ".", "nan", "1e0"] {
        let error = PromptError::NotANumber { parameter: "--iw".into(), value: value.into(), whole: false };
        assert_eq!(errors(&format!("{PICTURE} boat --iw {value}")), [error]);
    }
    assert_eq!(errors("boat --stylize 2000 --chaos 101 --weird 3001").len(), 3, "long names too");
    assert_eq!(errors("boat --S 2000"), [out_of_range("--S", "2000", 0, 1_000)], "and capitals");
}

#[test]
fn a_ratio_is_two_whole_numbers() {
    for value in ["3:2", "16:9", "1:1", "239:100"] {
        assert_eq!(errors(&format!("boat --ar {value}")), []);
        assert_eq!(errors(&format!("boat --aspect {value}")), []);
    }
    for value in ["3", "3:", ":2", "0:1", "1:0", "1.5:1", "3x2", "-3:2", "3:2,", "3:2:1", "99999999999:1"] {
        let error = PromptError::NotARatio { parameter: "--ar".into(), value: value.into() };
        assert_eq!(errors(&format!("boat --ar {value}")), [error]);
    }
    assert_eq!(errors("boat --ar"), [PromptError::MissingValue { parameter: "--ar".into() }]);
}

#[test]
fn what_changes_the_price_or_is_no_draft_is_wrong() {
    assert_eq!(errors("boat --q 1"), []);
    for line in ["boat --q 2", "boat --q 4", "boat --q 0"] {
        assert_eq!(errors(line), [PromptError::UnknownPrice { parameter: "--q".into() }], "{line}");
    }
    assert_eq!(errors("boat --quality 4"), [PromptError::UnknownPrice { parameter: "--quality".into() }]);
    assert_eq!(errors("boat --q"), [PromptError::MissingValue { parameter: "--q".into() }]);
    let not_in_draft = |parameter: &str| PromptError::NotInDraft { parameter: parameter.into() };
    assert_eq!(errors(&format!("boat --oref {PICTURE}")), [not_in_draft("--oref")]);
    assert_eq!(errors(&format!("boat --oref {PICTURE} --ow 200")), [not_in_draft("--oref")]);
    assert_eq!(errors("boat --tile"), [not_in_draft("--tile")]);
    assert_eq!(errors("boat --tile."), [not_in_draft("--tile.")]);
}

#[test]
fn what_the_service_does_not_support_is_wrong() {
    for parameter in
        ["--v", "--version", "--niji", "--repeat", "--r", "--relax", "--stop", "--cref", "--cw", "--p", "--stealth", "--public"]
    {
        let error = [PromptError::Unsupported { parameter: parameter.into() }];
        assert_eq!(errors(&format!("boat {parameter}")), error);
        assert_eq!(errors(&format!("boat {parameter} 6 --ar 3:2")), error, "with a value, and in the middle");
    }
    for parameter in ["--v7", "--v6.1", "--niji6", "--r4", "--V"] {
        assert_eq!(errors(&format!("boat {parameter}")), [PromptError::Unsupported { parameter: parameter.into() }]);
    }
    for (line, word) in [
        ("cat::2 dog", "cat::2"),
        ("cat:: dog", "cat::"),
        ("a :: b", "::"),
        ("boat --no fog::1", "fog::1"),
        ("boat --mood calm::2", "calm::2"),
    ] {
        assert_eq!(errors(line), [PromptError::MultiPrompt { word: word.into() }], "{line}");
    }
    assert_eq!(errors(&format!("boat --sref {PICTURE}::2 123::0.5 random")), [], "weights belong to styles");
}

#[test]
fn parameters_have_what_they_need() {
    for (line, error) in [
        ("boat --sv 4", needs("--sv", Needed::StyleReference)),
        ("boat --sw 100", needs("--sw", Needed::StyleReference)),
        ("boat --ow 100", needs("--ow", Needed::ObjectReference)),
        ("boat --iw 1", needs("--iw", Needed::Picture)),
        ("https://example.com/page boat --iw 1", needs("--iw", Needed::Picture)),
        ("boat https://example.com/a.png --iw 1", needs("--iw", Needed::Picture)),
    ] {
        assert_eq!(errors(line), [error], "{line}");
    }
    let two = format!("{PICTURE} https://example.com/b.JPEG?x=1");
    for parameter in ["--s 100", "--w 100", "--sref 123"] {
        let name = &parameter[..parameter.find(' ').unwrap()];
        assert_eq!(errors(&format!("{two} {parameter}")), [needs(name, Needed::Words)]);
        assert_eq!(errors(&format!("{two} boat {parameter}")), []);
    }
    assert_eq!(errors("boat --sv 2 --sref 123"), [], "in any order");
    assert_eq!(errors("boat --sref"), [PromptError::MissingValue { parameter: "--sref".into() }]);
    assert_eq!(errors("boat --no"), [PromptError::MissingValue { parameter: "--no".into() }]);
    assert_eq!(errors("boat --no text, water mark --raw"), []);
}

#[test]
fn one_picture_needs_words_and_two_do_not() {
    assert_eq!(errors(PICTURE), [PromptError::LonePicture]);
    assert_eq!(errors(&format!("{PICTURE} --ar 3:2")), [PromptError::LonePicture]);
    assert_eq!(errors("HTTPS://example.com/x"), [PromptError::LonePicture], "any lone address");
    assert_eq!(errors(&format!("{PICTURE} boat")), []);
    assert_eq!(errors(&format!("{PICTURE} {PICTURE}")), []);
    assert_eq!(errors(&format!("{PICTURE} {PICTURE} --iw 2")), []);
    assert_eq!(errors("--ar 3:2"), [PromptError::OnlyParameters]);
    assert_eq!(errors(&format!("{PICTURE} – --ar 3:2")), [PromptError::LonePicture], "a dash is no word");
    assert_eq!(
        remarks(&format!("boat {PICTURE}")),
        [PromptRemark::PictureAfterWords { address: PICTURE.into() }],
        "it counts only at the front"
    );
}

#[test]
fn nothing_stands_behind_the_parameters() {
    for (line, word) in [
        ("boat --ar 3:2 at dawn", "at"),
        ("boat --raw at dawn", "at"),
        ("boat --s 250 300", "300"),
        ("boat --sref 123 at dawn", "at"),
        ("boat --ar 3:2 --", "--"),
        ("boat --ar 3:2 - --s 5", "-"),
        (&format!("boat --ar 3:2 {PICTURE}"), PICTURE),
    ] {
        assert_eq!(errors(line), [PromptError::TextAfterParameters { word: word.into() }], "{line}");
    }
}

#[test]
fn what_is_cut_out_or_not_known_is_only_said() {
    for parameter in ["--draft", "--fast", "--turbo", "--Fast"] {
        assert_eq!(remarks(&format!("boat {parameter} --ar 3:2")), [PromptRemark::CutOut { parameter: parameter.into() }]);
    }
    for parameter in ["--mood", "--stop-motion", "--style", "--hd"] {
        let said = [PromptRemark::UnknownParameter { parameter: parameter.into() }];
        assert_eq!(remarks(&format!("boat {parameter}")), said);
        assert_eq!(remarks(&format!("boat {parameter} very calm --ar 3:2")), said, "what it takes is not known");
    }
    assert_eq!(remarks("{red, blue} boat --fast").len(), 1, "once a line");
}

#[test]
fn long_dashes_are_found_and_the_repaired_line_is_offered() {
    for (line, repaired_line) in [
        ("old pier —ar 3:2", "old pier --ar 3:2"),
        ("old pier –ar 3:2", "old pier --ar 3:2"),
        ("old pier ——ar 3:2", "old pier --ar 3:2"),
        ("old pier –-ar 3:2", "old pier --ar 3:2"),
        ("old pier ―s 250", "old pier --s 250"),
        ("old pier −−s 250", "old pier --s 250"),
        ("old pier —raw", "old pier --raw"),
        ("old pier —ar 3:2 —s 250", "old pier --ar 3:2 --s 250"),
        ("old pier --ar 3:2 —s 250", "old pier --ar 3:2 --s 250"),
        ("old pier—ar 3:2", "old pier --ar 3:2"),
        ("old pier — ar 3:2", "old pier --ar 3:2"),
        ("old pier —ar=3:2", "old pier --ar 3:2"),
        ("{red, blue} pier —ar {3:2, 1:1}", "{red, blue} pier --ar {3:2, 1:1}"),
    ] {
        let found = errors(line);
        assert!(
            !found.is_empty() && found.iter().all(|error| matches!(error, PromptError::LongDash { .. })),
            "{line}: {found:?}"
        );
        assert_eq!(repaired(line).as_deref(), Some(repaired_line), "{line}");
        assert_eq!(errors(repaired_line), [], "{repaired_line}");
    }
    let shown = PromptError::LongDash { written: "—ar".into(), meant: "--ar".into() };
    assert_eq!(errors("old pier —ar 3:2"), [shown]);
    for line in ["red—blue pier", "a pier — old and grey", "well-known 1990–2000 pier", "pier – at dawn", "—"] {
        assert_eq!(repaired(line), None, "{line}: a dash between words stays one");
    }
    assert_eq!(remarks("pier —dreamy"), [PromptRemark::LongDash { word: "—dreamy".into() }], "perhaps a parameter");
}

#[test]
fn other_slips_of_the_hand_are_found_too() {
    for (line, repaired_line) in [
        ("pier -ar 3:2", "pier --ar 3:2"),
        ("pier ---ar 3:2", "pier --ar 3:2"),
        ("pier---s 250", "pier --s 250"),
        ("pier--ar 3:2", "pier --ar 3:2"),
        ("pier --s 250--ar 3:2", "pier --s 250 --ar 3:2"),
        ("pier -- ar 3:2", "pier --ar 3:2"),
        ("pier --ar=3:2", "pier --ar 3:2"),
        ("pier --ar:3:2", "pier --ar 3:2"),
        ("pier --s250", "pier --s 250"),
    ] {
        let found = errors(line);
        assert!(matches!(found[..], [PromptError::Misspelled { .. }]), "{line}: {found:?}");
        assert_eq!(repaired(line).as_deref(), Some(repaired_line), "{line}");
        assert_eq!(errors(repaired_line), [], "{repaired_line}");
    }
    for line in ["a well-known F-16 at mach-s", "https://example.com/a--s 250 m pier", "pier -s", "a 35mm-s pier", "x - s", "-"] {
        assert_eq!(repaired(line), None, "{line}");
    }
    assert_eq!(repaired("pier –ar--s 250").as_deref(), Some("pier --ar --s 250"), "one that hides behind another");
    assert_eq!(repaired("a\tb\u{200b}c").as_deref(), Some("a bc"), "what cannot be sent is taken out");
    assert_eq!(repaired("\u{1b}"), None, "nothing would be left");
}

#[test]
fn a_text_is_read_line_by_line() {
    let text = "\u{feff}lighthouse in fog --ar 1:1 --s 250\r\n\n# a remark\n{red, blue} boat at dawn\nold pier --q 4\n  old pier —ar 3:2  \n{red, red} boat at dawn\n#1 fan";
    let lines = parse_prompts(text);
    assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 4, 5, 6, 7, 8]);
    let counts = |line: &PromptLine| match &line.verdict {
        PromptVerdict::Ok { prompts, twice, .. } => Some((prompts.len(), twice.len())),
        PromptVerdict::Wrong(_) => None,
    };
    assert_eq!(
        lines.iter().map(counts).collect::<Vec<_>>(),
        [Some((1, 0)), Some((2, 0)), None, None, Some((0, 2)), Some((1, 0))]
    );
    assert_eq!(lines[3].text, "old pier —ar 3:2");
    assert_eq!(lines[3].repaired().as_deref(), Some("old pier --ar 3:2"));
    assert_eq!((lines[0].template(), lines[1].template()), (None, Some("{red, blue} boat at dawn")));
    assert_eq!(parse_prompts("one\rtwo\r\rthree").iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 4]);
    assert_eq!(parse_prompts(" \n\n# only remarks\n##"), []);
    let known = check_prompts("boat\npier", |prompt| prompt.as_str() == "pier");
    assert_eq!(known.iter().map(counts).collect::<Vec<_>>(), [Some((1, 0)), Some((0, 1))]);
}

#[test]
fn every_reason_of_a_line_is_told_once() {
    let found = errors("{red, blue} boat --s 2000 --v 6 dawn --tile");
    assert_eq!(
        found,
        [
            out_of_range("--s", "2000", 0, 1_000),
            PromptError::Unsupported { parameter: "--v".into() },
            PromptError::NotInDraft { parameter: "--tile".into() }
        ]
    );
}

/// Texts made of what the rules are about.
fn line() -> impl Strategy<Value = String> {
    let words = prop::sample::select(owned(&[
        "boat",
        "{",
        "}",
        ",",
        "\\",
        "#",
        "--ar",
        "3:2",
        "--s",
        "250",
        "—",
        "–ar",
        "-",
        "--",
        "::",
        "--sref",
        "123",
        "--no",
        "--fast",
        PICTURE,
        "--q",
        "1",
        "夏",
        "\u{200b}",
        "\n",
        "\r",
        "--mood",
        "{a, b}",
        "{c, {d, e}}",
        "=",
    ]));
    prop::collection::vec((words, prop::sample::select(owned(&["", " ", "  "]))), 0..20)
        .prop_map(|parts| parts.into_iter().map(|(word, blank)| word + &blank).collect())
}

/// A line of groups with a known number of prompts.
fn template() -> impl Strategy<Value = (String, usize)> {
    let leaf = Just(("x".to_owned(), 1));
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|choices| {
                let texts: Vec<&str> = choices.iter().map(|(text, _)| text.as_str()).collect();
                (format!("{{{}}}", texts.join(", ")), choices.iter().map(|(_, count)| count).sum())
            }),
            prop::collection::vec(inner, 1..4).prop_map(|parts| {
                (parts.iter().map(|(text, _)| text.as_str()).collect(), parts.iter().map(|(_, count)| count).product())
            }),
        ]
    })
}

/// What must hold of every text.
fn holds(text: &str) {
    for line in parse_prompts(text) {
        if let PromptVerdict::Ok { prompts, twice, .. } = &line.verdict {
            assert!((1..=MOST_VARIANTS).contains(&(prompts.len() + twice.len())), "{text:?}");
            for prompt in prompts.iter().chain(twice) {
                let again = parse_prompts(&prompt.as_line());
                let [PromptLine { verdict: PromptVerdict::Ok { prompts, twice, .. }, .. }] = &again[..] else {
                    panic!("{prompt:?} of {text:?} is not taken again: {again:?}");
                };
                assert_eq!((&prompts[..], &twice[..]), (&[prompt.clone()][..], &[][..]), "{text:?}");
                assert_eq!(Prompt::new(prompt.as_str()).as_ref(), Ok(prompt));
                assert!(check(prompt.as_str()).0.is_empty());
            }
        }
        if let Some(repaired_line) = line.repaired() {
            assert_ne!(repaired_line, line.text);
            assert_eq!(repaired(&repaired_line), None, "{text:?} needs one repair");
        }
    }
    let _ = (expand(text), check(text), Prompt::new(text), repaired(text));
}

#[test]
fn what_other_commands_print_is_no_prompt() {
    for line in [
        "task-unified-1790000100-k3v9q2ad",
        "task-unified-1790000100-k3v9q2ad:0",
        "{\"prompt\":\"a boat\",\"speed\":\"turbo\"}",
        "[\"a boat\", \"a pier\"]",
        "{task-unified-1, a boat}",
    ] {
        assert_eq!(parse_line(line).unwrap_err(), [PromptError::NoWords], "{line}");
    }
    for line in ["{\"a\" boat, pier}", "a boat {1,2}", "\\{\"a\":1\\}", "boat task-unified-1", "[a boat"] {
        assert!(parse_line(line).is_ok(), "{line}: {:?}", parse_line(line));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_taken_or_refused_and_what_is_taken_is_taken_again(text in ".{0,200}") {
        holds(&text);
    }

    #[test]
    fn any_line_of_the_rules_own_words_too(text in line()) {
        holds(&text);
    }

    #[test]
    fn a_template_stands_for_as_many_prompts_as_its_choices_say((text, count) in template()) {
        match expand(&text) {
            Ok(texts) => prop_assert_eq!(texts.len(), count, "{}", text),
            Err(PromptError::TooManyVariants { count: told }) => {
                prop_assert!(count > MOST_VARIANTS && told == count as u64, "{} {}", text, told);
            }
            Err(error) => prop_assert!(false, "{}: {:?}", text, error),
        }
    }
}

#[test]
fn a_line_has_at_most_as_many_characters_as_can_be_expanded() {
    for (length, fits) in [(65_535, true), (65_536, true), (65_537, false)] {
        let found = expand(&"a".repeat(length));
        assert_eq!(found.is_ok(), fits, "{length}");
    }
}

#[test]
fn a_text_with_braces_and_backslashes_is_the_line_that_stands_for_it() {
    for text in ["{", "}", "\\{", "\\\\{", "a\\b", "\\\\\\}x\\", "{a, b}"] {
        assert_eq!(expand(&super::expand::escape(text)).unwrap(), [text], "{text}");
    }
}

#[test]
fn a_style_needs_words_only_beside_pictures_and_a_weight_is_a_number() {
    for (line, wrong) in [
        ("https://h/a.png https://h/b.png --s 100", vec![needs("--s", Needed::Words)]),
        ("boat https://h/a.png --s 100", vec![]),
        ("boat --sref random::2", vec![]),
        ("boat --sref 12::0.5", vec![]),
    ] {
        assert_eq!(errors(line), wrong, "{line}");
    }
    assert!(!errors("boat --sref random::x").is_empty() && !errors("boat --sref ::").is_empty());
    assert!(!errors("boat --q one").is_empty() && errors("boat --q 1").is_empty());
}

#[test]
fn a_picture_that_stands_behind_words_is_said_and_an_address_that_is_none_is_not() {
    let behind = |address: &str| PromptRemark::PictureAfterWords { address: address.into() };
    assert_eq!(remarks("boat https://h/a.png"), [behind("https://h/a.png")]);
    assert_eq!(remarks("https://h/a.png boat"), []);
    assert_eq!(remarks("boat https://h/page"), []);
}
