//! Passes rows to a statement as individual parameters.

use sqlx::AssertSqlSafe;

use super::dialect::Query;
use crate::transfer::Cell;

/// The largest number of rows per statement. Longer statements are no faster.
const MOST_ROWS: usize = 256;
/// The largest number of parameters of a statement (SQLITE_MAX_VARIABLE_NUMBER).
const MAX_PARAMETERS: usize = 32_766;

/// A statement that takes several rows, and their values.
pub(super) struct RowValues(Query<'static>);

impl RowValues {
    /// How many of the remaining rows the next statement takes: a power of two, so that there are few statement
    /// texts and each is prepared once per connection.
    pub(super) fn rows_of_next(left: usize, columns: usize) -> usize {
        let largest = left.min(MOST_ROWS).min(MAX_PARAMETERS / columns.max(1));
        1 << largest.max(1).ilog2()
    }

    /// Begins a statement that consists of `before`, the rows, and `after`.
    pub(super) fn new(before: &str, rows: usize, columns: usize, after: &str) -> Self {
        Self(sqlx::query(AssertSqlSafe(sql(before, rows, columns, after))))
    }

    /// Begins the next row.
    pub(super) fn begin_row(self) -> Self {
        self
    }

    /// Adds the next value to the current row.
    pub(super) fn bind(self, value: impl Into<Cell>) -> Self {
        Self(match value.into() {
            Cell::Text(text) => self.0.bind(text),
            Cell::Number(number) => self.0.bind(number),
            Cell::Flag(flag) => self.0.bind(flag),
        })
    }

    /// The statement with its parameters.
    pub(super) fn query(self) -> Query<'static> {
        self.0
    }
}

// `?` and not `$1`: SQLite treats `$1` as a name, and searches the list of names from the start for each parameter.
fn sql(before: &str, rows: usize, columns: usize, after: &str) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    format!("{before}VALUES {}{after}", vec![row.as_str(); rows].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_into_powers_of_two() {
        assert_eq!(sql("INSERT INTO t (a, b) ", 2, 2, ""), "INSERT INTO t (a, b) VALUES (?, ?), (?, ?)");
        let mut left = 5_000;
        let mut chunks = Vec::new();
        while left > 0 {
            chunks.push(RowValues::rows_of_next(left, 2));
            left -= RowValues::rows_of_next(left, 2);
        }
        assert_eq!(chunks.iter().sum::<usize>(), 5_000);
        assert_eq!(chunks[19..], [128, 8]);
    }
}
