//! Moving a whole registry from one engine to another: table by table, in batches that can be taken up again.
//!
//! Each batch is stored with the place where it ended, in one transaction: what is killed in between goes on there. Until
//! [`Target::end_transfer`] the target is marked as unfinished.

use async_trait::async_trait;
use futures_util::future::try_join;

use crate::Result;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cell {
    /// A text, or none.
    Text(Option<String>),
    /// A number, or none.
    Number(Option<i64>),
    /// A flag, or none.
    Flag(Option<bool>),
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<Option<&str>> for Cell {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for Cell {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Flag(Some(flag))
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// A table of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, those of the primary key first and in its order.
    pub columns: Vec<Column>,
    /// How many of them make the primary key.
    pub key: usize,
}

/// How far a table has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransferCursor {
    /// The key of the last row that was stored.
    pub after: Option<Vec<Cell>>,
    /// How many rows were stored.
    pub rows: u64,
}

/// How many rows there are, and a number that they give, in whatever order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// How many.
    pub rows: u64,
    /// The sum of the hashes of all rows.
    pub sum: u64,
}

impl Digest {
    /// Adds rows.
    pub fn add(&mut self, rows: &[Vec<Cell>]) {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        for row in rows {
            // With fixed keys: the same in every run of the same program, and only there are two compared.
            let mut hasher = DefaultHasher::new();
            row.hash(&mut hasher);
            self.sum = self.sum.wrapping_add(hasher.finish());
            self.rows += 1;
        }
    }
}

/// What both sides of a transfer can do.
#[async_trait]
pub trait Source: Send + Sync {
    /// Whether nobody else can have written since it was opened for the transfer.
    async fn is_undisturbed(&self) -> bool;

    /// How many rows a table has.
    async fn count_rows(&self, table: &Table) -> Result<u64>;

    /// The rows after that key, in the order of the key, and at most so many.
    async fn rows_after(&self, table: &Table, after: Option<&[Cell]>, limit: u32) -> Result<Vec<Vec<Cell>>>;
}

/// Where a registry is moved to.
#[async_trait]
pub trait Target: Source {
    /// Whether a transfer into this database was begun and not ended.
    async fn unfinished_transfer(&self) -> Result<bool>;

    /// Begins a transfer into an empty registry, or takes up the one that was begun. False where the registry holds
    /// something of its own.
    async fn begin_transfer(&self, tables: &[Table]) -> Result<bool>;

    /// How far a table has come.
    async fn transfer_cursor(&self, table: &Table) -> Result<TransferCursor>;

    /// Stores rows and the place after them.
    async fn put_rows(
        &self,
        table: &Table,
        rows: &[Vec<Cell>],
        transfer_cursor: &TransferCursor,
    ) -> Result<()>;

    /// Ends the transfer: the registry can be used.
    async fn end_transfer(&self) -> Result<()>;
}

/// Rows of a batch.
const BATCH: u32 = 2_000;

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// Everything is in the target, as the comparison of all rows says.
    Whole {
        /// How many rows.
        rows: u64,
    },
    /// The target holds something of its own: nothing was changed.
    TargetInUse,
    /// A connection that kept servers away was lost, so that one may have written. The target stays marked as unfinished.
    Disturbed,
    /// This table has other rows in the target than in the source: one of both was changed meanwhile. The target stays
    /// marked as unfinished.
    Different {
        /// The table's name.
        table: String,
    },
}

/// What is being done to a table, and how many rows it was done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Rows are moved.
    Moving,
    /// Rows of both sides are compared.
    Comparing,
}

/// Moves all rows of these tables and compares both sides. Nothing may use either meanwhile. Where it is dropped or
/// killed, the next call goes on.
pub async fn run(
    from: &dyn Source,
    to: &dyn Target,
    tables: &[Table],
    mut progress: impl FnMut(Step, &Table, u64),
) -> Result<Moved> {
    if !to.begin_transfer(tables).await? {
        return Ok(Moved::TargetInUse);
    }
    for table in tables {
        let mut transfer_cursor = to.transfer_cursor(table).await?;
        let mut rows = from.rows_after(table, transfer_cursor.after.as_deref(), BATCH).await?;
        loop {
            progress(Step::Moving, table, transfer_cursor.rows);
            let Some(last) = rows.last() else { break };
            transfer_cursor.after = Some(last[..table.key].to_vec());
            transfer_cursor.rows += rows.len() as u64;
            // The next ones are read while these are stored.
            let next = from.rows_after(table, transfer_cursor.after.as_deref(), BATCH);
            ((), rows) = try_join(to.put_rows(table, &rows, &transfer_cursor), next).await?;
        }
    }
    let mut moved = 0;
    for table in tables {
        let there = digest(from, table, |_| ());
        let here = digest(to, table, |rows| progress(Step::Comparing, table, rows));
        let (there, here) = try_join(there, here).await?;
        if there != here {
            return Ok(Moved::Different { table: table.name.clone() });
        }
        moved += here.rows;
    }
    if !from.is_undisturbed().await || !to.is_undisturbed().await {
        return Ok(Moved::Disturbed);
    }
    to.end_transfer().await?;
    Ok(Moved::Whole { rows: moved })
}

async fn digest<S: Source + ?Sized>(of: &S, table: &Table, mut progress: impl FnMut(u64)) -> Result<Digest> {
    let mut digest = Digest::default();
    let mut after: Option<Vec<Cell>> = None;
    loop {
        progress(digest.rows);
        let rows = of.rows_after(table, after.as_deref(), BATCH).await?;
        let Some(last) = rows.last() else { return Ok(digest) };
        after = Some(last[..table.key].to_vec());
        digest.add(&rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_the_rows_and_not_on_their_order() {
        let row = |text: &str| vec![Cell::Text(Some(text.to_owned())), Cell::Number(None)];
        let digest = |rows: &[Vec<Cell>]| {
            let mut digest = Digest::default();
            digest.add(rows);
            digest
        };
        assert_eq!(digest(&[row("a"), row("b")]), digest(&[row("b"), row("a")]));
        assert_ne!(digest(&[row("a"), row("b")]), digest(&[row("a"), row("a")]));
    }
}
