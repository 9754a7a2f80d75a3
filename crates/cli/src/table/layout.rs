//! Arranges a table: which columns fit, how wide they are, and what is shortened.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::cell::Colour;
use super::{Cell, Column, NARROWEST};

/// The widest column, in cells of the terminal, unless everything is shown. One long name doesn't widen every line.
const WIDEST: usize = 40;
/// Between two columns.
const GAP: &str = "  ";

/// How a table is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// The width of the terminal. `None` if the output goes elsewhere, so that nothing is shortened.
    pub(super) width: Option<usize>,
    pub(super) has_colour: bool,
    /// Whether all columns are shown as wide as they are.
    pub(super) is_wide: bool,
}

/// A column that is drawn.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    index: usize,
    width: usize,
    /// The width to which it may be shortened.
    least: usize,
    rank: u16,
}

/// The lines of the table, without a line end after the last one.
pub(super) fn text(columns: &[Column], rows: &[Vec<Cell>], style: Style) -> String {
    let drawn = arranged(columns, rows, style);
    let is_shortened = style.width.is_some() && !style.is_wide;
    let header = |column: &Column| (column.header.to_owned(), None);
    let mut lines = vec![line(columns, &drawn, is_shortened, |index| header(&columns[index]))];
    for row in rows {
        let cell = |index: usize| {
            let Some(cell) = row.get(index) else { return (String::new(), None) };
            (cell.shown.clone(), cell.colour.filter(|_| style.has_colour))
        };
        lines.push(line(columns, &drawn, is_shortened, cell));
    }
    lines.join("\n")
}

fn arranged(columns: &[Column], rows: &[Vec<Cell>], style: Style) -> Vec<Drawn> {
    let drawn = columns.iter().enumerate().filter(|(_, column)| style.is_wide || !column.is_only_wide);
    let mut drawn: Vec<Drawn> = drawn
        .map(|(index, column)| {
            let cells = || rows.iter().filter_map(|row| row.get(index));
            let header = column.header.width();
            let natural = cells().map(|cell| cell.shown.width()).max().unwrap_or(0).max(header);
            let width =
                if style.is_wide || column.shrinks_to.is_none() { natural } else { natural.min(WIDEST) };
            // A column without values says the least.
            let is_empty = !rows.is_empty() && cells().all(|cell| cell.exact.as_deref() == Some(""));
            let rank = u16::from(column.rank) + if is_empty { 256 } else { 0 };
            let least = column.shrinks_to.map_or(width, |least| width.min(least.max(header)));
            Drawn { index, width, least, rank }
        })
        .collect();
    if let Some(width) = style.width.filter(|_| !style.is_wide) {
        fit(columns, &mut drawn, width);
    }
    drawn
}

/// Leaves out columns and shortens others until the rest fits.
fn fit(columns: &[Column], drawn: &mut Vec<Drawn>, width: usize) {
    // The two most important columns are shortened further before one of them is left out.
    leave_out(drawn, width, 2);
    if total(drawn, |column| column.least) > width {
        for column in drawn.iter_mut().filter(|column| columns[column.index].shrinks_to.is_some()) {
            column.least = column.least.min(NARROWEST);
        }
        leave_out(drawn, width, 1);
    }
    while total(drawn, |column| column.width) > width {
        let widest = drawn.iter_mut().filter(|column| column.width > column.least);
        let Some(widest) = widest.max_by_key(|column| column.width - column.least) else { break };
        widest.width -= 1;
    }
    if let [only] = drawn.as_mut_slice() {
        only.width = only.width.min(width.max(1));
    }
}

/// Leaves out the least important columns as long as the others, made as narrow as they may be, don't fit.
fn leave_out(drawn: &mut Vec<Drawn>, width: usize, fewest: usize) {
    while drawn.len() > fewest && total(drawn, |column| column.least) > width {
        let last = drawn.iter().enumerate().max_by_key(|(_, column)| column.rank).map(|(place, _)| place);
        drawn.remove(last.unwrap_or_default());
    }
}

fn total(drawn: &[Drawn], width: impl Fn(&Drawn) -> usize) -> usize {
    drawn.iter().map(width).sum::<usize>() + GAP.len() * drawn.len().saturating_sub(1)
}

/// A line without blanks at its end.
fn line(
    columns: &[Column],
    drawn: &[Drawn],
    is_shortened: bool,
    cell: impl Fn(usize) -> (String, Option<Colour>),
) -> String {
    let mut line = String::new();
    let mut blanks = 0;
    for (place, column) in drawn.iter().enumerate() {
        let (mut text, colour) = cell(column.index);
        if is_shortened {
            text = shortened(&text, column.width);
        }
        let free = column.width.saturating_sub(text.width());
        let is_right = columns[column.index].is_right;
        blanks += if place > 0 { GAP.len() } else { 0 } + if is_right { free } else { 0 };
        if !text.is_empty() {
            line.push_str(&" ".repeat(blanks));
            blanks = 0;
            line.push_str(&coloured(text, colour));
        }
        blanks += if is_right { 0 } else { free };
    }
    line
}

fn coloured(text: String, colour: Option<Colour>) -> String {
    let code = match colour {
        None => return text,
        Some(Colour::Red) => 31,
        Some(Colour::Green) => 32,
        Some(Colour::Yellow) => 33,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// The beginning of a text that doesn't fit, with a mark.
fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut taken = 1;
    for character in text.chars() {
        taken += character.width().unwrap_or(0);
        if taken > width {
            break;
        }
        short.push(character);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests;
