use image::{Rgb, RgbImage};
use proptest::prelude::*;

use super::*;
use crate::preview::blocks::Colour;

fn request(way: Way, room: Cells) -> Request {
    Request {
        path: PathBuf::new(),
        room,
        cell: Pixels::USUAL_CELL,
        way,
        budget: 64_000,
        side: Some(400),
        colours: Colours::True,
        blocks: BlockStyle::Half,
        wrap: Wrap::Plain,
    }
}

/// Nothing repeats, so nothing can be packed.
fn noise(width: u32, height: u32, seed: u64) -> Picture {
    let mut random = fastrand::Rng::with_seed(seed);
    RgbImage::from_fn(width, height, |_, _| Rgb([random.u8(..), random.u8(..), random.u8(..)])).into()
}

/// Bytes that the body really takes.
fn counted(encoded: &Encoded, wrap: Wrap) -> usize {
    match &encoded.body {
        Body::Png(png) => {
            let id = kitty::Id::new(255, 255).unwrap();
            kitty::transmit(id, png, wrap).iter().map(Vec::len).sum()
        }
        Body::Sequence(sequence) => sequence.len(),
        Body::Grid(grid) => grid.bytes(),
    }
}

#[test]
fn budgets_are_by_line_and_halved_in_tmux() {
    assert_eq!([budget(true, false), budget(true, true)], [64_000, 32_000]);
    assert_eq!([budget(false, false), budget(false, true)], [1_000_000, 500_000]);
}

#[test]
fn small_pictures_are_sent_as_they_are_and_scaled_by_the_terminal() {
    let picture = noise(30, 30, 1);
    for way in [Way::Kitty, Way::KittyPlaceholders, Way::Iterm2] {
        let encoded = encode_picture(&picture, &request(way, Cells::new(40, 20))).unwrap();
        assert_eq!((encoded.cells, encoded.sent), (Cells::new(40, 20), Pixels::new(30, 30)), "{way:?}");
        assert_eq!(encoded.notes, []);
    }
    let encoded = encode_picture(&picture, &request(Way::Sixel, Cells::new(8, 4))).unwrap();
    assert_eq!((encoded.cells, encoded.sent), (Cells::new(8, 4), Pixels::new(80, 80)), "nobody else enlarges it");
}

#[test]
fn over_a_slow_line_no_side_is_longer_than_asked_for() {
    let picture = Picture::from(RgbImage::from_pixel(900, 900, Rgb([9, 90, 200])));
    for way in [Way::Kitty, Way::Iterm2] {
        let encoded = encode_picture(&picture, &request(way, Cells::new(118, 36))).unwrap();
        assert_eq!((encoded.cells, encoded.sent), (Cells::new(72, 36), Pixels::new(400, 400)), "{way:?}");
    }
    // Sixel cannot be scaled, so there the box shrinks.
    let encoded = encode_picture(&picture, &request(Way::Sixel, Cells::new(118, 36))).unwrap();
    assert_eq!((encoded.cells, encoded.sent), (Cells::new(40, 20), Pixels::new(400, 400)));
    assert_eq!(encoded.notes, []);
}

#[test]
fn a_small_budget_is_kept_by_less_and_less() {
    let picture = noise(300, 300, 2);
    for way in Way::ALL {
        let mut sizes = Vec::new();
        for budget in [1_000_000, 60_000, 16_000, 5_000, 1_500, 300, 60] {
            let request = Request { budget, ..request(way, Cells::new(30, 15)) };
            let wrap = if way == Way::KittyPlaceholders { Wrap::Tmux } else { Wrap::Plain };
            let encoded = encode_picture(&picture, &request).unwrap();
            assert!(counted(&encoded, wrap) <= encoded.bytes && encoded.bytes <= budget, "{way:?} in {budget}");
            let instead = encoded.notes.contains(&Note::BlocksInsteadOf(way));
            assert_eq!(encoded.way, if instead { Way::Blocks } else { way });
            assert!(way != Way::Blocks || !instead, "blocks are never said to stand for themselves");
            sizes.push((instead, encoded.bytes, encoded.notes.is_empty()));
        }
        assert!(sizes[0].2 && !sizes[0].0, "{way:?}: plenty of room needs no note: {sizes:?}");
        assert!(way == Way::Blocks || sizes[6].0, "{way:?}: at last blocks: {sizes:?}");
        let tiny = Request { budget: 10, ..request(way, Cells::new(30, 15)) };
        assert_eq!(encode_picture(&picture, &tiny), Err(Error::OverBudget { budget: 10 }));
    }
}

#[test]
fn the_way_out_uses_the_colours_of_the_terminal() {
    let request = Request { budget: 400, colours: Colours::Indexed, ..request(Way::Kitty, Cells::new(30, 15)) };
    let encoded = encode_picture(&noise(300, 300, 3), &request).unwrap();
    let Body::Grid(grid) = encoded.body else { panic!("{:?}", encoded.way) };
    assert!(grid.content.iter().all(|cell| matches!((cell.fg, cell.bg), (Colour::Indexed(16..), Colour::Indexed(16..)))));
}

fn ways() -> impl Strategy<Value = Way> {
    prop::sample::select(Way::ALL.to_vec())
}

fn styles() -> impl Strategy<Value = BlockStyle> {
    prop::sample::select(vec![BlockStyle::Half, BlockStyle::Quadrant, BlockStyle::Sextant, BlockStyle::Octant])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_picture_stays_in_any_box_and_budget(
        (width, height) in prop_oneof![
            (1u32..200, 1u32..200), (Just(16_384u32), 1u32..3), (1u32..3, Just(16_384u32)), (1u32..4, 1u32..4),
        ],
        (columns, rows) in prop_oneof![(1u16..=200, 1u16..=60), (1u16..4, 1u16..4)],
        (cell_width, cell_height) in prop_oneof![Just((10u32, 20u32)), (1u32..30, 1u32..60), Just((0, 0))],
        way in ways(),
        blocks in styles(),
        (indexed, tmux) in any::<(bool, bool)>(),
        budget in prop_oneof![40usize..2_000, 2_000usize..64_000, Just(1_000_000)],
        side in prop_oneof![Just(160u32), 1u32..400],
        seed in any::<u64>(),
    ) {
        let picture = noise(width, height, seed);
        let room = Cells::new(columns, rows);
        let wrap = if tmux { Wrap::Tmux } else { Wrap::Plain };
        let request = Request {
            cell: Pixels::new(cell_width, cell_height),
            budget,
            side: Some(side),
            colours: if indexed { Colours::Indexed } else { Colours::True },
            blocks,
            wrap,
            ..request(way, room)
        };
        match encode_picture(&picture, &request) {
            Ok(encoded) => {
                let wrap = if encoded.way == Way::KittyPlaceholders { Wrap::Tmux } else { wrap };
                prop_assert!(encoded.cells.count() > 0 && encoded.cells.is_within(room), "{:?}", encoded.cells);
                prop_assert!(encoded.bytes <= budget);
                prop_assert!(counted(&encoded, wrap) <= encoded.bytes);
                if let Body::Grid(grid) = &encoded.body {
                    prop_assert_eq!(grid.content.len(), grid.cells.count());
                    prop_assert_eq!(grid.cells, encoded.cells);
                }
            }
            Err(error) => prop_assert_eq!(error, Error::OverBudget { budget }),
        }
    }
}
