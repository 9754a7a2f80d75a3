//! Passes rows to a statement as one array per column. The statement's text is the same for any number of rows, so
//! it is prepared and planned once, and the server parses a few parameters instead of thousands.

use std::fmt::Write as _;

use sqlx::AssertSqlSafe;

use super::dialect::Query;
use crate::transfer::Cell;

/// The largest number of rows per statement. Their values are in memory on both sides.
const MOST_ROWS: usize = 8_192;

/// The values of a column, row by row.
enum Column {
    Texts(Vec<Option<String>>),
    Numbers(Vec<Option<i64>>),
    Flags(Vec<Option<bool>>),
}

/// A statement that takes several rows, and their values.
pub(super) struct RowValues {
    before: String,
    after: String,
    rows: usize,
    columns: Vec<Column>,
    next: usize,
}

impl RowValues {
    /// How many of the remaining rows the next statement takes.
    pub(super) fn rows_of_next(left: usize, _columns: usize) -> usize {
        left.min(MOST_ROWS)
    }

    /// Begins a statement that consists of `before`, the rows, and `after`.
    pub(super) fn new(before: &str, rows: usize, columns: usize, after: &str) -> Self {
        let (before, after) = (before.to_owned(), after.to_owned());
        Self { before, after, rows, columns: Vec::with_capacity(columns), next: 0 }
    }

    /// Begins the next row.
    pub(super) fn begin_row(mut self) -> Self {
        self.next = 0;
        self
    }

    /// Adds the next value to the current row. All values of a column must have the same type.
    pub(super) fn bind(mut self, value: impl Into<Cell>) -> Self {
        let value = value.into();
        if self.next == self.columns.len() {
            self.columns.push(match value {
                Cell::Text(_) => Column::Texts(Vec::with_capacity(self.rows)),
                Cell::Number(_) => Column::Numbers(Vec::with_capacity(self.rows)),
                Cell::Flag(_) => Column::Flags(Vec::with_capacity(self.rows)),
            });
        }
        if let Some(column) = self.columns.get_mut(self.next) {
            column.push(value);
        }
        self.next += 1;
        self
    }

    /// The statement with its parameters.
    pub(super) fn query(self) -> Query<'static> {
        let sql = self.sql();
        self.columns.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, column| match column {
            Column::Texts(values) => query.bind(values),
            Column::Numbers(values) => query.bind(values),
            Column::Flags(values) => query.bind(values),
        })
    }

    fn sql(&self) -> String {
        let mut sql = format!("{}SELECT * FROM UNNEST(", self.before);
        for (index, column) in self.columns.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            // Writing to a string can't fail.
            _ = write!(sql, "{comma}${}::{}[]", index + 1, column.kind());
        }
        sql + ")" + &self.after
    }
}

impl Column {
    fn push(&mut self, value: Cell) {
        match (self, value) {
            (Self::Texts(values), Cell::Text(value)) => values.push(value),
            (Self::Numbers(values), Cell::Number(value)) => values.push(value),
            (Self::Flags(values), Cell::Flag(value)) => values.push(value),
            // A value of the wrong type becomes NULL.
            (Self::Texts(values), _) => values.push(None),
            (Self::Numbers(values), _) => values.push(None),
            (Self::Flags(values), _) => values.push(None),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Texts(_) => "TEXT",
            Self::Numbers(_) => "BIGINT",
            Self::Flags(_) => "BOOLEAN",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_a_parameter_a_column_however_many_rows_there_are() {
        let values = RowValues::new("INSERT INTO t (a, b, c) ", 2, 3, " ON CONFLICT DO NOTHING");
        let values = values.begin_row().bind("x").bind(1_i64).bind(true);
        let values = values.begin_row().bind("y").bind(2_i64).bind(false);
        assert_eq!(
            values.sql(),
            "INSERT INTO t (a, b, c) SELECT * FROM UNNEST($1::TEXT[], $2::BIGINT[], $3::BOOLEAN[]) \
             ON CONFLICT DO NOTHING"
        );
    }
}
