//! The boxes that ask: a price, or a free act that weighs something.
//!
//! A box is confirmed only while all of it has room: count, price and balance are never cut.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::super::dialogs::{ConfirmDialog, Dialog, PriceDialog};
use super::super::keymap::Action;
use super::super::layout::Layout;
use super::super::wording;
use super::canvas::{Canvas, Pieces, wrap};
use super::sheet::{line_width, put, sheet};
use crate::job::{Credits, text};
use crate::tui::width::columns;

/// Whether everything that the box on top says has room, if it asks.
pub(super) fn asks_in_full(canvas: &Canvas<'_>, layout: &Layout) -> bool {
    let room = room(layout);
    match canvas.app.dialogs.top() {
        Some(Dialog::Price(price)) => price_sheet(canvas, room, price).is_whole,
        Some(Dialog::Ask(ask)) => confirm_sheet(canvas, room, ask).is_whole,
        _ => true,
    }
}

/// Where boxes may lie: above message and footer.
pub(super) fn room(layout: &Layout) -> Rect {
    Rect::new(0, 0, layout.footer.width, layout.message.y)
}

/// A box that asks.
struct AskSheet {
    title: String,
    width: u16,
    lines: Vec<Pieces>,
    /// It is about money.
    heavy: bool,
    /// All of it has room: only then can it be confirmed.
    is_whole: bool,
}

impl AskSheet {
    /// The lines, and below them the keys; narrower than `least` columns it is not whole.
    fn new(
        canvas: &Canvas<'_>,
        room: Rect,
        (title, least): (String, u16),
        mut lines: Vec<Pieces>,
        pairs: &[(&str, String)],
    ) -> Self {
        let most = ask_width(room);
        let keys = wrapped_keys(canvas, pairs, most);
        let widest = lines.iter().chain(&keys).map(|line| line_width(line)).max().unwrap_or(0).max(columns(&title) + 4);
        // The air at the top is the first to go.
        if lines.len() + keys.len() + 3 > usize::from(room.height) && lines.first().is_some_and(Vec::is_empty) {
            lines.remove(0);
        }
        let height = lines.len() + 1 + keys.len() + 2;
        let is_whole = widest.max(least) <= most && height <= usize::from(room.height);
        if is_whole {
            // In the empty line, so that the box does not move.
            let early = if canvas.app.seen.early { "press y again" } else { "" };
            lines.push(vec![(early.to_owned(), canvas.styles.warn)]);
            lines.extend(keys);
        } else {
            let said = ["window too small to confirm; make it larger · n back", "window too small · n back"];
            let rows = |said: &str| wrap(said, most).len() + 2;
            let fits = |said: &&str| rows(said) <= usize::from(room.height);
            let said = said.into_iter().find(fits).unwrap_or(said[1]);
            // What is said is seen to its end; the sums have what is left.
            lines.truncate(usize::from(room.height).saturating_sub(rows(said)));
            put(&mut lines, said, most, canvas.styles.warn);
        }
        let widest = lines.iter().map(|line| line_width(line)).max().unwrap_or(0).max(widest);
        Self { title, width: widest.min(most), lines, heavy: false, is_whole }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, room: Rect) {
        sheet(canvas, room, &self.title, self.width, &self.lines, self.heavy);
    }
}

fn ask_width(room: Rect) -> u16 {
    room.width.saturating_sub(4).min(66)
}

/// Keys and what they do, in as many lines as it takes. The first one is what the box is for.
fn wrapped_keys(canvas: &Canvas<'_>, pairs: &[(&str, String)], width: u16) -> Vec<Pieces> {
    let styles = canvas.styles;
    let mut lines: Vec<Pieces> = Vec::new();
    for (index, (key, word)) in pairs.iter().enumerate() {
        let bold = styles.accent.add_modifier(styles.bold);
        let pair = if index == 0 {
            let style = styles.chosen.add_modifier(Modifier::BOLD);
            [(format!(" {key}"), style), (format!(" {word}"), styles.strong)]
        } else {
            [((*key).to_owned(), bold), (format!(" {word}"), styles.plain)]
        };
        let needed = line_width(&pair);
        match lines.last_mut().filter(|line| line_width(line) + 3 + needed <= width) {
            Some(line) => {
                line.push((" · ".to_owned(), styles.dim));
                line.extend(pair);
            }
            None if needed <= width => lines.push(pair.to_vec()),
            None => {
                let [(key, key_style), (word, style)] = pair;
                let indent = columns(&key) + 1;
                for (at, part) in wrap(word.trim(), width.saturating_sub(indent)).into_iter().enumerate() {
                    let lead = if at == 0 { (format!("{key} "), key_style) } else { (" ".repeat(usize::from(indent)), style) };
                    lines.push(vec![lead, (part, style)]);
                }
            }
        }
    }
    lines
}

/// A column of amounts with their points below each other.
struct Amounts {
    decimals: usize,
    /// Columns of the names, and of the amounts.
    names: usize,
    width: usize,
}

impl Amounts {
    /// Wide enough for all of these, and ending at the right edge of `columns` columns, of which there are `most`.
    fn of(all: &[Credits], columns: u16, most: u16) -> Self {
        let decimals = all.iter().map(|amount| amount.to_string().split_once('.').map_or(0, |(_, part)| part.len()));
        let decimals = decimals.max().unwrap_or(0).max(1);
        let mut amounts = Self { decimals, names: LEAST_NAMES, width: 0 };
        amounts.width = all.iter().map(|amount| amounts.text(*amount).chars().count() + 1).max().unwrap_or(0);
        // An amount is never cut: in a narrow window the names move closer.
        let least = LEAST_NAMES.min(usize::from(most).saturating_sub(amounts.width));
        amounts.names = usize::from(columns).saturating_sub(amounts.width + CREDITS.len()).max(least);
        amounts
    }

    /// The columns in which names and amounts can be told apart at a glance.
    fn least(&self) -> u16 {
        u16::try_from(LEAST_NAMES + self.width).unwrap_or(u16::MAX)
    }

    fn text(&self, amount: Credits) -> String {
        let text = amount.to_string();
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        format!("{whole}.{part:0<width$}", width = self.decimals)
    }

    /// A name on the left, the amount on the right, with its sign.
    fn line(&self, name: &str, sign: &str, amount: Credits, style: Style) -> Pieces {
        let number = format!("{sign}{}", self.text(amount));
        vec![(format!("{name:<names$}", names = self.names), style), (format!("{number:>width$}", width = self.width), style)]
    }
}

/// Least columns for the names of the amounts.
const LEAST_NAMES: usize = 24;
/// Behind the first amount.
const CREDITS: &str = " credits";

/// What stands in the price box besides count, price and balance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extras {
    /// What is good to know, apart from the sums.
    Apart,
    /// The same, right below them.
    Below,
    /// Nothing.
    None,
}

/// The price box; in a small window without what is only good to know.
fn price_sheet(canvas: &Canvas<'_>, room: Rect, price: &PriceDialog) -> AskSheet {
    let fitting = [Extras::Apart, Extras::Below].into_iter().map(|extras| price_lines(canvas, room, price, extras));
    let fitting = fitting.into_iter().find(|sheet| sheet.is_whole);
    fitting.unwrap_or_else(|| price_lines(canvas, room, price, Extras::None))
}

fn price_lines(canvas: &Canvas<'_>, room: Rect, price: &PriceDialog, extras: Extras) -> AskSheet {
    let with_notes = extras != Extras::None;
    let (styles, width) = (canvas.styles, ask_width(room));
    let quote = &price.quote;
    let (sends, count) = (price.sends(), price.sends().count());
    let (these, before) = (sends.total(), price.before.total());
    let jobs = text::count(quote.count(), "job");
    let jobs = if count == quote.count() { jobs } else { format!("{count} of {jobs}") };
    let mut pairs = vec![("y", format!("{} {jobs}, {these} credits", price.purpose.verb()))];
    if price.purpose.records() {
        pairs.push(("h", "add held".to_owned()));
    }
    pairs.push(("n", "back".to_owned()));
    // The sums end where the keys below them end.
    let keys = wrapped_keys(canvas, &pairs, width).iter().map(|line| line_width(line)).max().unwrap_or(0);
    let mut all: Vec<Credits> = quote.lines.iter().flat_map(|line| [line.price, line.total()]).collect();
    all.extend([these, before]);
    all.extend(quote.balance);
    let amounts = Amounts::of(&all, keys.max(columns(&price.title) + 5), width);
    let mut lines: Vec<Pieces> = vec![Vec::new()];
    if quote.lines.only_price().is_none() {
        for line in sends.iter() {
            let what = text::count(line.count, line.model.word());
            lines.push(amounts.line(&format!("{what} × {}", line.price), "", line.total(), styles.plain));
        }
    }
    let head = quote.lines.only_price().map_or_else(|| text::count(count, "job"), |each| format!("{count} × {each}"));
    let mut sum = amounts.line(&head, "", these, styles.strong);
    if line_width(&sum) + 8 <= width {
        sum.push((CREDITS.to_owned(), styles.strong));
    }
    lines.push(sum);
    let usd = canvas.app.status.as_ref().and_then(|status| wording::dollars(these, status.uc_per_usd));
    if let Some(usd) = usd.filter(|_| with_notes && these > Credits::ZERO) {
        let edge = amounts.names + amounts.width + CREDITS.len();
        lines.push(vec![(format!("{usd:>edge$}"), styles.dim)]);
    }
    match quote.balance {
        Some(balance) => {
            lines.push(amounts.line("balance now", "", balance, styles.plain));
            if price.before.count() > 0 {
                lines.push(amounts.line(&format!("approved before ({})", price.before.count()), "−", before, styles.plain));
            }
            let name = if count == 1 { "this one".to_owned() } else { format!("these {count}") };
            lines.push(amounts.line(&name, "−", these, styles.plain));
            let after = (balance - before - these).max(Credits::ZERO);
            lines.push(amounts.line("balance after", "", after, styles.strong));
        }
        None => lines.push(vec![("the balance is not known".to_owned(), styles.warn)]),
    }
    if let Some(status) = &canvas.app.status {
        for (name, spent, cap) in
            [("today", status.spent.day, status.caps.day), ("session", status.spent.session, status.caps.session)]
        {
            let Some(cap) = cap else { continue };
            // What was approved before is held, too, where it would cross the cap.
            let after = (spent + before + these).min(cap.max(spent));
            let near = after.uc() * 5 >= cap.uc() * 4;
            let sums = format!("{spent} → {after} of {cap}");
            // It ends below the amounts, unless it is longer than what stands there.
            let line = amounts.names + amounts.width;
            let short = name.len() + 2 + usize::from(columns(&sums)) <= line;
            let said = if short { format!("{name}{sums:>rest$}", rest = line - name.len()) } else { format!("{name}  {sums}") };
            put(&mut lines, &said, width, if near { styles.warn } else { styles.plain });
        }
    }
    if extras == Extras::Apart {
        lines.push(Vec::new());
    }
    for said in price.limits() {
        put(&mut lines, &said, width, styles.warn);
    }
    for said in price.notes.iter().filter(|_| with_notes) {
        put(&mut lines, said, width, styles.dim);
    }
    let grace = canvas.app.options.grace;
    if !grace.is_zero() {
        let key = canvas.app.options.keymap.named(Action::Undo);
        put(&mut lines, &format!("then {} s to stop it with {key}", grace.as_secs()), width, styles.dim);
    }
    AskSheet { heavy: true, ..AskSheet::new(canvas, room, (format!("{}?", price.title), amounts.least()), lines, &pairs) }
}

fn confirm_sheet(canvas: &Canvas<'_>, room: Rect, ask: &ConfirmDialog) -> AskSheet {
    let width = ask_width(room);
    let mut lines: Vec<Pieces> = vec![Vec::new()];
    for said in &ask.lines {
        put(&mut lines, said, width, canvas.styles.plain);
    }
    AskSheet::new(canvas, room, (ask.title.clone(), 0), lines, &[("y", ask.yes.clone()), ("n", "back".to_owned())])
}

pub(super) fn draw_price(canvas: &mut Canvas<'_>, room: Rect, price: &PriceDialog) {
    price_sheet(canvas, room, price).draw(canvas, room);
}

pub(super) fn draw_confirm(canvas: &mut Canvas<'_>, room: Rect, ask: &ConfirmDialog) {
    confirm_sheet(canvas, room, ask).draw(canvas, room);
}
