//! Moving a whole registry from one engine to another, table by table, in batches that can be resumed.
//!
//! Each batch is stored together with its end position, in one transaction, so a transfer that was killed continues
//! there. The target is marked as unfinished until [`Target::end_transfer`].

use async_trait::async_trait;
use futures_util::future::try_join;

use crate::Result;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A 64-bit integer.
    Number,
    /// A boolean.
    Flag,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cell {
    /// A text, or NULL.
    Text(Option<String>),
    /// An integer, or NULL.
    Number(Option<i64>),
    /// A boolean, or NULL.
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
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// A table of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTable {
    /// The name, the same in both engines.
    pub name: String,
    /// The columns. Those of the primary key come first, in the key's order.
    pub columns: Vec<Column>,
    /// How many columns form the primary key.
    pub key: usize,
}

/// How far the transfer of a table has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransferCursor {
    /// The primary key of the last row that was stored.
    pub after: Option<Vec<Cell>>,
    /// The number of rows that were stored.
    pub rows: u64,
}

/// The number of rows, and a checksum that doesn't depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// The number of rows.
    pub rows: u64,
    /// The sum of the hashes of all rows.
    pub sum: u64,
}

impl Digest {
    /// Adds rows to the digest.
    pub fn add(&mut self, rows: &[Vec<Cell>]) {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        for row in rows {
            // This hasher has fixed keys, so a row has the same hash on both sides. Digests are never compared
            // across program versions.
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
    /// Whether nobody else can have written since the store was opened for the transfer.
    async fn is_undisturbed(&self) -> bool;

    /// The number of rows in a table.
    async fn count_rows(&self, table: &StoredTable) -> Result<u64>;

    /// At most `limit` rows after a key, in the order of the key.
    async fn rows_after(
        &self,
        table: &StoredTable,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Vec<Cell>>>;
}

/// What fills a registry that isn't usable yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnfinishedTransfer {
    /// A move from another database, which continues where it was.
    Migration,
    /// A restore from a backup, which begins again.
    Restore,
}

/// The store that a registry is moved to.
#[async_trait]
pub trait Target: Source {
    /// What was begun in this database and not finished.
    async fn unfinished_transfer(&self) -> Result<Option<UnfinishedTransfer>>;

    /// Begins a transfer into an empty registry, or resumes the one that was begun. Returns false if the registry
    /// contains other data.
    async fn begin_transfer(&self, tables: &[StoredTable]) -> Result<bool>;

    /// Begins a restore from a backup into an empty registry. Removes what an unfinished restore has stored. Returns false
    /// if the registry contains other data.
    async fn begin_restore(&self, tables: &[StoredTable]) -> Result<bool>;

    /// How far the transfer of a table has come.
    async fn transfer_cursor(&self, table: &StoredTable) -> Result<TransferCursor>;

    /// Stores rows, and the position after them.
    async fn put_rows(
        &self,
        table: &StoredTable,
        rows: &[Vec<Cell>],
        transfer_cursor: &TransferCursor,
    ) -> Result<()>;

    /// Finishes the transfer. The registry can be used from then on.
    async fn end_transfer(&self) -> Result<()>;
}

/// The number of rows in a batch.
const BATCH: u32 = 2_000;

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// The target contains everything. All rows were compared.
    Whole {
        /// The number of rows that were moved.
        rows: u64,
    },
    /// The target contains other data. Nothing was changed.
    TargetInUse,
    /// The connection that kept servers away was lost, so a server may have written. The target stays marked as
    /// unfinished.
    Disturbed,
    /// The rows of a table differ between source and target, because one of them was changed in the meantime. The
    /// target stays marked as unfinished.
    Different {
        /// The name of the table.
        table: String,
    },
}

/// What is being done with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Rows are being copied.
    Moving,
    /// The rows of both sides are being compared.
    Comparing,
}

/// Moves all rows of these tables and compares both sides. Nothing else may use either side in the meantime. If
/// this is cancelled or killed, the next call continues.
pub async fn run(
    from: &dyn Source,
    to: &dyn Target,
    tables: &[StoredTable],
    mut progress: impl FnMut(Step, &StoredTable, u64),
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
            // The next batch is read while this one is stored.
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

async fn digest<S: Source + ?Sized>(
    of: &S,
    table: &StoredTable,
    mut progress: impl FnMut(u64),
) -> Result<Digest> {
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
