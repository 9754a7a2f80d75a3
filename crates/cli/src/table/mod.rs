//! Lists as tables that fit the terminal, and as CSV. Every list command prints its rows with [`Table`].

mod cell;
mod csv;
mod layout;
mod terminal;

pub(crate) use cell::{Cell, bytes_text, money};
pub(crate) use terminal::{indented, redraw};

use crate::failure::Result;
use crate::output;
use crate::printable::printable;
use crate::remote::{OutputFormat, Remote};

/// The narrowest that a column is made if there is no room for more.
const NARROWEST: usize = 6;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    header: &'static str,
    /// The name in CSV, where values have no units.
    field: &'static str,
    /// Columns with the largest number are left out first if the terminal is too narrow.
    rank: u8,
    is_right: bool,
    is_only_wide: bool,
    /// The width to which the column is shortened before another is left out. `None` for texts that make no sense
    /// shortened.
    shrinks_to: Option<usize>,
}

impl Column {
    /// A column of texts that are not shortened.
    pub(crate) const fn new(header: &'static str, field: &'static str, rank: u8) -> Self {
        Self { header, field, rank, is_right: false, is_only_wide: false, shrinks_to: None }
    }

    /// A column of texts that are shortened to this width before another column is left out.
    pub(crate) const fn text(header: &'static str, field: &'static str, rank: u8, shrinks_to: usize) -> Self {
        Self { shrinks_to: Some(shrinks_to), ..Self::new(header, field, rank) }
    }

    /// A column of numbers.
    pub(crate) const fn number(header: &'static str, field: &'static str, rank: u8) -> Self {
        Self { is_right: true, ..Self::new(header, field, rank) }
    }

    /// A column that only `-o wide` and CSV have, such as ids.
    pub(crate) const fn only_wide(header: &'static str, field: &'static str) -> Self {
        Self { is_only_wide: true, ..Self::new(header, field, 0) }
    }
}

/// A list.
#[derive(Debug)]
pub(crate) struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<Cell>>,
    /// For people: what the table shows, such as its period.
    title: Option<String>,
}

impl Table {
    /// A table whose rows have a cell for each column.
    pub(crate) fn new(columns: &'static [Column], rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        Self { columns, rows: rows.into_iter().collect(), title: None }
    }

    /// The same table with a title, which CSV doesn't have.
    #[must_use]
    pub(crate) fn titled(self, title: impl Into<String>) -> Self {
        Self { title: Some(title.into()), ..self }
    }

    /// Prints the table in the format that the user chose. JSON has been printed before, from the response itself.
    pub(crate) fn print(&self, remote: &Remote) -> Result<()> {
        output::line(&self.text(remote))
    }

    /// What [`Self::print`] prints.
    pub(crate) fn text(&self, remote: &Remote) -> String {
        match remote.output {
            Some(OutputFormat::Csv) => csv::text(self.columns, &self.rows),
            format => {
                let is_wide = format == Some(OutputFormat::Wide);
                let table = layout::text(self.columns, &self.rows, terminal::style(is_wide));
                match &self.title {
                    Some(title) => format!("{}\n{table}", terminal::wrapped(&printable(title))),
                    None => table,
                }
            }
        }
    }
}
