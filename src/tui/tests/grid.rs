//! Every view at every usual size, in every theme: stored as text, a file for each size, and as styles, a file for each theme.

use std::fmt::Write as _;

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use super::super::options::{AppOptions, Charset, Theme};
use super::super::testing::{ScreenHarness, jobs_in_every_state, stored};

/// The views by name, and the keys that lead there.
const VIEWS: [(&str, &str); 20] = [
    ("list", ""),
    ("marks", "j space j V j j"),
    ("filter", "/ \"state:failed,held\""),
    ("filtered", "/ \"state:failed,held\" enter"),
    ("details of a saved job", "5 enter"),
    ("details of a failed job", "6 enter"),
    ("details of an unsure job", "7 enter tab"),
    ("last response", "6 enter tab enter G"),
    ("where it is", "5 o"),
    ("add", "a paste:task-unified-1790000100-aaaa0001_0,2|nonsense|task-unified-1790000100-k3v9q2ad"),
    ("price", "6 R"),
    ("cancel", "3 G x"),
    ("sort", "s"),
    ("columns", "C"),
    ("tag", "A t"),
    ("by name", ": \"ma\""),
    ("help", "?"),
    ("events", "e"),
    ("spending", "$"),
    ("caps", "$ c"),
];

const SIZES: [(u16, u16); 4] = [(60, 15), (80, 24), (120, 40), (200, 50)];

fn view(size: (u16, u16), options: AppOptions, keys: &str) -> ScreenHarness {
    let options = AppOptions { user: "ada".to_owned(), host: "box".to_owned(), ..options };
    let mut screen = ScreenHarness::with(options, size, jobs_in_every_state());
    let parts: Vec<&str> = keys.split_whitespace().collect();
    for part in parts {
        screen.keys(part);
        // As the engine would answer as soon as the details open.
        if screen.app.screens.shows_details() && screen.app.jobs.selected().is_some() {
            screen.details();
        }
    }
    screen
}

#[test]
fn every_view_has_its_stored_screen_at_every_size() {
    for (width, height) in SIZES {
        let mut all = String::new();
        for (name, keys) in VIEWS {
            let _ = writeln!(all, "======== {name}\n{}", view((width, height), AppOptions::default(), keys).screen());
        }
        stored(&format!("grid_{width}x{height}"), &all);
    }
}

#[test]
fn every_theme_and_charset_shows_the_same_in_its_own_way() {
    for size in SIZES {
        for (name, keys) in VIEWS {
            let text = |theme, color, rich_color| {
                view(size, AppOptions { theme, color, rich_color, ..AppOptions::default() }, keys).screen()
            };
            let usual = text(Theme::Auto, true, false);
            for (theme, color, rich) in
                [(Theme::Dark, true, true), (Theme::Light, true, true), (Theme::Light, true, false), (Theme::Mono, false, false)]
            {
                assert_eq!(text(theme, color, rich), usual, "{name} at {size:?} in {theme:?}");
            }
            let ascii = view(size, AppOptions { charset: Charset::Ascii, ..AppOptions::default() }, keys).screen();
            assert!(ascii.is_ascii(), "{name} at {size:?}: {ascii}");
            let widths = |text: &str| text.lines().map(|line| line.chars().count()).collect::<Vec<_>>();
            assert_eq!(widths(&ascii), widths(&usual), "{name} at {size:?}: {ascii}{usual}");
        }
    }
}

/// A letter for a style: bold ones are capitals, `#` is reversed, `.` has neither colour nor weight.
fn letter(cell: &Cell) -> char {
    if cell.modifier.contains(Modifier::REVERSED) {
        return '#';
    }
    if cell.symbol() == " " {
        return ' ';
    }
    let letter = match cell.fg {
        Color::Reset if cell.modifier.contains(Modifier::DIM) => 'd',
        Color::Reset => '.',
        Color::Cyan | Color::LightCyan | Color::Blue | Color::Indexed(25) => 'a',
        Color::Green | Color::LightGreen | Color::Indexed(28) => 'g',
        Color::Yellow | Color::LightYellow | Color::Magenta | Color::Indexed(94) => 'w',
        Color::Red | Color::LightRed | Color::Indexed(124) => 'r',
        Color::Indexed(240) => 'd',
        other => panic!("no style of a theme has {other:?}"),
    };
    match letter {
        '.' if cell.modifier.contains(Modifier::BOLD) => 'B',
        letter if cell.modifier.contains(Modifier::BOLD) => letter.to_ascii_uppercase(),
        letter => letter,
    }
}

#[test]
fn every_theme_has_its_stored_styles() {
    for (name, theme, rich_color) in [
        ("dark", Theme::Dark, false),
        ("light", Theme::Light, true),
        ("light16", Theme::Light, false),
        ("mono", Theme::Mono, false),
    ] {
        let mut all = String::new();
        for (view_name, keys) in
            VIEWS.iter().filter(|(name, _)| ["list", "details of a failed job", "price", "help", "spending"].contains(name))
        {
            let cells = view((80, 24), AppOptions { theme, rich_color, ..AppOptions::default() }, keys).cells();
            let _ = writeln!(all, "======== {view_name}");
            for y in 0..cells.area.height {
                let line: String = (0..cells.area.width).map(|x| letter(&cells[(x, y)])).collect();
                let _ = writeln!(all, "{}", line.trim_end());
            }
        }
        stored(&format!("styles_{name}"), &all);
    }
}
