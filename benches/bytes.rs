//! Bytes a second that the screen costs, by encoder, against the lower bound. It counts; it takes no time.
//!
//! ```text
//! cargo bench --bench bytes
//! ```

use mj_enhance::tui::terminal::paint::{Encoder, Order, Painter, Style};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style as Look};

/// A stream of frames: its name, what it stands for, the frames (the first one is not counted) and the seconds they last.
struct Stream {
    name: &'static str,
    frames: Vec<Buffer>,
    seconds: usize,
}

fn main() {
    println!("{:<44} {:>8} {:>8} {:>8} {:>8} {:>8}", "bytes a second", "bound", "ours", "by rows", "stock", "ours/bound");
    for stream in streams() {
        let painters = [
            Style::default(),
            Style { order: Order::Rows, ..Style::default() },
            Style { encoder: Encoder::Stock, ..Style::default() },
        ];
        let mut bound = 0;
        let mut sums = [0; 3];
        for (at, style) in painters.into_iter().enumerate() {
            let mut painter = Painter::new(style);
            let mut out = Vec::new();
            for (number, frame) in stream.frames.iter().enumerate() {
                out.clear();
                if at == 0 && number > 0 {
                    bound += painter.bound(frame);
                }
                painter.paint(frame, None, &mut out);
                if number > 0 {
                    sums[at] += out.len();
                }
            }
        }
        let seconds = stream.seconds;
        let hundredths = (sums[0] * 100).checked_div(bound).unwrap_or(100);
        println!(
            "{:<44} {:>8} {:>8} {:>8} {:>8} {:>7}.{:02}",
            stream.name,
            bound / seconds,
            sums[0] / seconds,
            sums[1] / seconds,
            sums[2] / seconds,
            hundredths / 100,
            hundredths % 100
        );
    }
    println!("aim: ours at most 1.05 times the bound; brackets of mode 2026 (16 bytes a frame) apart");
}

fn streams() -> Vec<Stream> {
    let ticks =
        |count, what: fn(u16) -> Row| (0..=60).map(move |second| table(120, 40, count, second, None, what)).collect::<Vec<_>>();
    vec![
        Stream { name: "20 rows: percent, bar, elapsed, each second", frames: ticks(20, everything), seconds: 60 },
        Stream { name: "20 rows: percent and elapsed", frames: ticks(20, numbers), seconds: 60 },
        Stream { name: "20 rows: elapsed only", frames: ticks(20, clock), seconds: 60 },
        Stream { name: "5 rows: percent, bar, elapsed", frames: ticks(5, everything), seconds: 60 },
        Stream { name: "36 rows: percent, bar, elapsed", frames: ticks(36, everything), seconds: 60 },
        Stream { name: "the same screen again", frames: vec![table(120, 40, 20, 7, None, everything); 61], seconds: 60 },
        Stream {
            name: "selection moves down (a key)",
            frames: (0..=18).map(|row| table(120, 40, 20, 7, Some(row), everything)).collect(),
            seconds: 18,
        },
        Stream {
            name: "list scrolls by a row (a key)",
            frames: (0..=20).map(|row| table(120, 40, 20, row * 3, Some(5), everything)).collect(),
            seconds: 20,
        },
        Stream {
            name: "a box opens and closes",
            frames: (0..=20).map(|at| boxed(table(120, 40, 20, 7, Some(5), everything), at % 2 == 1)).collect(),
            seconds: 20,
        },
        Stream {
            name: "first paint, 80x24",
            frames: vec![Buffer::empty(Rect::new(0, 0, 80, 24)), table(80, 24, 20, 7, Some(5), everything)],
            seconds: 1,
        },
    ]
}

/// What counts in a row: percent, bar, elapsed.
type Row = (bool, bool, bool);

fn everything(_: u16) -> Row {
    (true, true, true)
}

fn numbers(_: u16) -> Row {
    (true, false, true)
}

fn clock(_: u16) -> Row {
    (false, false, true)
}

fn table(width: u16, height: u16, rows: u16, second: u16, selected: Option<u16>, what: fn(u16) -> Row) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let mut put = |x: u16, y: u16, text: &str, look: Look| {
        if x < width && y < height {
            buffer.set_stringn(x, y, text, usize::from(width - x), look);
        }
    };
    put(0, 0, "mj-enhance   20 running  3 waiting  412 saved   in flight 20/20   balance 812.4", Look::new().bold());
    put(0, 2, "  state     draft                     job  progress             elapsed", Look::new().dim());
    for row in 0..rows.min(height - 4) {
        let y = row + 3;
        let (percents, bars, clocks) = what(row);
        let at = |counts: bool| if counts { second } else { 7 };
        let percent = (row * 3 + at(percents)) % 101;
        let elapsed = u32::from(row) * 37 + u32::from(at(clocks));
        let eighths = usize::from((row * 3 + at(bars)) % 101) * 20 * 8 / 100;
        let mut bar = "█".repeat(eighths / 8);
        bar.push_str(["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]);
        put(2, y, "running", Look::new().fg(Color::Green));
        put(12, y, &format!("task-unified-17579{row:05}"), Look::new());
        put(40, y, &bar, Look::new().fg(Color::Cyan));
        put(62, y, &format!("{percent:>3} %"), Look::new());
        put(70, y, &format!("{:>2}:{:02}", elapsed / 60, elapsed % 60), Look::new().fg(Color::DarkGray));
        if selected == Some(row) {
            put(0, y, "> ", Look::new());
        }
    }
    put(0, height - 1, "a add  p hold  x cancel  d fetch  ? help  q leave", Look::new().dim());
    if let Some(row) = selected {
        buffer.set_style(Rect::new(0, row + 3, width, 1), Look::new().add_modifier(Modifier::REVERSED));
    }
    buffer
}

fn boxed(mut buffer: Buffer, open: bool) -> Buffer {
    if open {
        for y in 10..20 {
            let text = match y {
                10 => format!("┌{}┐", "─".repeat(48)),
                13 => format!("│{:<48}│", "  12 jobs, 64.8 credits, 747.6 left"),
                17 => format!("│{:<48}│", "  y send 12 jobs, 64.8 credits · n back"),
                19 => format!("└{}┘", "─".repeat(48)),
                _ => format!("│{}│", " ".repeat(48)),
            };
            buffer.set_string(35, y, text, Look::reset());
        }
    }
    buffer
}
