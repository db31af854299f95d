use std::io::{Cursor, Write as _};
use std::time::Duration;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;

use super::*;
use crate::preview::header::SCANS_MOST;
use crate::preview::picture::low;

fn judge(file: &[u8]) -> Result<Picture, Error> {
    decode_from(Cursor::new(file), file.len() as u64, &Limits::default())
}

fn refused(file: &[u8]) -> Error {
    match judge(file) {
        Ok(picture) => panic!("a picture of {}", picture.size()),
        Err(error) => error,
    }
}

fn photograph(side: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| Rgb([low(x * 3), low(y * 5), low(x * y / 7)]))
}

fn file(format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    photograph(60).write_to(&mut out, format).unwrap();
    out.into_inner()
}

const KINDS: [ImageFormat; 3] = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP];

fn chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    out.extend(name);
    out.extend_from_slice(data);
    out.extend(crc(&out[4..]).to_be_bytes());
    out
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn deflated(bytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&vec![0; bytes]).unwrap();
    encoder.finish().unwrap()
}

/// A PNG whose header claims this, with a little data.
fn png(width: u32, height: u32, depth: u8, colour: u8, between: &[u8]) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([depth, colour, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    out.extend(chunk(*b"IHDR", &header));
    out.extend_from_slice(between);
    let row = (u64::from(width) * u64::from(depth) / 8 + 9).min(200_000);
    out.extend(chunk(*b"IDAT", &deflated(usize::try_from(row).unwrap())));
    out.extend(chunk(*b"IEND", &[]));
    out
}

/// A JPEG that claims this after a comment.
fn jpeg(marker: u8, width: u16, height: u16) -> Vec<u8> {
    let mut out = b"\xff\xd8\xff\xfe\0\x06abcd\xff".to_vec();
    out.extend([marker, 0, 17, 8]);
    out.extend(height.to_be_bytes());
    out.extend(width.to_be_bytes());
    out.extend(b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0\0\0\0\xff\xd9");
    out
}

fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, data) in chunks {
        body.extend_from_slice(*name);
        body.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        body.extend_from_slice(data);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    let mut out = b"RIFF".to_vec();
    out.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    out.extend(body);
    out
}

fn vp8x(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let mut out = vec![flags, 0, 0, 0];
    out.extend_from_slice(&(width - 1).to_le_bytes()[..3]);
    out.extend_from_slice(&(height - 1).to_le_bytes()[..3]);
    out
}

/// The beginning of a frame with loss that claims this.
fn vp8(width: u16, height: u16) -> Vec<u8> {
    let mut out = vec![0x10, 0, 0, 0x9d, 0x01, 0x2a];
    out.extend(width.to_le_bytes());
    out.extend(height.to_le_bytes());
    out.extend([0; 40]);
    out
}

/// A frame of an animation: a picture of 60×60 pixels.
fn frame_of(still: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 6];
    frame.extend_from_slice(&59_u32.to_le_bytes()[..3]);
    frame.extend_from_slice(&59_u32.to_le_bytes()[..3]);
    frame.extend([100, 0, 0, 0]);
    // Behind `RIFF`, its length and `WEBP` stands the one frame.
    frame.extend_from_slice(&still[12..]);
    frame
}

#[test]
fn every_kind_is_read() {
    for format in KINDS {
        let picture = judge(&file(format)).unwrap();
        assert_eq!(picture.size(), Pixels::new(60, 60));
        assert!(!picture.is_first_of_several());
        let (shown, wanted) = (picture.scaled(Pixels::new(60, 60)), photograph(60));
        let close = |a: u8, b: u8| format == ImageFormat::Jpeg || a == b;
        assert!(shown.iter().zip(wanted.iter()).all(|(a, b)| close(*a, *b)), "{format:?}");
    }
    for image in [
        DynamicImage::ImageRgba8(RgbaImage::from_pixel(9, 7, Rgba([1, 2, 3, 255]))),
        DynamicImage::ImageRgb8(photograph(9)).to_luma8().into(),
        DynamicImage::ImageRgb8(photograph(9)).to_luma_alpha8().into(),
        DynamicImage::ImageRgb8(photograph(9)).to_rgb16().into(),
        DynamicImage::ImageRgb8(photograph(9)).to_rgba16().into(),
    ] {
        let mut out = Cursor::new(Vec::new());
        image.write_to(&mut out, ImageFormat::Png).unwrap();
        let picture = judge(&out.into_inner()).unwrap();
        assert_eq!(picture.scaled(Pixels::new(3, 3)).dimensions(), (3, 3), "{:?}", image.color());
    }
}

#[test]
fn what_is_too_large_is_refused_by_its_header() {
    let large = |width, height| Error::TooLarge { size: Pixels::new(width, height) };
    assert_eq!(refused(&png(30_000, 30_000, 1, 0, &[])), large(30_000, 30_000));
    assert_eq!(refused(&png(30_000, 30_000, 1, 0, &[])).to_string(), "30000×30000 is too large");
    assert_eq!(refused(&png(100_000, 1, 8, 0, &[])), large(100_000, 1));
    assert_eq!(refused(&png(1, 100_000, 8, 0, &[])), large(1, 100_000));
    assert_eq!(refused(&png(60_000, 60_000, 8, 2, &[])), large(60_000, 60_000));
    assert_eq!(refused(&png(8_000, 5_000, 8, 2, &[])), large(8_000, 5_000));
    assert_eq!(refused(&png(u32::MAX, u32::MAX, 8, 2, &[])), large(u32::MAX, u32::MAX));
    for marker in [0xc0, 0xc1, 0xc2] {
        assert_eq!(refused(&jpeg(marker, 16_000, 16_000)), large(16_000, 16_000));
        assert_eq!(refused(&jpeg(marker, 65_535, 1)), large(65_535, 1));
    }
    assert_eq!(refused(&riff(&[(b"VP8 ", vp8(16_383, 16_383))])), large(16_383, 16_383));
    assert_eq!(refused(&riff(&[(b"VP8L", vec![0x2f, 0xff, 0xff, 0xff, 0x0f])])), large(16_384, 16_384));
    // Over the side alone, over the pixels alone.
    assert_eq!(refused(&png(16_385, 2, 8, 0, &[])), large(16_385, 2));
    assert_eq!(refused(&png(6_000, 4_001, 8, 0, &[])), large(6_000, 4_001));
}

#[test]
fn the_frame_counts_as_well_as_the_canvas() {
    let hidden = [(b"VP8X", vp8x(0, 10, 10)), (b"VP8 ", vp8(16_000, 16_000))];
    assert!(matches!(refused(&riff(&hidden)), Error::TooLarge { .. }));
    let frame = |side| [vec![0; 16], b"VP8 ".to_vec(), 50_u32.to_le_bytes().to_vec(), vp8(side, side)].concat();
    let canvas = [(b"VP8X", vp8x(2, 16_384, 16_384)), (b"ANIM", vec![0; 6]), (b"ANMF", frame(8))];
    assert!(matches!(refused(&riff(&canvas)), Error::TooLarge { .. }));
    let inside = [(b"VP8X", vp8x(2, 10, 10)), (b"ANIM", vec![0; 6]), (b"ANMF", frame(16_000))];
    assert!(matches!(refused(&riff(&inside)), Error::TooLarge { .. }));
}

#[test]
fn what_takes_too_much_memory_is_refused_by_its_header() {
    for (file, bytes) in [
        (png(5_000, 4_000, 16, 6, &[]), 160_000_000),
        // Two bytes of each sample until the end, and the pixels.
        (jpeg(0xc2, 5_000, 4_000), 180_000_000),
        (riff(&[(b"VP8X", vp8x(2, 5_000, 4_000)), (b"VP8 ", vp8(5_000, 4_000))]), 270_000_000),
    ] {
        let Error::TooMuchMemory { bytes: counted, .. } = refused(&file) else { panic!("{:?}", refused(&file)) };
        assert_eq!(counted / 1_000 * 1_000, bytes);
    }
}

#[test]
fn other_kinds_are_refused() {
    for file in [
        &b""[..],
        b"\x89",
        b"GIF89a\x10\0\x10\0\0\0\0;",
        b"BM\0\0\0\0\0\0\0\0\x36\0\0\0",
        b"II*\0\x08\0\0\0",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\0\0\0\x1cftypavif",
        b"\x89PNG something else",
    ] {
        let error = refused(file);
        assert!(matches!(error, Error::UnknownKind), "{}: {error:?}", file.escape_ascii());
    }
    assert_eq!(refused(&png(0, 10, 8, 2, &[])), Error::Damaged);
    assert_eq!(refused(b"\xff\xd8\xff\xd9"), Error::Damaged);
}

#[test]
fn what_is_cut_off_is_refused_wherever_it_is_cut() {
    for format in KINDS {
        let whole = file(format);
        // Without its last check sum and end mark a PNG still has all its pixels; a JPEG may lack nothing.
        let spare = if format == ImageFormat::Jpeg { 1 } else { 40 };
        for length in (3..whole.len() - spare).step_by(97).chain([whole.len() - spare]) {
            let error = judge(&whole[..length]).err().unwrap_or_else(|| panic!("{format:?} of {} cut at {length}", whole.len()));
            assert!(matches!(error, Error::Damaged | Error::UnknownKind), "{format:?} cut at {length}: {error:?}");
        }
    }
}

#[test]
fn text_that_unpacks_to_much_is_not_unpacked() {
    let mut text = b"Comment\0\0".to_vec();
    text.extend(deflated(8_000_000));
    let mut body = Vec::new();
    for _ in 0..8 {
        body.extend(chunk(*b"zTXt", &text));
    }
    let whole = file(ImageFormat::Png);
    let bomb = [&whole[..33], &body, &whole[33..]].concat();
    assert_eq!(judge(&bomb).unwrap().size(), Pixels::new(60, 60));
}

#[test]
fn of_several_frames_the_first_is_shown_and_it_says_so() {
    let mut moving = Vec::new();
    let mut encoder = png::Encoder::new(&mut moving, 4, 4);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(5, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for frame in 0..5 {
        writer.write_image_data(&[frame * 50; 48]).unwrap();
    }
    writer.finish().unwrap();
    let picture = judge(&moving).unwrap();
    assert!(picture.is_first_of_several());
    assert_eq!(picture.scaled(Pixels::new(1, 1)).get_pixel(0, 0).0, [0; 3]);

    let frame = frame_of(&file(ImageFormat::WebP));
    let moving = riff(&[(b"VP8X", vp8x(2, 60, 60)), (b"ANIM", vec![0; 6]), (b"ANMF", frame.clone()), (b"ANMF", frame)]);
    let picture = judge(&moving).unwrap();
    assert!(picture.is_first_of_several());
    // The frame is laid into its canvas, which costs a little exactness.
    let shown = picture.scaled(Pixels::new(60, 60));
    assert!(shown.iter().zip(photograph(60).iter()).all(|(a, b)| a.abs_diff(*b) <= 2));
}

#[test]
fn only_files_within_the_limit_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits::default();
    let path = folder.path().join("x.png");
    assert_eq!(decode(&path, &limits).err(), Some(Error::Unreadable(std::io::ErrorKind::NotFound)));
    assert_eq!(decode(folder.path(), &limits).err(), Some(Error::NotAFile));
    std::fs::write(&path, file(ImageFormat::Jpeg)).unwrap();
    assert_eq!(decode(&path, &limits).unwrap().size(), Pixels::new(60, 60));
    // A hole in a file takes no room on a disk.
    File::options().write(true).open(&path).unwrap().set_len((64 << 20) + 1).unwrap();
    assert_eq!(decode(&path, &limits).err(), Some(Error::FileTooLarge { bytes: (64 << 20) + 1 }));
}

#[cfg(unix)]
#[test]
fn a_device_is_not_opened_and_a_pipe_keeps_nobody_waiting() {
    assert_eq!(decode(Path::new("/dev/zero"), &Limits::default()).err(), Some(Error::NotAFile));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe.png");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let (done, judged) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(decode(&path, &Limits::default()).err()));
    assert_eq!(judged.recv_timeout(Duration::from_secs(20)).unwrap(), Some(Error::NotAFile));
}

#[test]
fn errors_read_well_after_not_shown() {
    for (error, words) in [
        (Error::FileTooLarge { bytes: 70_000_000 }, "a file of 70 MB is too large"),
        (
            Error::TooMuchMemory { size: Pixels::new(5_000, 4_000), bytes: 160_000_000 },
            "5000×4000 takes too much memory (160 MB)",
        ),
        (Error::UnknownKind, "not a PNG, JPEG or WebP picture"),
        (Error::Damaged, "the file is cut off or damaged"),
        (Error::Unreadable(std::io::ErrorKind::NotFound), "the file cannot be read (entity not found)"),
    ] {
        assert_eq!(error.to_string(), words);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changed_files_are_pictures_or_errors(
        kind in 0usize..3, changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = file(KINDS[kind]);
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        // A changed header may claim much; what is within small limits is decoded quickly.
        let limits = Limits { pixels: 100_000, ..Limits::default() };
        if let Ok(picture) = decode_from(Cursor::new(&file), file.len() as u64, &limits) {
            prop_assert!(picture.size().count() <= 100_000);
        }
    }
}

/// In half-second steps nobody would notice what a hostile file costs; the clock of the machine is the subject here, so the
/// bound is generous. Each of these files took seconds, or hundreds of megabytes, before its parts were counted.
#[test]
fn a_file_of_countless_parts_is_refused_before_it_is_decoded() {
    let whole = file(ImageFormat::Png);
    let with = |between: &[u8]| [&whole[..33], between, &whole[33..]].concat();
    let mut moving = vec![(b"VP8X", vp8x(2, 60, 60)), (b"ANIM", vec![0; 6]), (b"ANMF", frame_of(&file(ImageFormat::WebP)))];
    moving.extend(std::iter::repeat_n((b"abcd", vec![]), 1_000_000));
    let jpeg = file(ImageFormat::Jpeg);
    let before_its_end = |parts: Vec<u8>| [&jpeg[..jpeg.len() - 2], &parts, &jpeg[jpeg.len() - 2..]].concat();
    for (what, file) in [
        ("texts", with(&chunk(*b"tEXt", b"a\0").repeat(1_000_000))),
        ("unknown chunks", with(&chunk(*b"teXt", b"").repeat(1_000_000))),
        ("pixels of nothing", with(&chunk(*b"IDAT", b"").repeat(1_000_000))),
        ("chunks behind a frame", riff(&moving)),
        ("comments", before_its_end(b"\xff\xfe\0\x02".repeat(1_000_000))),
        ("parts of a colour profile", before_its_end(b"\xff\xe2\0\x02".repeat(300))),
        ("scans", many_scans(64, SCANS_MOST + 1)),
    ] {
        let began = std::time::Instant::now();
        assert_eq!(refused(&file), Error::Damaged, "{what}");
        assert!(began.elapsed() < Duration::from_millis(500), "{what}: {:?}", began.elapsed());
    }
    assert_eq!(header::check_parts(Kind::Jpeg, &mut Cursor::new(many_scans(64, SCANS_MOST))), Ok(()));
    assert!(judge(&with(&chunk(*b"tEXt", b"a\0").repeat(150))).is_ok());
}

/// A profile of 200 MB in 200 kB would be unpacked up to the limit of memory.
#[test]
fn a_colour_profile_that_unpacks_to_much_is_left_out() {
    let whole = file(ImageFormat::Png);
    let mut profile = b"name\0\0".to_vec();
    profile.extend(deflated(200_000_000));
    let bomb = [&whole[..33], &chunk(*b"iCCP", &profile), &whole[33..]].concat();
    let header = header::read(&mut &bomb[..]).unwrap();
    assert_eq!(Limits::default().for_png(&header).max_alloc, Some(60 * 60 * 3 + BESIDE_PIXELS));
    assert_eq!(judge(&bomb).unwrap().size(), Pixels::new(60, 60));
}

/// A progressive JPEG of one grey tone with so many scans: all coefficients beyond the first come in runs of nothing.
fn many_scans(side: u16, count: usize) -> Vec<u8> {
    let mut out = b"\xff\xd8\xff\xdb\0\x43\0".to_vec();
    out.extend([1; 64]);
    out.extend(b"\xff\xc2\0\x0b\x08");
    out.extend([side.to_be_bytes(), side.to_be_bytes()].concat());
    out.extend(b"\x01\x01\x11\0");
    // The code 0 of the first coefficients: no difference. That of the others: a run of 2^14 blocks, and 14 more bits.
    for (table, symbol) in [(0x00, 0x00), (0x10, 0xe0)] {
        out.extend(b"\xff\xc4\0\x14");
        out.push(table);
        out.push(1);
        out.extend([0; 15]);
        out.push(symbol);
    }
    for scan in 0..count {
        let (from, to) = if scan == 0 { (0, 0) } else { (1, 63) };
        out.extend(b"\xff\xda\0\x08\x01\x01\0");
        out.extend([from, to, 0]);
        out.extend(vec![0; usize::from(side).pow(2) / 64 / 8 + 8]);
    }
    out.extend(b"\xff\xd9");
    out
}
