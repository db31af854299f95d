//! Bytes of six photographs on every way, and how long each step from a file to bytes takes.
//!
//! ```text
//! cargo bench --bench preview
//! ```

use std::io::Cursor;
use std::time::{Duration, Instant};

use image::ImageFormat;
use mj_enhance::preview::tmux::Wrap;
use mj_enhance::preview::{
    BlockStyle, Body, Cells, Colours, Grid, Limits, Picture, Pixels, Request, Way, budget, decode_from, encode_picture, iterm2,
    kitty, quantise, sixel,
};
use mj_enhance::tui::terminal::paint::{Painter, Style};
use photographs::SUBJECTS;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

#[path = "../tests/it/photographs.rs"]
mod photographs;

fn main() {
    let photographs: Vec<image::RgbImage> = SUBJECTS.iter().map(photographs::Subject::photograph).collect();
    let pictures: Vec<Picture> = photographs.iter().cloned().map(Picture::from).collect();
    bytes(&pictures);
    times(&photographs, &pictures);
}

fn request(way: Way, room: Cells) -> Request {
    Request {
        path: std::path::PathBuf::new(),
        room,
        cell: Pixels::USUAL_CELL,
        way,
        budget: budget(true, way == Way::KittyPlaceholders),
        side: Some(400),
        colours: Colours::True,
        blocks: BlockStyle::Half,
        wrap: Wrap::Plain,
    }
}

fn bytes(pictures: &[Picture]) {
    let one = Cells::new(40, 20);
    let sheet = |way| {
        let whole = request(way, Cells::new(18, 9));
        Request { budget: whole.budget / 4, ..whole }
    };
    println!("photographs: {}", SUBJECTS.map(|subject| subject.name).join(", "));
    println!("{:<44} {:>8} {:>8} {:>8}", "bytes of a picture, 40x20 cells, over SSH", "least", "median", "most");
    for way in Way::ALL {
        row(&format!("{way:?}"), pictures, &request(way, one));
    }
    for (name, blocks) in
        [("quadrants", BlockStyle::Quadrant), ("sextants", BlockStyle::Sextant), ("octants", BlockStyle::Octant)]
    {
        row(name, pictures, &Request { blocks, ..request(Way::Blocks, one) });
    }
    row("Blocks, 256 colours", pictures, &Request { colours: Colours::Indexed, ..request(Way::Blocks, one) });
    println!("one of a contact sheet of four, 18x9 cells");
    for way in Way::ALL {
        row(&format!("{way:?}"), pictures, &sheet(way));
    }
    println!("without a budget to speak of");
    for way in [Way::Kitty, Way::Iterm2, Way::Sixel] {
        row(&format!("{way:?}"), pictures, &Request { budget: 1_000_000, side: None, ..request(way, one) });
    }
}

fn row(name: &str, pictures: &[Picture], request: &Request) {
    let mut counts: Vec<usize> = pictures
        .iter()
        .map(|picture| {
            let encoded = encode_picture(picture, request).expect("it fits");
            if let Body::Grid(grid) = &encoded.body { painted(grid, &mut Vec::new()) } else { encoded.bytes }
        })
        .collect();
    counts.sort_unstable();
    println!("  {name:<42} {:>8} {:>8} {:>8}", counts[0], counts[counts.len() / 2], counts[counts.len() - 1]);
}

/// Bytes that the screen's painter makes of the cells.
fn painted(grid: &Grid, out: &mut Vec<u8>) -> usize {
    let color = |colour| match colour {
        mj_enhance::preview::Colour::Rgb([r, g, b]) => Color::Rgb(r, g, b),
        mj_enhance::preview::Colour::Indexed(index) => Color::Indexed(index),
    };
    let area = Rect::new(0, 0, grid.cells.columns, grid.cells.rows);
    let mut painter = Painter::new(Style::default());
    painter.paint(&Buffer::empty(area), None, out);
    out.clear();
    let mut buffer = Buffer::empty(area);
    for (cell, shown) in buffer.content.iter_mut().zip(&grid.content) {
        cell.set_char(shown.symbol).set_fg(color(shown.fg)).set_bg(color(shown.bg));
    }
    painter.paint(&buffer, None, out);
    out.len()
}

fn times(photographs: &[image::RgbImage], pictures: &[Picture]) {
    println!("{:<44} {:>8} {:>8}", "milliseconds a step", "median", "most");
    let large: Vec<image::RgbImage> =
        photographs.iter().map(|one| image::imageops::resize(one, 1024, 1024, image::imageops::FilterType::Triangle)).collect();
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let files: Vec<Vec<u8>> = large
            .iter()
            .map(|image| {
                let mut file = Cursor::new(Vec::new());
                image.write_to(&mut file, format).expect("memory");
                file.into_inner()
            })
            .collect();
        time(&format!("decode 1024x1024 {format:?}"), &files, |file| {
            decode_from(Cursor::new(file), file.len() as u64, &Limits::default()).expect("a picture")
        });
    }
    let large: Vec<Picture> = large.into_iter().map(Picture::from).collect();
    time("1024x1024 to 400x400", &large, |picture| picture.scaled(Pixels::new(400, 400)));
    let small: Vec<image::RgbImage> = pictures.iter().map(|picture| picture.scaled(Pixels::new(400, 400))).collect();
    time("64 colours", &small, |image| quantise(image, 64));
    let indexed: Vec<_> = small.iter().map(|image| quantise(image, 64)).collect();
    time("PNG of 64 colours", &indexed, |image| kitty::png(image).expect("a picture"));
    time("sixel of 64 colours", &indexed, sixel);
    time("JPEG, quality 60", &small, |image| iterm2::jpeg(image, 60).expect("a picture"));
    for way in Way::ALL {
        time(&format!("{way:?}: pixels to bytes within the budget"), &large, |picture| {
            encode_picture(picture, &request(way, Cells::new(40, 20))).expect("it fits")
        });
    }
    for (name, colours) in [("true", Colours::True), ("256", Colours::Indexed)] {
        let whole = Request { colours, ..request(Way::Blocks, Cells::new(200, 50)) };
        time(&format!("200x50 blocks, {name} colours: to cells"), &large, |picture| encode_picture(picture, &whole));
        let grids: Vec<Grid> = large
            .iter()
            .filter_map(|picture| match encode_picture(picture, &whole).ok()?.body {
                Body::Grid(grid) => Some(grid),
                _ => None,
            })
            .collect();
        time(&format!("200x50 blocks, {name} colours: painted"), &grids, |grid| painted(grid, &mut Vec::new()));
    }
    println!("aim: a file becomes bytes within 60 ms, on a thread of its own; a block picture is painted within 8 ms");
}

fn time<T, R>(name: &str, all: &[T], step: impl Fn(&T) -> R) {
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..5 {
        for one in all {
            let began = Instant::now();
            std::hint::black_box(step(one));
            took.push(began.elapsed());
        }
    }
    took.sort();
    let shown = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    println!("  {name:<42} {:>8} {:>8}", shown(took[took.len() / 2]), shown(took[took.len() - 1]));
}
