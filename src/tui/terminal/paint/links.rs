//! Addresses on the screen, made links (OSC 8) where they stand.
//!
//! Cells know no links, so the screen names the addresses that it shows in full, and they are looked for in the finished
//! frame: on one row or wrapped to several that begin in the same column. They are written over once, when they come or
//! move; whatever takes their place later writes over them.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Color;

use super::cells::CellStyle;
use super::pen;

/// The beginning of an address must stand together for so many characters to be taken for it.
const SURE: usize = 12;

/// A part of an address on one row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spot {
    column: u16,
    row: u16,
    text: String,
    style: CellStyle,
    address: usize,
}

/// Where these addresses stand, each at its first place; one that is cut off is left out.
pub fn find(buffer: &Buffer, addresses: &[String], colourless: bool) -> Vec<Spot> {
    addresses
        .iter()
        .enumerate()
        .filter(|(_, address)| address.len() >= SURE && address.bytes().all(|byte| byte.is_ascii_graphic()))
        .filter_map(|(index, address)| {
            let area = buffer.area;
            (area.top()..area.bottom()).find_map(|row| {
                (area.left()..area.right()).find_map(|column| stands_at(buffer, address, index, column, row, colourless))
            })
        })
        .flatten()
        .collect()
}

fn stands_at(buffer: &Buffer, address: &str, index: usize, column: u16, row: u16, colourless: bool) -> Option<Vec<Spot>> {
    let mut left = address;
    let mut spots = Vec::new();
    for row in row..buffer.area.bottom() {
        let length = (column..buffer.area.right())
            .zip(left.chars())
            .take_while(|(column, c)| buffer[(*column, row)].symbol().chars().eq([*c]))
            .count();
        if length < SURE.min(left.len()) {
            return None;
        }
        let (text, rest) = left.split_at(length);
        spots.push(Spot { column, row, text: text.to_owned(), style: style(&buffer[(column, row)], colourless), address: index });
        left = rest;
        if left.is_empty() {
            return Some(spots);
        }
    }
    None
}

fn style(cell: &Cell, colourless: bool) -> CellStyle {
    if colourless {
        return CellStyle { modifier: cell.modifier, ..CellStyle::PLAIN };
    }
    CellStyle { fg: cell.fg, bg: cell.bg, underline: Color::Reset, modifier: cell.modifier }
}

/// Writes them over as links. The parts of one address share a name, so that a terminal lights them up together.
pub fn write(spots: &[Spot], addresses: &[String], out: &mut Vec<u8>) {
    for spot in spots {
        let Some(address) = addresses.get(spot.address) else { continue };
        out.extend_from_slice(format!("\x1b[{};{}H", spot.row + 1, spot.column + 1).as_bytes());
        pen::change(None, &spot.style, out);
        out.extend_from_slice(format!("\x1b]8;id=mj{};{address}\x1b\\{}\x1b]8;;\x1b\\", spot.address, spot.text).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    const ADDRESS: &str = "https://files.example/2026/10/05/file_0123456789.png";

    fn shown(rows: &[&str]) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 6));
        for (y, row) in rows.iter().enumerate() {
            buffer.set_string(2, u16::try_from(y).unwrap(), row, Style::new());
        }
        buffer
    }

    fn written(buffer: &Buffer) -> String {
        let addresses = [ADDRESS.to_owned()];
        let mut out = Vec::new();
        write(&find(buffer, &addresses, false), &addresses, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_address_on_two_rows_is_one_link() {
        let buffer = shown(&["above", &ADDRESS[..30], &ADDRESS[30..], "below"]);
        let out = written(&buffer);
        assert_eq!(out.matches(&format!("\x1b]8;id=mj0;{ADDRESS}\x1b\\")).count(), 2, "{out:?}");
        assert!(out.contains("\x1b[2;3H") && out.contains("\x1b[3;3H"), "{out:?}");
        assert!(out.contains(&format!("{}\x1b]8;;\x1b\\", &ADDRESS[30..])));
    }

    #[test]
    fn an_address_that_is_cut_off_or_not_there_is_no_link() {
        assert_eq!(written(&shown(&[&ADDRESS[..30], "something else"])), "");
        assert_eq!(written(&shown(&["nothing"])), "");
    }

    #[test]
    fn what_is_written_shows_the_same_screen() {
        let buffer = shown(&["above", &ADDRESS[..30], &ADDRESS[30..], "below"]);
        let mut parser = vt100::Parser::new(6.try_into().unwrap(), 40.try_into().unwrap(), 0);
        parser.process(b"\x1b[1;3Habove\x1b[4;3Hbelow");
        parser.process(written(&buffer).as_bytes());
        let rows: Vec<String> = parser.screen().rows(0, 40).take(4).collect();
        assert_eq!(rows, ["  above", &format!("  {}", &ADDRESS[..30]), &format!("  {}", &ADDRESS[30..]), "  below"]);
    }
}
