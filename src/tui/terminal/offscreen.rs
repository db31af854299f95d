//! Where a screen is drawn before it is painted: a terminal of ratatui that writes nothing.
//!
//! Only `ratatui::Terminal` can make a `Frame`. Ours sits on a backend that is blind: it knows a size and remembers
//! where the cursor was asked for. The finished buffer goes to the painter.

use std::cell::Cell as Shared;
use std::convert::Infallible;
use std::rc::Rc;

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Size};
use ratatui::{Frame, Terminal};

/// Draws frames of a size that may change.
pub struct Offscreen {
    terminal: Terminal<Blind>,
    cursor: Rc<Shared<Option<Position>>>,
}

impl Offscreen {
    /// A offscreen of this size, in cells.
    pub fn new(columns: u16, rows: u16) -> Self {
        let cursor = Rc::default();
        let blind = Blind { size: Size::new(columns, rows), cursor: Rc::clone(&cursor) };
        let Ok(terminal) = Terminal::new(blind);
        Self { terminal, cursor }
    }

    /// From the next frame on the screen has this size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.terminal.backend_mut().size = Size::new(columns, rows);
    }

    /// Draws one frame: its cells, and the cursor where it is to be shown.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> (&Buffer, Option<Position>) {
        self.cursor.set(None);
        let Ok(frame) = self.terminal.draw(draw);
        (frame.buffer, self.cursor.get())
    }
}

struct Blind {
    size: Size,
    cursor: Rc<Shared<Option<Position>>>,
}

impl Backend for Blind {
    type Error = Infallible;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, _: I) -> Result<(), Infallible> {
        Ok(())
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        self.cursor.set(None);
        Ok(())
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        Ok(self.cursor.get().unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        self.cursor.set(Some(position.into()));
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> Result<(), Infallible> {
        Ok(())
    }

    fn size(&self) -> Result<Size, Infallible> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_the_size_of_the_terminal_and_says_where_the_cursor_is() {
        let mut offscreen = Offscreen::new(10, 2);
        let (buffer, cursor) = offscreen.draw(|frame| {
            frame.buffer_mut()[(9, 1)].set_symbol("x");
            frame.set_cursor_position((3, 1));
        });
        assert_eq!(buffer[(9, 1)].symbol(), "x");
        assert_eq!(cursor, Some(Position::new(3, 1)));
        offscreen.resize(20, 5);
        let (buffer, cursor) = offscreen.draw(|_| {});
        assert_eq!((buffer.area.width, buffer.area.height, cursor), (20, 5, None));
        assert_eq!(buffer[(9, 1)].symbol(), " ", "every frame begins empty");
    }
}
