//! Loads a backup into an empty registry.

use std::io;

use super::reader::BackupItem;
use super::{BackupError, CheckedBackup};
use crate::transfer::{Cell, StoredTable, Target, TransferCursor};

/// The largest number of rows in a transaction.
const MOST_ROWS: usize = 2_000;
/// The size of the texts in a transaction from which on it ends.
const ENOUGH_BYTES: usize = 4 << 20;

/// Stores all rows of a checked backup, and passes the parts of the spool's files to `spool`. The target must have begun a
/// restore of these tables. `progress` gets the number of rows that were stored.
pub async fn load(
    backup: CheckedBackup,
    to: &dyn Target,
    mut spool: impl FnMut(&str, &[u8]) -> io::Result<()>,
    mut progress: impl FnMut(u64),
) -> Result<(), BackupError> {
    let CheckedBackup { reader, sha256, .. } = backup;
    let mut reader = reader.again()?;
    let mut batch = LoadBatch::default();
    while let Some(item) = reader.next_item()? {
        match item {
            BackupItem::Spool { file, data } => {
                spool(&file, &data).map_err(|error| BackupError::write(file.as_ref(), error))?;
            }
            BackupItem::Table => batch.store(to).await?,
            BackupItem::Row(row) => {
                if batch.table.is_none() {
                    batch.table = reader.table().cloned();
                }
                batch.add(row);
                if batch.is_full() {
                    batch.store(to).await?;
                    progress(reader.rows());
                }
            }
            BackupItem::Registry(_) | BackupItem::Keys(_) => {}
        }
    }
    batch.store(to).await?;
    if reader.sha256() == Some(sha256.as_str()) { Ok(()) } else { Err(reader.changed()) }
}

/// Rows of one table.
#[derive(Default)]
struct LoadBatch {
    table: Option<StoredTable>,
    rows: Vec<Vec<Cell>>,
    bytes: usize,
    stored: u64,
}

impl LoadBatch {
    fn add(&mut self, row: Vec<Cell>) {
        let length = |cell: &Cell| match cell {
            Cell::Text(Some(text)) => text.len(),
            _ => 0,
        };
        self.bytes += row.iter().map(length).sum::<usize>();
        self.rows.push(row);
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= MOST_ROWS || self.bytes >= ENOUGH_BYTES
    }

    /// Stores the rows. The next one may belong to another table.
    async fn store(&mut self, to: &dyn Target) -> crate::Result<()> {
        let Some(table) = self.table.take() else { return Ok(()) };
        self.stored += self.rows.len() as u64;
        let cursor = TransferCursor { after: None, rows: self.stored };
        to.put_rows(&table, &self.rows, &cursor).await?;
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }
}
