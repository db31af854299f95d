//! The result links of a task, wherever an answer has them. What stands there and cannot be read is not nothing.

use serde_json::Value;

use super::lenient;
use crate::job::text;

/// The most links that are taken from one task; the service makes at most four pictures (docs/service.md §4.4).
const LINKS_MOST: usize = 64;
/// The longest link that is taken, in bytes.
const LINK_LONGEST: usize = 8 * 1024;
/// Fields of a task that may hold its result links, in the order they count.
const LINK_FIELDS: [&str; 8] = ["results", "result_data", "result_urls", "image_urls", "images", "urls", "output", "result"];
/// Fields of an object in such a list that hold the link of a picture.
const LINK_NAMES: [&str; 5] = ["image_url", "url", "uri", "href", "src"];
/// How deep lists and objects of links are followed.
const LINKS_DEEPEST: u32 = 4;

/// The result links of a task and whether something stands there that could not be read as one: `results` holds strings by
/// the documentation, and older or other shapes are lists of objects, one string, or a list written as text. http(s) only,
/// no doubles, in order.
pub(super) fn links(task: &Value) -> (Vec<String>, bool) {
    let mut links = Vec::new();
    let mut unread = false;
    for field in LINK_FIELDS {
        if let Some(value) = task.get(field) {
            gather(value, 0, &mut links, &mut unread);
        }
    }
    (links, unread)
}

fn gather(value: &Value, depth: u32, links: &mut Vec<String>, unread: &mut bool) {
    if depth > LINKS_DEEPEST {
        *unread = true;
        return;
    }
    match value {
        Value::Null | Value::Bool(false) => {}
        Value::Array(all) => all.iter().for_each(|one| gather(one, depth + 1, links, unread)),
        Value::Object(fields) => {
            // `"image_url": null` beside a `url` is no link, and an empty list beside a full one is no end.
            let filled = |name: &&str| fields.get(*name).filter(|value| !is_empty(value));
            if let Some(link) = LINK_NAMES.iter().find_map(filled) {
                gather(link, depth + 1, links, unread);
            } else if LINK_FIELDS.iter().any(|name| fields.contains_key(*name)) {
                LINK_FIELDS.iter().filter_map(filled).for_each(|list| gather(list, depth + 1, links, unread));
            } else if LINK_NAMES.iter().any(|name| fields.contains_key(*name)) {
                // It names a link and has none, yet.
            } else if !fields.is_empty() && !fields.contains_key("video_url") && !fields.contains_key("audio_url") {
                *unread = true;
            }
        }
        Value::String(text) => match text.trim() {
            "" => {}
            list if list.starts_with(['[', '{']) => match lenient::parse(list.as_bytes()) {
                Ok(inner) => gather(&inner, depth + 1, links, unread),
                Err(_) => *unread = true,
            },
            several => {
                for link in apart(several) {
                    if !is_link(link) {
                        *unread = true;
                    } else if links.len() < LINKS_MOST && !links.iter().any(|known| known == link) {
                        links.push(link.to_owned());
                    }
                }
            }
        },
        Value::Bool(true) | Value::Number(_) => *unread = true,
    }
}

/// Whether nothing stands there.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// The links of a text that lists them with spaces, line breaks or commas between. A comma counts only before another
/// address, since a link may have commas of its own.
fn apart(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            return None;
        }
        let begins = |at: usize| {
            let next = rest[at..].trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            ["https://", "http://"].iter().any(|scheme| next.starts_with(scheme))
        };
        let end =
            rest.char_indices().find(|(at, c)| c.is_whitespace() || (*c == ',' && begins(*at))).map_or(rest.len(), |(at, _)| at);
        let (one, left) = rest.split_at(end);
        rest = left;
        Some(one)
    })
}

/// Whether a text is an http(s) address with a host, of a length that is believed, without characters that no address has.
fn is_link(address: &str) -> bool {
    address.len() <= LINK_LONGEST
        && !address.chars().any(text::is_unsafe)
        && url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn links_are_found_in_other_shapes_and_what_cannot_be_read_is_not_nothing() {
        let a = "https://h/a.png";
        for task in [
            json!({"id": "t", "results": [{"url": a}]}),
            json!({"id": "t", "results": [{"image_url": {"url": a}}]}),
            json!({"id": "t", "results": format!("[\"{a}\"]")}),
            json!({"id": "t", "results": a}),
            json!({"id": "t", "results": {"images": [{"url": a}]}}),
            json!({"id": "t", "results": null, "result_data": {"image_url": a}}),
            json!({"id": "t", "results": [], "image_urls": [a]}),
            json!({"id": "t", "output": [[a]]}),
            json!({"id": "t", "results": [{"image_url": null, "url": a}]}),
            json!({"id": "t", "results": [{"image_url": "", "src": a}]}),
            json!({"id": "t", "results": [{"url": {}, "uri": a}]}),
            json!({"id": "t", "output": {"results": [], "images": [{"url": a}]}}),
            json!({"id": "t", "result_data": {"results": null, "image_urls": a}}),
            json!({"id": "t", "results": format!(" {a}\n{a} ")}),
        ] {
            assert_eq!(links(&task), (vec![a.to_owned()], false), "{task}");
        }
        let (b, odd) = ("https://h/b.png", "https://h/c,d.png?x=1,2");
        let three = [a, b, odd].map(str::to_owned).to_vec();
        for list in [format!("{a},{b},{odd}"), format!("{a}, {b}\n{odd}"), format!("{a} {b} , {odd}")] {
            assert_eq!(links(&json!({"results": list})), (three.clone(), false), "{list}");
        }
        for waiting in [json!([{"url": null}]), json!([{"image_url": "", "url": null, "size": 3}]), json!({"images": []})] {
            assert_eq!(links(&json!({"id": "t", "results": waiting})), (Vec::new(), false), "{waiting}");
        }
        for empty in [json!(null), json!([]), json!({}), json!(""), json!([null])] {
            assert_eq!(links(&json!({"id": "t", "results": empty})), (Vec::new(), false), "{empty}");
        }
        for odd in [json!(7), json!([7]), json!([{"file": "a.png"}]), json!("[cut"), json!("not-yet"), json!(["ftp://h/a.png"])] {
            assert_eq!(links(&json!({"id": "t", "results": odd})), (Vec::new(), true), "{odd}");
        }
    }
}
