//! The lines of a backup, and how rows are written.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::transfer::{Cell, Column, Kind, StoredTable};

/// The version of the format that this program writes, and the newest that it reads.
pub(super) const FORMAT: u64 = 1;

/// The longest line: a row with several of the longest values.
pub(super) const MAX_LINE_BYTES: u64 = 64 << 20;

/// The first line of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupHeader {
    /// The version of the format.
    pub format: u64,
    /// The version of the program that made the backup.
    pub program: String,
    /// When the backup began.
    pub began_at: Timestamp,
    /// A unique text. The key files in the backup are bound to it.
    pub id: String,
}

impl BackupHeader {
    /// The header of a new backup. `id` must be unique.
    pub fn new(began_at: Timestamp, id: String) -> Self {
        Self { format: FORMAT, program: env!("CARGO_PKG_VERSION").to_owned(), began_at, id }
    }
}

/// Where the registry was, and which schema it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryInfo {
    /// The engine: `sqlite` or `postgresql`. A backup can be restored to either.
    pub engine: String,
    /// The descriptions of the migrations that made the schema, oldest first.
    pub migrations: Vec<String>,
}

/// Key files, encrypted to the recipients of backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedKeys {
    /// The names of the files.
    pub files: Vec<String>,
    /// The public keys whose private keys open them.
    pub recipients: Vec<String>,
    /// The encrypted files: an age file in ASCII armor.
    pub sealed: String,
}

/// A part of a file of the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpoolPart {
    pub(super) file: String,
    /// Base64.
    pub(super) data: String,
}

/// The beginning of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableLine {
    name: String,
    /// The name and the type of each column, in the order of the values in each row.
    columns: Vec<(String, ColumnType)>,
    /// How many columns form the primary key.
    key: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ColumnType {
    Text,
    Number,
    Flag,
}

impl TableLine {
    pub(super) fn of(table: &StoredTable) -> Self {
        let column = |column: &Column| {
            let kind = match column.kind {
                Kind::Text => ColumnType::Text,
                Kind::Number => ColumnType::Number,
                Kind::Flag => ColumnType::Flag,
            };
            (column.name.clone(), kind)
        };
        Self { name: table.name.clone(), columns: table.columns.iter().map(column).collect(), key: table.key }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndLine {
    pub(super) rows: u64,
    pub(super) sha256: String,
}

/// Any line but a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BackupLine {
    Backup(BackupHeader),
    Spool(SpoolPart),
    Registry(RegistryInfo),
    Keys(SealedKeys),
    Table(TableLine),
    End(EndLine),
}

/// Appends a row as a line.
pub(super) fn write_row(out: &mut Vec<u8>, row: &[Cell]) -> serde_json::Result<()> {
    for (index, cell) in row.iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        match cell {
            Cell::Text(text) => serde_json::to_writer(&mut *out, text)?,
            Cell::Number(number) => serde_json::to_writer(&mut *out, number)?,
            Cell::Flag(flag) => serde_json::to_writer(&mut *out, flag)?,
        }
    }
    out.extend_from_slice(b"]\n");
    Ok(())
}

/// Reads a row of a table. `None` if it isn't one.
pub(super) fn read_row(line: &[u8], table: &StoredTable) -> Option<Vec<Cell>> {
    let values: Vec<Value> = serde_json::from_slice(line).ok()?;
    if values.len() != table.columns.len() {
        return None;
    }
    let read = |(value, column): (Value, &Column)| match (column.kind, value) {
        (Kind::Text, Value::Null) => Some(Cell::Text(None)),
        (Kind::Text, Value::String(text)) => Some(Cell::Text(Some(text))),
        (Kind::Number, Value::Null) => Some(Cell::Number(None)),
        (Kind::Number, Value::Number(number)) => Some(Cell::Number(Some(number.as_i64()?))),
        (Kind::Flag, Value::Null) => Some(Cell::Flag(None)),
        (Kind::Flag, Value::Bool(flag)) => Some(Cell::Flag(Some(flag))),
        _ => None,
    };
    values.into_iter().zip(&table.columns).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_one_of_another_table_does_not() {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let columns = vec![column("a", Kind::Text), column("b", Kind::Number), column("c", Kind::Flag)];
        let table = StoredTable { name: "t".to_owned(), columns, key: 1 };
        for row in [
            vec![Cell::from("x\n\"é"), Cell::from(i64::MIN), Cell::from(true)],
            vec![Cell::Text(None), Cell::Number(None), Cell::Flag(None)],
        ] {
            let mut line = Vec::new();
            write_row(&mut line, &row).unwrap();
            assert_eq!(line.split(|byte| *byte == b'\n').count(), 2, "a row is one line");
            assert_eq!(read_row(&line, &table), Some(row));
        }
        for wrong in [
            "[]",
            "[\"x\",1]",
            "[1,1,true]",
            "[\"x\",1.5,true]",
            "[\"x\",1,\"true\"]",
            "{}",
            "[\"x\",1,true,1]",
        ] {
            assert_eq!(read_row(wrong.as_bytes(), &table), None, "{wrong}");
        }
    }
}
