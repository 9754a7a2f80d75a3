//! Rows as parameters of one statement, one after the other.

use sqlx::AssertSqlSafe;

use super::dialect::Query;
use crate::transfer::Cell;

/// The most rows of one statement: beyond that, longer statements gain nothing.
const MOST_ROWS: usize = 256;
/// The largest number of parameters of a statement (SQLITE_MAX_VARIABLE_NUMBER).
const MAX_PARAMETERS: usize = 32_766;

/// A statement that takes several rows, and their values.
pub(super) struct RowValues(Query<'static>);

impl RowValues {
    /// How many of so many rows the next statement takes: powers of two, so that few texts exist and each is prepared
    /// once on a connection.
    pub(super) fn rows_of_next(left: usize, columns: usize) -> usize {
        let largest = left.min(MOST_ROWS).min(MAX_PARAMETERS / columns.max(1));
        1 << largest.max(1).ilog2()
    }

    /// Begins a statement: `before`, so many rows with so many values each, `after`.
    pub(super) fn new(before: &str, rows: usize, columns: usize, after: &str) -> Self {
        Self(sqlx::query(AssertSqlSafe(sql(before, rows, columns, after))))
    }

    /// The next values are the next row's.
    pub(super) fn begin_row(self) -> Self {
        self
    }

    /// Gives the row its next value.
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

// `?` and not `$1`: to SQLite that is a name, and it looks names up from the first to the last, for each anew.
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
