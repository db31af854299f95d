//! The query language.

use std::sync::LazyLock;

use mj_enhance::job::Job;
use mj_enhance::job::query::{Query, Searcher};

use super::samples;
use super::text::assert_clean;

static JOBS: LazyLock<Vec<Job>> = LazyLock::new(|| samples::jobs(22));

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (query, wrong) = Query::read(&text);
    assert_eq!(Query::parse(&text).is_ok(), wrong.is_empty(), "a query is refused for what is wrong in it only");
    let mut last = 0;
    for error in wrong {
        assert!(error.range.start >= last && !error.range.is_empty(), "places stand in order: {error:?}");
        assert!(text.get(error.range.clone()).is_some(), "a place is a part of the text: {error:?} of {text:?}");
        last = error.range.end;
        assert!(!error.message.is_empty());
        assert_clean(&error.message, "what is wrong with a query");
    }
    let canonical = query.to_string();
    let again = Query::parse(&canonical);
    assert_eq!(again.as_ref(), Ok(&query), "{text:?} is written {canonical:?}");
    let again = again.expect("it was compared");
    assert_eq!(again.to_string(), canonical, "the canonical text is its own");
    let mut searcher = Searcher::default();
    for job in JOBS.iter() {
        let ask =
            |query: &Query, searcher: &mut Searcher, seconds| query.matches(job, job.progress(), samples::at(seconds), searcher);
        let now = ask(&query, &mut searcher, 0);
        assert_eq!(ask(&again, &mut searcher, 0), now, "{canonical:?} asks the same as {text:?}");
        for later in [1, 3_600, 900_000_000] {
            assert!(query.depends_on_time() || ask(&query, &mut searcher, later) == now, "{canonical:?} changes with time");
        }
        assert!(!query.is_empty() || now, "an empty query fits everything");
    }
}
