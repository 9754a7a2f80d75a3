//! Reads a backup line by line, and finds out whether it is complete and unchanged.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_model::hex;
use ring::digest::{Context, SHA256};
use serde_json::Value;

use super::BackupError;
use super::line::{
    BackupHeader, BackupLine, EndLine, FORMAT, MAX_LINE_BYTES, RegistryInfo, SealedKeys, TableLine, read_row,
};
use super::schema::newer_than_this;
use crate::transfer::{Cell, StoredTable};

type Result<T> = std::result::Result<T, BackupError>;

/// How the file of a SQLite database begins.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// One line of a backup.
#[derive(Debug)]
pub(super) enum BackupItem {
    /// A part of a file of the spool.
    Spool { file: String, data: Vec<u8> },
    /// The engine and the schema.
    Registry(RegistryInfo),
    /// The key files.
    Keys(SealedKeys),
    /// The beginning of the next of the tables.
    Table,
    /// A row of that table.
    Row(Vec<Cell>),
}

/// Reads a backup from its beginning to its end.
pub(super) struct BackupReader {
    path: PathBuf,
    input: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    hash: Context,
    rows: u64,
    /// Of the schema, in the order of the backup; empty before the line about the registry.
    tables: Vec<StoredTable>,
    /// How many tables have begun.
    begun: usize,
    sha256: Option<String>,
}

impl BackupReader {
    /// Opens a backup and reads its first line.
    pub(super) fn open(path: &Path) -> Result<(Self, BackupHeader)> {
        let opened = File::open(path).map_err(|error| BackupError::read(path, error))?;
        let mut reader = Self {
            path: path.to_owned(),
            input: BufReader::with_capacity(256 << 10, opened),
            line: Vec::new(),
            number: 0,
            hash: Context::new(&SHA256),
            rows: 0,
            tables: Vec::new(),
            begun: 0,
            sha256: None,
        };
        let header = reader.header()?;
        Ok((reader, header))
    }

    /// Reads the same file again.
    pub(super) fn again(self) -> Result<Self> {
        let mut input = self.input;
        input.rewind().map_err(|error| BackupError::read(&self.path, error))?;
        let mut reader =
            Self { input, number: 0, hash: Context::new(&SHA256), rows: 0, begun: 0, sha256: None, ..self };
        reader.header()?;
        Ok(reader)
    }

    /// Sets the tables that the registry must have, which the caller knows once it has got its migrations.
    pub(super) fn expect(&mut self, tables: Vec<StoredTable>) {
        self.tables = tables;
    }

    /// The tables that the registry must have.
    pub(super) fn tables(&self) -> &[StoredTable] {
        &self.tables
    }

    /// The table that the last row belongs to.
    pub(super) fn table(&self) -> Option<&StoredTable> {
        self.tables.get(self.begun.checked_sub(1)?)
    }

    /// The number of rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The checksum of the file, once it was read to its end.
    pub(super) fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// The next line. `None` at the end of a complete backup whose checksum is right.
    pub(super) fn next_item(&mut self) -> Result<Option<BackupItem>> {
        if !self.read_line()? {
            return Err(BackupError::Truncated(self.path.clone()));
        }
        if self.line.first() == Some(&b'[') {
            return self.row().map(Some);
        }
        match serde_json::from_slice(&self.line) {
            Ok(BackupLine::End(end)) => self.end(&end).map(|()| None),
            Ok(line) => {
                self.hash.update(&self.line);
                self.item(line).map(Some)
            }
            Err(_) => Err(self.damaged("it can't be read")),
        }
    }

    /// An error about the line that was read last.
    pub(super) fn damaged(&self, what: &str) -> BackupError {
        BackupError::Damaged { path: self.path.clone(), what: format!("line {}: {what}", self.number) }
    }

    /// An error about a file that isn't what it was when it was checked.
    pub(super) fn changed(&self) -> BackupError {
        BackupError::Changed(self.path.clone())
    }

    fn header(&mut self) -> Result<BackupHeader> {
        if !self.read_line()? || self.line.starts_with(SQLITE) {
            return Err(BackupError::NotABackup(self.path.clone()));
        }
        let value: Value =
            serde_json::from_slice(&self.line).map_err(|_| BackupError::NotABackup(self.path.clone()))?;
        let Some(format) = value["backup"]["format"].as_u64() else {
            return Err(BackupError::NotABackup(self.path.clone()));
        };
        if format > FORMAT {
            let what = format!("format {format}; this version reads formats up to {FORMAT}");
            return Err(BackupError::Newer { path: self.path.clone(), what });
        }
        match serde_json::from_value(value) {
            Ok(BackupLine::Backup(header)) => {
                self.hash.update(&self.line);
                Ok(header)
            }
            _ => Err(self.damaged("it is not a header")),
        }
    }

    fn row(&mut self) -> Result<BackupItem> {
        let Some(table) = self.table() else { return Err(self.damaged("a row without a table")) };
        let Some(row) = read_row(&self.line, table) else {
            return Err(self.damaged(&format!("it is not a row of the table {}", table.name)));
        };
        self.hash.update(&self.line);
        self.rows += 1;
        Ok(BackupItem::Row(row))
    }

    fn item(&mut self, line: BackupLine) -> Result<BackupItem> {
        match line {
            BackupLine::Spool(part) => match STANDARD.decode(&part.data) {
                Ok(data) => Ok(BackupItem::Spool { file: part.file, data }),
                Err(_) => Err(self.damaged("it is not a part of a file")),
            },
            BackupLine::Registry(info) => match newer_than_this(&info.migrations) {
                Some(newer) => {
                    let what = format!("its schema has the migration `{newer}`");
                    Err(BackupError::Newer { path: self.path.clone(), what })
                }
                None => Ok(BackupItem::Registry(info)),
            },
            BackupLine::Keys(keys) => Ok(BackupItem::Keys(keys)),
            BackupLine::Table(table) => match self.tables.get(self.begun) {
                Some(expected) if TableLine::of(expected) == table => {
                    self.begun += 1;
                    Ok(BackupItem::Table)
                }
                _ => Err(self.damaged(&format!("the table {} is not expected there", table.name()))),
            },
            BackupLine::Backup(_) | BackupLine::End(_) => Err(self.damaged("it is not expected there")),
        }
    }

    fn end(&mut self, end: &EndLine) -> Result<()> {
        let sha256 = hex::encode(self.hash.clone().finish().as_ref());
        // The line isn't part of the checksum, so it has to be exactly what the writer writes.
        let written = serde_json::to_vec(&BackupLine::End(end.clone())).unwrap_or_default();
        if end.sha256 != sha256 || self.line.strip_suffix(b"\n") != Some(&written) {
            return Err(self.damaged("the checksum of the file is wrong"));
        }
        if end.rows != self.rows || self.begun != self.tables.len() || self.tables.is_empty() {
            return Err(self.damaged("tables or rows are missing"));
        }
        if self.read_line()? {
            return Err(self.damaged("something follows the end"));
        }
        self.sha256 = Some(sha256);
        Ok(())
    }

    /// Reads a line. False at the end of the file.
    fn read_line(&mut self) -> Result<bool> {
        self.line.clear();
        let read = self.input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut self.line);
        let read = read.map_err(|error: io::Error| BackupError::read(&self.path, error))?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            return Ok(true);
        }
        // A file that begins otherwise is something else, not half of a backup.
        if self.number == 1 && !self.line.starts_with(b"{\"backup\":") {
            return Err(BackupError::NotABackup(self.path.clone()));
        }
        if read as u64 == MAX_LINE_BYTES {
            return Err(self.damaged("it is too long"));
        }
        Err(BackupError::Truncated(self.path.clone()))
    }
}
