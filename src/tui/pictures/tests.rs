use std::path::PathBuf;

use super::*;
use crate::preview::detect::Environment;
use crate::preview::{Note, Way};

const ROOM: Cells = Cells::new(40, 20);

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_356_000_000 + milliseconds).unwrap()
}

fn pictures(term: &str, setting: PictureSetting) -> Pictures {
    let environment = Environment { term: term.to_owned(), many_colours: true, ..Environment::default() };
    Pictures::new(PictureOptions { setting, environment, ..PictureOptions::default() })
}

fn kitty() -> Pictures {
    let mut pictures = pictures("xterm-kitty", PictureSetting::Auto);
    assert_eq!(pictures.detect(), None);
    pictures
}

fn want(name: &str) -> Want {
    Want { path: PathBuf::from(name), room: ROOM, share: 1 }
}

fn made(request: &Request, bytes: usize) -> Finished {
    let size = Pixels::new(400, 400);
    let encoded = Encoded {
        way: request.way,
        cells: ROOM,
        source: Pixels::new(1024, 1024),
        sent: size,
        bytes,
        body: Body::Png(vec![0; bytes]),
        notes: vec![Note::Reduced],
    };
    Finished { request: request.clone(), result: Ok(encoded) }
}

/// Walks to a picture, rests, and gets it.
fn visit(pictures: &mut Pictures, name: &str, now: i64) {
    let _ = pictures.settle(&[want(name)], at(now));
    let requests = pictures.settle(&[want(name)], at(now + REST)).unwrap();
    assert!(pictures.take(made(&requests[0], 60_000)));
    assert_eq!(pictures.settle(&[want(name)], at(now + REST)), None);
    assert!(matches!(pictures.state(&want(name)), PictureState::Ready(..)));
}

#[test]
fn pictures_come_once_the_cursor_has_rested_and_walking_past_makes_none() {
    let mut pictures = kitty();
    for (row, now) in (0..20).zip((0..).step_by(100)) {
        assert_eq!(pictures.settle(&[want(&row.to_string())], at(now)), None, "row {row}");
    }
    assert_eq!(pictures.next_tick(), Some(at(1_900 + REST)));
    assert_eq!(pictures.settle(&[want("19")], at(1_900 + REST - 1)), None);
    let requests = pictures.settle(&[want("19")], at(1_900 + REST)).unwrap();
    assert_eq!(requests.iter().map(|request| request.path.to_str().unwrap()).collect::<Vec<_>>(), ["19"]);
    assert_eq!(pictures.next_tick(), None, "no timer while it is made");
    // The next row: what is being made is not wanted any more.
    assert_eq!(pictures.settle(&[want("20")], at(3_000)), Some(vec![]));
    assert!(!pictures.take(made(&requests[0], 1)));
}

#[test]
fn over_ssh_the_rest_is_longer() {
    let mut pictures = Pictures::new(PictureOptions { over_ssh: true, ..kitty().options });
    assert_eq!(pictures.detect(), None);
    let _ = pictures.settle(&[want("a")], at(0));
    assert_eq!(pictures.next_tick(), Some(at(REST_OVER_SSH)));
}

#[test]
fn the_last_sixteen_come_back_at_once() {
    let mut pictures = kitty();
    for (name, now) in (0..20).zip((0..).step_by(1_000)) {
        visit(&mut pictures, &name.to_string(), now);
    }
    for (name, there) in [(19, true), (4, true), (3, false)] {
        assert_eq!(pictures.settle(&[want(&name.to_string())], at(30_000)), None);
        assert_eq!(matches!(pictures.state(&want(&name.to_string())), PictureState::Ready(..)), there, "{name}");
    }
}

#[test]
fn no_more_than_eight_megabytes_are_kept() {
    let mut pictures = kitty();
    for (name, now) in (0..16).zip((0..).step_by(1_000)) {
        let name = name.to_string();
        let _ = pictures.settle(&[want(&name)], at(now));
        let requests = pictures.settle(&[want(&name)], at(now + REST)).unwrap();
        pictures.take(made(&requests[0], 1_000_000));
        assert!(pictures.kept.iter().map(bytes).sum::<usize>() <= KEPT_BYTES);
    }
    assert_eq!(pictures.kept.len(), 8);
}

#[test]
fn four_pictures_of_a_sheet_share_the_bytes_of_one() {
    let mut pictures = kitty();
    let wants: Vec<Want> = (0..4).map(|n| Want { share: 4, ..want(&n.to_string()) }).collect();
    let _ = pictures.settle(&wants, at(0));
    let requests = pictures.settle(&wants, at(REST)).unwrap();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| request.budget == pictures.options.budget / 4));
}

#[test]
fn a_resize_hides_what_is_shown_until_it_is_over() {
    let mut pictures = kitty();
    visit(&mut pictures, "a", 0);
    for now in [1_000, 1_200, 1_400] {
        pictures.resized(at(now));
        let _ = pictures.settle(&[want("a")], at(now));
        assert!(matches!(pictures.state(&want("a")), PictureState::Coming));
    }
    let _ = pictures.settle(&[want("a")], at(1_400 + REST));
    assert!(matches!(pictures.state(&want("a")), PictureState::Ready(..)));
}

#[test]
fn the_terminal_is_asked_only_where_names_do_not_tell_and_once() {
    let mut unknown = pictures("xterm-256color", PictureSetting::Auto);
    assert!(matches!(unknown.state(&want("a")), PictureState::Coming));
    assert_eq!(unknown.detect(), Some(Ask::Terminal));
    assert_eq!(unknown.detect(), None);
    unknown.set_cell(Pixels::new(9, 18));
    unknown.hear_terminal(&Answers { attributes: Some(vec![62, 4]), ..Answers::default() });
    assert_eq!(unknown.chosen().unwrap().way, Some(Way::Sixel));

    let mut tmux = pictures("tmux-256color", PictureSetting::Auto);
    tmux.options.environment.tmux = true;
    assert_eq!(tmux.detect(), Some(Ask::Tmux));
    tmux.hear_tmux(Inspection::HeldBack);
    assert_eq!(tmux.chosen().unwrap().way, Some(Way::Blocks));
    let said = words::remark(tmux.chosen().unwrap()).unwrap();
    assert!(said.contains("tmux set -g allow-passthrough on"), "{said}");
}

#[test]
fn sixel_needs_the_size_of_a_cell() {
    let mut foot = pictures("foot", PictureSetting::Auto);
    assert_eq!(foot.detect(), Some(Ask::Terminal));
    foot.hear_terminal(&Answers { attributes: Some(vec![62, 4]), ..Answers::default() });
    assert_eq!(foot.chosen(), Some(&Chosen { way: Some(Way::Blocks), reason: Reason::NoCellSize }));
    let mut sized = pictures("foot", PictureSetting::Auto);
    sized.set_cell(Pixels::new(9, 18));
    assert_eq!(sized.detect(), None);
    assert_eq!(sized.chosen().unwrap().way, Some(Way::Sixel));
}

#[test]
fn where_no_picture_can_be_there_are_words() {
    for (change, why) in [
        ((|e| e.slow_link = true) as fn(&mut Environment), "--slow-link"),
        (|e| e.no_color = true, "no colours"),
        (|e| e.many_colours = false, "16 colours"),
        (|e| e.term = "linux".to_owned(), "TERM=linux"),
        (|e| e.term = "dumb".to_owned(), "TERM=dumb"),
    ] {
        let mut pictures = pictures("xterm-256color", PictureSetting::Auto);
        change(&mut pictures.options.environment);
        assert_eq!(pictures.detect(), None, "nothing is asked");
        let PictureState::None(reason) = pictures.state(&want("a")) else { panic!("{why}") };
        assert!(words::why(reason).contains(why), "{}", words::why(reason));
        assert_eq!(pictures.settle(&[want("a")], at(0)), None);
    }
    let mut ascii = pictures("xterm-256color", PictureSetting::Blocks);
    ascii.options.ascii = true;
    assert_eq!(ascii.detect(), None);
    assert!(matches!(ascii.state(&want("a")), PictureState::None(Reason::Ascii)));
    let small = Want { room: Cells::new(7, 4), ..want("a") };
    assert!(matches!(kitty().state(&small), PictureState::TooSmall));
}

#[test]
fn a_terminal_that_refuses_gets_blocks_until_another_way_is_set() {
    let mut pictures = kitty();
    pictures.refused("EINVAL: what is this");
    assert_eq!(pictures.chosen().unwrap().way, Some(Way::Blocks));
    assert!(words::remark(pictures.chosen().unwrap()).unwrap().contains("EINVAL: what is this"));
    pictures.set(PictureSetting::Iterm2);
    assert_eq!(pictures.detect(), None);
    assert_eq!(pictures.chosen().unwrap().way, Some(Way::Iterm2));
}

#[test]
fn doctor_says_way_why_and_cell() {
    let options = kitty().options;
    let lines = report(&options, Some((9, 18)), |_| None);
    assert_eq!(lines[0], ("pictures", "kitty".to_owned(), "this is xterm-kitty".to_owned()));
    assert_eq!(lines[1].1, "9×18 pixels");
    let unknown = pictures("xterm-256color", PictureSetting::Auto).options;
    assert!(report(&unknown, None, |_| None)[0].2.contains("asks the terminal"));
}
