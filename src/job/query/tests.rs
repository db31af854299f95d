//! Queries are read, printed and answered.

use super::*;
use crate::job::{Failure, JobId, Phase, Tag, TaskId};
use proptest::prelude::*;

fn job() -> Job {
    let source = TaskId::new("task-unified-1790000100-k3v9q2ad").unwrap();
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let mut job =
        Job::new(JobId::from_bits(7), crate::job::JobKind::Enhance { source, image: ImageNumber::try_from(2).unwrap() }, 0, at);
    job.tag = Some(Tag::new("sunset").unwrap());
    job.phase = Phase::Failed(Failure::of_task("content_policy_violation", "no"));
    job.charge = Some(Charge::NotKnown);
    job.reserved = Some(Credits::PUBLISHED_PRICE);
    job
}

fn fits(query: &str) -> bool {
    let now = Timestamp::from_second(1_800_000_000 + 3 * 3_600).unwrap();
    Query::parse(query).unwrap().matches(&job(), None, now, &mut Searcher::default())
}

#[test]
fn drafts_are_found_by_kind_and_words_of_the_prompt() {
    let prompt = Prompt::new("lighthouse in Fog --ar 3:2").unwrap();
    let kind = crate::job::JobKind::Draft { prompt, template: Some("lighthouse in {Fog, rain} --ar 3:2".into()) };
    let draft = Job { kind, ..job() };
    let fits = |query: &str| Query::parse(query).unwrap().matches(&draft, None, Timestamp::UNIX_EPOCH, &mut Searcher::default());
    for query in
        ["kind:draft", "kind:enhance,draft", "-kind:enhance", "prompt:fog", "prompt:snow,FOG", "prompt:rain", "lighthouse"]
    {
        assert!(fits(query), "{query}");
        assert_eq!(Query::parse(&Query::parse(query).unwrap().to_string()), Query::parse(query), "{query}");
    }
    for query in ["kind:enhance", "-kind:draft", "prompt:snow", "source:lighthouse", "image:0"] {
        assert!(!fits(query), "{query}");
    }
    assert!(!self::fits("prompt:fog") && self::fits("kind:enhance"));
}

#[test]
fn every_term_asks_what_it_says() {
    for query in [
        "",
        "state:failed",
        "state:saved,failed",
        "-state:saved",
        "age>2h",
        "age<=3h",
        "cost>5",
        "cost=5.4",
        "credits>5 credits<6",
        "k3v9q2ad:2",
        "tag:sunset",
        "tag:*",
        "source:k3v9q2ad",
        "image:0,2",
        "error:content",
        "charge:\"not known\"",
        "snst",
        "SUN state:failed",
        "k3v9",
        "id:0000",
    ] {
        assert!(fits(query), "{query} should fit");
    }
    for query in ["state:saved", "-state:failed", "age>4h", "cost<5", "tag:dawn", "-tag:*", "image:1", "dawn", "-sun", "left<4h"]
    {
        assert!(!fits(query), "{query} should not fit");
    }
}

#[test]
fn what_stands_before_the_eyes_is_found() {
    let mut job = job();
    let found = |job: &Job, query: &str| {
        let mut searcher = Searcher::with(|job| vec![format!("held by you, {}", job.state())]);
        Query::parse(query).unwrap().matches(job, None, job.created_at, &mut searcher)
    };
    job.phase = Phase::Held(crate::job::HoldReason::You);
    let source = TaskId::new("task-unified-1790000100-abcdefgh").unwrap();
    job.kind = crate::job::JobKind::Enhance { source, image: ImageNumber::ALL[2] };
    job.task = None;
    job.files = vec![crate::job::SavedFile { path: "/data/forest/x9-2.png".into(), sha256: String::new(), bytes: 1 }];
    for query in ["held by", "\"held by you\"", "BY", "abcdefgh:2", "x9-2.png"] {
        assert!(found(&job, query), "{query}");
    }
    for query in ["held byte", "abcdefgh:1", "forest"] {
        assert!(!found(&job, query), "{query}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (query, wrong, part) in [
        ("tag:x state:faild", "state:faild", "failed"),
        ("aeg>2h", "aeg>2h", "unknown filter \"aeg>\"; did you mean age?"),
        ("age>2", "age>2", "30s"),
        ("cost>abc text", "cost>abc", "credits"),
        ("image:4", "image:4", "0 to 3"),
        ("kind:turbo", "kind:turbo", "draft or enhance"),
        ("tag:", "tag:", "must follow"),
        ("-", "-", "must follow"),
        ("progress>101", "progress>101", "0 to 100"),
        ("\"open", "\"open", "not closed"),
    ] {
        let errors = Query::parse(query).unwrap_err();
        assert_eq!(&query[errors[0].range.clone()], wrong);
        assert!(errors[0].message.contains(part), "{query}: {}", errors[0].message);
    }
}

#[test]
fn a_wrong_term_leaves_the_others_working() {
    let (query, wrong) = Query::read("state:failed tag:");
    assert_eq!(query.to_string(), "state:failed");
    assert_eq!(wrong.len(), 1);
}

#[test]
fn the_canonical_text_reads_back() {
    for (text, canonical) in [
        ("  state:failed,saved   age>120m ", "state:failed,saved age>2h"),
        ("-tag:x cost>=5.40", "-tag:x credits>=5.4"),
        ("left<4h", "link<4h"),
        ("\"two words\"", "\"two words\""),
        ("charge:\"given back\"", "charge:refunded"),
        ("charge:refunded", "charge:refunded"),
        ("age=90s", "age=90s"),
    ] {
        let query = Query::parse(text).unwrap();
        assert_eq!(query.to_string(), canonical);
        assert_eq!(Query::parse(canonical).unwrap(), query);
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_read_prints_and_reads_back(text in ".{0,60}") {
        let (query, wrong) = Query::read(&text);
        for error in wrong {
            prop_assert!(text.get(error.range).is_some_and(|part| !part.is_empty()));
        }
        prop_assert_eq!(Query::parse(&query.to_string()), Ok(query));
    }

    #[test]
    fn texts_of_the_language_read_back(text in "(-?(state|tag|age|cost|image|left|progress)[:<>=]{1,2}[a-z0-9,\"]{0,6} ?){0,4}") {
        let (query, _) = Query::read(&text);
        prop_assert_eq!(Query::parse(&query.to_string()), Ok(query));
    }
}

#[test]
fn a_comparison_holds_up_to_its_border_and_no_further() {
    // The job is three hours old and costs 5.4 credits.
    for (query, wanted) in [
        ("age<3h", false),
        ("age<181m", true),
        ("age<=3h", true),
        ("age<=179m", false),
        ("age=3h", true),
        ("age:3h", true),
        ("age>=3h", true),
        ("age>=181m", false),
        ("age>3h", false),
        ("age>179m", true),
        ("age<1d", true),
        ("age>1d", false),
        ("cost>=5.4", true),
        ("cost>5.4", false),
        ("cost<5.4", false),
        ("cost<=5.4", true),
    ] {
        assert_eq!(fits(query), wanted, "{query}");
    }
}

#[test]
fn an_id_is_found_by_its_beginning_and_its_end_only() {
    let mut running = job();
    running.task = TaskId::new("task-unified-1790000777-p8w2m5xc").ok();
    let fits =
        |query: &str| Query::parse(query).unwrap().matches(&running, None, Timestamp::UNIX_EPOCH, &mut Searcher::default());
    for (query, wanted) in [
        ("task:p8w2m5xc", true),
        ("task:task-unified-1790000777-p8w2m5xc", true),
        ("task:task-unified-1790000777", true),
        ("task:1790000777", false),
        ("task:k3v9q2ad", false),
        ("source:1790000100", false),
        ("source:k3v9q2ad", true),
        ("task=p8w2m5xc", true),
    ] {
        assert_eq!(fits(query), wanted, "{query}");
    }
    let unsent = Query::parse("task:p8w2m5xc").unwrap();
    assert!(!unsent.matches(&job(), None, Timestamp::UNIX_EPOCH, &mut Searcher::default()));
    for list in ["task", "source", "tag", "id"] {
        let wrong = Query::parse(&format!("{list}<x")).unwrap_err()[0].message.clone();
        assert!(wrong.contains(&format!("{list} takes a colon")), "{wrong}");
    }
}

#[test]
fn the_life_of_a_link_counts_only_while_the_picture_is_not_here() {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let hours = |hours: i64| Timestamp::from_second(now.as_second() + hours * 3_600).ok();
    let fits = |job: &Job, query: &str| Query::parse(query).unwrap().matches(job, None, now, &mut Searcher::default());
    let to_fetch = Job { phase: Phase::ToFetch(crate::job::FetchTrouble::default()), link_expires_at: hours(2), ..job() };
    assert!(fits(&to_fetch, "link<3h") && !fits(&to_fetch, "link<1h") && fits(&to_fetch, "left>1h"));
    let saved = Job { phase: Phase::Saved, ..to_fetch.clone() };
    assert!(!fits(&saved, "link<3h"), "its picture is here");
    let without = Job { link_expires_at: None, ..to_fetch };
    assert!(!fits(&without, "link<3h"));
}

#[test]
fn a_verdict_is_asked_for_by_its_word() {
    let judged = |verdict| Job { verdict, ..job() };
    let fits =
        |job: &Job, query: &str| Query::parse(query).unwrap().matches(job, None, Timestamp::UNIX_EPOCH, &mut Searcher::default());
    for (query, kept, rejected) in
        [("verdict:kept", true, false), ("verdict:REJECTED", false, true), ("verdict:kept,rejected", true, true)]
    {
        assert_eq!(fits(&judged(Some(Verdict::Kept)), query), kept, "{query}");
        assert_eq!(fits(&judged(Some(Verdict::Rejected)), query), rejected, "{query}");
        assert!(!fits(&judged(None), query), "{query}");
    }
    assert!(Query::parse("verdict:good").unwrap_err()[0].message.clone().contains("verdict is kept or rejected"));
}

#[test]
fn only_time_in_a_query_makes_its_answer_change_with_time() {
    for (query, wanted) in
        [("", false), ("age>2h", true), ("-link<2h", true), ("tag:cats age>1h", true), ("tag:cats cost>5", false)]
    {
        let query = Query::parse(query).unwrap();
        assert_eq!(query.depends_on_time(), wanted, "{query}");
    }
    assert!(Query::parse("  ").unwrap().is_empty() && !Query::parse("fog").unwrap().is_empty());
}

#[test]
fn a_word_that_begins_with_no_key_is_a_word() {
    // A sign without a key before it, and a name of eight letters with a picture, as rows show it.
    for text in [":x", "=5", "abcdefgh:2"] {
        assert!(Query::parse(text).is_ok(), "{text}");
    }
    for text in ["abcdefg:2", "abcdefgh:4", "abcdefgh=2", "abcdefgh>2"] {
        assert!(Query::parse(text).unwrap_err()[0].message.clone().contains("unknown filter"), "{text}");
    }
}

#[test]
fn what_would_read_as_something_else_is_quoted_and_nothing_more() {
    for (text, canonical) in [
        ("fog", "fog"),
        ("tag:cats", "tag:cats"),
        ("\"two words\"", "\"two words\""),
        ("\"a:b\"", "\"a:b\""),
        ("\"-a\"", "\"-a\""),
        ("\"a-b\"", "a-b"),
    ] {
        assert_eq!(Query::parse(text).unwrap().to_string(), canonical, "{text}");
    }
}
