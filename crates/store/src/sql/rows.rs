//! Writing many rows with few statements.

use super::dialect::RowValues;
use super::statement::Write;
use crate::Result;

/// A statement that takes several rows: `before`, the rows with `columns` values each, `after`.
pub(super) struct Rows<'a> {
    pub(super) before: &'a str,
    pub(super) columns: usize,
    pub(super) after: &'a str,
}

impl Write {
    /// Runs a statement over many rows, in their order. Returns how many rows it changed.
    pub(super) async fn insert_rows<T>(
        &mut self,
        rows: &Rows<'_>,
        values: &[T],
        bind: impl Fn(RowValues, &T) -> RowValues,
    ) -> Result<u64> {
        let mut changed = 0;
        let mut rest = values;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(RowValues::rows_of_next(rest.len(), rows.columns));
            let all = RowValues::new(rows.before, now.len(), rows.columns, rows.after);
            let all = now.iter().fold(all, |all, value| bind(all.begin_row(), value));
            changed += self.execute(all.query()).await?;
            rest = later;
        }
        Ok(changed)
    }
}
