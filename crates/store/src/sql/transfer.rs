//! Reading and writing whole tables, whatever they contain.

use async_trait::async_trait;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, query};

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{self, Query, Row};
use super::row_values::RowValues;
use super::statement::{Rows, Write};
use crate::transfer::{Cell, Kind, Source, StoredTable, Target, TransferCursor, UnfinishedTransfer};
use crate::{Result, StoreError};

pub(super) fn names(table: &StoredTable) -> String {
    table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn key_names(table: &StoredTable) -> String {
    table.columns.iter().take(table.key).map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn parameters(count: usize) -> String {
    (1..=count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

pub(super) fn cells(table: &StoredTable, row: &Row) -> Result<Vec<Cell>> {
    let mut columns = Columns::of(row);
    let read = |column: &crate::transfer::Column| {
        Ok(match column.kind {
            Kind::Text => Cell::Text(columns.optional_text()?),
            Kind::Number => Cell::Number(columns.optional_narrow()?),
            Kind::Flag => Cell::Flag(columns.optional_flag()?),
        })
    };
    table.columns.iter().map(read).collect()
}

fn bind<'q>(query: Query<'q>, cell: &Cell) -> Query<'q> {
    match cell {
        Cell::Text(text) => query.bind(text.clone()),
        Cell::Number(number) => query.bind(*number),
        Cell::Flag(flag) => query.bind(*flag),
    }
}

fn key_text(key: &[Cell]) -> String {
    let value = |cell: &Cell| match cell {
        Cell::Text(text) => json!(text),
        Cell::Number(number) => json!(number),
        Cell::Flag(flag) => json!(flag),
    };
    Value::from(key.iter().map(value).collect::<Vec<_>>()).to_string()
}

fn key_of(table: &StoredTable, text: &str) -> Result<Vec<Cell>> {
    let damaged = || StoreError::Damaged("column last_key".to_owned());
    let values: Vec<Value> = serde_json::from_str(text).map_err(|_| damaged())?;
    let read = |(value, column): (&Value, &crate::transfer::Column)| match column.kind {
        Kind::Text => Cell::Text(value.as_str().map(str::to_owned)),
        Kind::Number => Cell::Number(value.as_i64()),
        Kind::Flag => Cell::Flag(value.as_bool()),
    };
    Ok(values.iter().zip(table.columns.iter().take(table.key)).map(read).collect())
}

/// Instead of the name of a table: a restore from a backup was begun.
const RESTORE: &str = "(restore)";

/// Marks the registry as unfinished, if it is empty.
async fn begin(write: &mut Write, tables: &[StoredTable]) -> Result<bool> {
    for table in tables {
        // In a new registry this table has a row, which says that nothing has been removed yet.
        if table.name == "changes_purged" {
            write.execute(query("DELETE FROM changes_purged WHERE purged_through = 0")).await?;
        }
        let sql = AssertSqlSafe(format!("SELECT 1 FROM {} LIMIT 1", table.name));
        if write.finds(query(sql)).await? {
            return Ok(false);
        }
    }
    let make = "CREATE TABLE unfinished_transfer (name TEXT NOT NULL PRIMARY KEY, last_key TEXT, moved BIGINT NOT NULL)";
    write.execute(query(make)).await?;
    Ok(true)
}

#[async_trait]
impl Source for SqlStore {
    async fn is_undisturbed(&self) -> bool {
        self.is_claimed().await
    }

    async fn count_rows(&self, table: &StoredTable) -> Result<u64> {
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {}", table.name));
        self.row(query(sql)).await?.map_or(Ok(0), |row| Columns::of(&row).narrow())
    }

    async fn rows_after(
        &self,
        table: &StoredTable,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Vec<Cell>>> {
        let key = key_names(table);
        let transfer_cursor = match after {
            Some(_) => format!(" WHERE ({key}) > ({})", parameters(table.key)),
            None => String::new(),
        };
        let sql = format!(
            "SELECT {} FROM {}{transfer_cursor} ORDER BY {key} LIMIT {limit}",
            names(table),
            table.name
        );
        let mut select = query(AssertSqlSafe(sql));
        for cell in after.unwrap_or_default() {
            select = bind(select, cell);
        }
        self.rows(select).await?.iter().map(|row| cells(table, row)).collect()
    }
}

#[async_trait]
impl Target for SqlStore {
    async fn unfinished_transfer(&self) -> Result<Option<UnfinishedTransfer>> {
        if self.row(query(dialect::FIND_TRANSFER)).await?.is_none() {
            return Ok(None);
        }
        let sql = "SELECT 1 FROM unfinished_transfer WHERE name = $1";
        Ok(Some(match self.row(query(sql).bind(RESTORE)).await? {
            Some(_) => UnfinishedTransfer::Restore,
            None => UnfinishedTransfer::Migration,
        }))
    }

    async fn begin_transfer(&self, tables: &[StoredTable]) -> Result<bool> {
        match self.unfinished_transfer().await? {
            Some(UnfinishedTransfer::Migration) => return Ok(true),
            Some(UnfinishedTransfer::Restore) => return Ok(false),
            None => {}
        }
        let mut write = self.write().await?;
        let begun = begin(&mut write, tables).await?;
        write.commit_if(begun).await?;
        Ok(begun)
    }

    async fn begin_restore(&self, tables: &[StoredTable]) -> Result<bool> {
        let mut write = self.write().await?;
        match self.unfinished_transfer().await? {
            Some(UnfinishedTransfer::Migration) => return Ok(false),
            Some(UnfinishedTransfer::Restore) => {
                let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
                for statement in dialect::clear(&names) {
                    write.execute(query(AssertSqlSafe(statement))).await?;
                }
                write.execute(query("DELETE FROM unfinished_transfer")).await?;
            }
            None => {
                if !begin(&mut write, tables).await? {
                    return Ok(false);
                }
            }
        }
        let mark = "INSERT INTO unfinished_transfer (name, moved) VALUES ($1, 0)";
        write.execute(query(mark).bind(RESTORE)).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn transfer_cursor(&self, table: &StoredTable) -> Result<TransferCursor> {
        let sql = "SELECT last_key, moved FROM unfinished_transfer WHERE name = $1";
        let Some(row) = self.row(query(sql).bind(table.name.as_str())).await? else {
            return Ok(TransferCursor::default());
        };
        let mut columns = Columns::of(&row);
        let after = columns.optional_text()?.map(|text| key_of(table, &text)).transpose()?;
        Ok(TransferCursor { after, rows: columns.narrow()? })
    }

    async fn put_rows(
        &self,
        table: &StoredTable,
        rows: &[Vec<Cell>],
        transfer_cursor: &TransferCursor,
    ) -> Result<()> {
        let mut write = self.write().await?;
        let before = format!("INSERT INTO {} ({}) ", table.name, names(table));
        let statement = Rows { before: &before, columns: table.columns.len(), after: "" };
        write
            .insert_rows(&statement, rows, |values, row| row.iter().cloned().fold(values, RowValues::bind))
            .await?;
        let note = "INSERT INTO unfinished_transfer (name, last_key, moved) VALUES ($1, $2, $3) \
                    ON CONFLICT (name) DO UPDATE SET last_key = excluded.last_key, moved = excluded.moved";
        let note = query(note)
            .bind(table.name.as_str())
            .bind(transfer_cursor.after.as_deref().map(key_text))
            .bind(super::columns::stored(transfer_cursor.rows));
        write.execute(note).await?;
        write.commit().await
    }

    async fn end_transfer(&self) -> Result<()> {
        let mut write = self.write().await?;
        for statement in dialect::AFTER_TRANSFER {
            write.execute(query(*statement)).await?;
        }
        write.execute(query("DROP TABLE unfinished_transfer")).await?;
        write.commit().await
    }
}
