//! Where the letters of other layouts lie on a QWERTY keyboard.

use crossterm::event::KeyCode;

use super::Key;

/// Rows of letters of a layout, and what a QWERTY keyboard has in the same places.
const ROWS: &[(&str, &str)] = &[
    // Russian ЙЦУКЕН; the Ukrainian and Belarusian letters that differ follow.
    ("йцукенгшщзхъ", "qwertyuiop[]"),
    ("фывапролджэ", "asdfghjkl;'"),
    ("ячсмитьбю", "zxcvbnm,."),
    ("іїєў", "s]'o"),
    // Greek.
    ("ςερτυθιοπ", "wertyuiop"),
    ("ασδφγηξκλ", "asdfghjkl"),
    ("ζχψωβνμ", "zxcvbnm"),
    // Hebrew.
    ("קראטוןםפ", "ertyuiop"),
    ("שדגכעיחלךף", "asdfghjkl;"),
    ("זסבהנמצתץ", "zxcvbnm,."),
];

/// The key of a QWERTY keyboard in the place of a letter that is not Latin; `None` for Latin letters and everything else.
pub(crate) fn by_place(key: Key) -> Option<Key> {
    let KeyCode::Char(c) = key.code else { return None };
    if c.is_ascii() {
        return None;
    }
    let lower = c.to_lowercase().next()?;
    let latin =
        ROWS.iter().find_map(|(row, latin)| row.chars().position(|known| known == lower).and_then(|at| latin.chars().nth(at)))?;
    let latin = if lower == c { latin } else { latin.to_ascii_uppercase() };
    Some(Key { code: KeyCode::Char(latin), ..key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_long_as_their_latin_side() {
        for (row, latin) in ROWS {
            assert_eq!(row.chars().count(), latin.chars().count(), "{row}");
        }
    }

    #[test]
    fn capitals_stay_capitals_and_latin_stays_as_it_is() {
        assert_eq!(by_place(Key::char('Ф')), Some(Key::char('A')));
        assert_eq!(by_place(Key::char('н')), Some(Key::char('y')));
        assert_eq!(by_place(Key::char('y')), None);
        assert_eq!(by_place(Key::char('ü')), None);
    }
}
