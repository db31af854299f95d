//! Names of results, and what their bytes are.

use std::path::{Component, Path};

use mj_enhance::fetch::{FetchRequest, check_template, picture_ext, result_path};
use mj_enhance::job::text::is_unsafe;

use super::bytes::Bytes;
use super::text::assert_clean;

const TEMPLATES: [&str; 5] =
    ["{date}/{tag}/{task}-{image}.{ext}", "{job}", "{tag}{tag}{tag}/{task}{task}.{ext}", "x/{ext}-{tag}", "{tag}.{ext}"];

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let own = bytes.yes();
    let place = bytes.below(64);
    let template = if own { bytes.text(80) } else { bytes.pick(&TEMPLATES).to_owned() };
    let request = FetchRequest {
        links: Vec::new(),
        date: bytes.text(20),
        tag: bytes.yes().then(|| bytes.text(200)),
        task: bytes.text(200),
        image: bytes.yes().then(|| bytes.byte()),
        job: bytes.text(20),
        sidecar: serde_json::Map::new(),
    };
    let rest = bytes.rest();
    let taken = picture_ext(rest);
    if let Err(said) = &taken {
        assert_clean(said, "what is wrong with a picture");
    }
    let ext = taken.unwrap_or("png");
    let path = result_path(&template, &request, place, ext);
    assert_eq!(path.is_ok(), check_template(&template).is_ok());
    match path {
        Ok(path) => stays_below(&path, ext),
        Err(said) => {
            assert_clean(&said, "what is wrong with a template");
            assert!(said.chars().count() < 400, "{said:?}");
        }
    }
}

fn stays_below(path: &Path, ext: &str) {
    let text = path.to_str().expect("a name is text");
    assert!(!text.is_empty() && !text.contains('\\') && !text.chars().any(is_unsafe), "{text:?}");
    assert!(text.ends_with(&format!(".{ext}")), "{text:?}");
    for part in path.components() {
        let Component::Normal(part) = part else { panic!("{text} leaves the folder") };
        let part = part.to_str().expect("a name is text");
        assert!(!part.starts_with('.') && part.len() <= 120 && !part.contains("//"), "{text}");
    }
    assert!(Path::new("/data/results").join(path).starts_with("/data/results"), "{text}");
}
