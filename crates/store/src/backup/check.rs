//! Reads a whole backup before anything is restored from it.

use std::collections::BTreeMap;
use std::path::Path;

use super::line::{BackupHeader, RegistryInfo, SealedKeys};
use super::reader::{BackupItem, BackupReader};
use super::{BackupError, tables_of};
use crate::transfer::{Cell, StoredTable};

/// How a sealed secret begins.
const SEALED: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
/// How a column with the fingerprint of a secret's recipients is called, or its name ends.
const SEALED_TO: &str = "sealed_to";
/// The largest number of sets of recipients of which a sample is remembered.
const MOST_SAMPLES: usize = 1_000;
/// The largest number of files of a spool.
const MOST_SPOOL_FILES: usize = 10_000;

/// A complete, unchanged backup.
pub struct CheckedBackup {
    /// The first line.
    pub header: BackupHeader,
    /// The engine and the schema.
    pub registry: RegistryInfo,
    /// The key files, if the backup contains them.
    pub keys: Option<SealedKeys>,
    /// The names of the files of the spool.
    pub spool: Vec<String>,
    /// The number of rows of all tables.
    pub rows: u64,
    /// For each set of recipients, one of the secrets that are sealed to it.
    pub secrets: Vec<SealedSample>,
    /// The checksum of the file.
    pub sha256: String,
    pub(super) reader: BackupReader,
}

impl std::fmt::Debug for CheckedBackup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedBackup")
            .field("header", &self.header)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl CheckedBackup {
    /// The tables of the registry.
    pub fn tables(&self) -> &[StoredTable] {
        self.reader.tables()
    }
}

/// One of the secrets that are sealed to the same recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSample {
    /// The number of these secrets.
    pub count: u64,
    /// The sealed text of one of them.
    pub sealed: String,
}

/// Reads a backup to its end. Fails unless it is complete, unchanged, and of a version that this program can restore.
/// `progress` gets the number of rows from time to time.
pub async fn check(path: &Path, mut progress: impl FnMut(u64)) -> Result<CheckedBackup, BackupError> {
    let (mut reader, header) = BackupReader::open(path)?;
    let (mut registry, mut keys, mut spool) = (None, None, Vec::<String>::new());
    let mut samples = BTreeMap::<String, SealedSample>::new();
    while let Some(item) = reader.next_item()? {
        match item {
            BackupItem::Spool { file, .. } if registry.is_none() => {
                if spool.last() != Some(&file) {
                    spool.push(file);
                }
                if spool.len() > MOST_SPOOL_FILES {
                    return Err(reader.damaged("there are too many files of the spool"));
                }
            }
            BackupItem::Registry(info) if registry.is_none() => {
                // The reader has refused migrations that this version doesn't know.
                reader.expect(tables_of(&info.migrations).await?.unwrap_or_default());
                registry = Some(info);
            }
            BackupItem::Keys(sealed) if registry.is_some() && keys.is_none() => keys = Some(sealed),
            BackupItem::Table => {}
            BackupItem::Row(row) => {
                if let Some(table) = reader.table() {
                    sample(&mut samples, table, &row);
                }
                if reader.rows().is_multiple_of(10_000) {
                    progress(reader.rows());
                }
            }
            _ => return Err(reader.damaged("it is not expected there")),
        }
    }
    let Some((registry, sha256)) = registry.zip(reader.sha256().map(str::to_owned)) else {
        return Err(reader.damaged("the registry is missing"));
    };
    let secrets = samples.into_values().collect();
    let rows = reader.rows();
    Ok(CheckedBackup { header, registry, keys, spool, rows, secrets, sha256, reader })
}

/// Remembers the secret of a row, if it is the first one that is sealed to its recipients.
fn sample(samples: &mut BTreeMap<String, SealedSample>, table: &StoredTable, row: &[Cell]) {
    let sealed_to = table.columns.iter().position(|column| column.name.ends_with(SEALED_TO));
    let Some(Cell::Text(Some(sealed_to))) = sealed_to.and_then(|index| row.get(index)) else { return };
    let sealed = row.iter().find_map(|cell| match cell {
        Cell::Text(Some(text)) if text.starts_with(SEALED) => Some(text),
        _ => None,
    });
    let Some(sealed) = sealed else { return };
    if let Some(known) = samples.get_mut(sealed_to) {
        known.count += 1;
    } else if samples.len() < MOST_SAMPLES {
        samples.insert(sealed_to.clone(), SealedSample { count: 1, sealed: sealed.clone() });
    }
}
