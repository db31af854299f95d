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
