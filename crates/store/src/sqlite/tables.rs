//! The tables of the registry, read from the schema, so that a new table is moved without a change here.

use sqlx::migrate::Migrator;
use sqlx::query;

use super::SqliteStore;
use super::dialect::{self, Row};
use crate::transfer::{Column, Kind, StoredTable};
use crate::{Result, Store as _, StoreError};

/// The tables of a database to which only these migrations were applied.
pub(crate) async fn tables_of(migrations: &Migrator) -> Result<Vec<StoredTable>> {
    let store = SqliteStore::in_memory(migrations).await?;
    let tables = store.tables().await;
    store.close().await;
    tables
}

fn text(row: &Row, column: &str) -> Result<String> {
    use sqlx::Row as _;
    row.try_get(column).map_err(dialect::error)
}

impl SqliteStore {
    /// All tables with data, each after those that it refers to. What the migrations record about the schema isn't moved.
    pub async fn tables(&self) -> Result<Vec<StoredTable>> {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' \
                   AND name NOT IN ('_sqlx_migrations', 'schema_compatibility', 'unfinished_transfer') ORDER BY name";
        let mut waiting = Vec::new();
        for row in self.select(query(sql)).await? {
            let name = text(&row, "name")?;
            let referred = self.referred_by(&name).await?;
            waiting.push((self.table(name).await?, referred));
        }
        let mut ordered: Vec<StoredTable> = Vec::new();
        while !waiting.is_empty() {
            let is_there = |name: &String| ordered.iter().any(|table| table.name == *name);
            let next = waiting
                .iter()
                .position(|(table, referred)| {
                    referred.iter().all(|name| *name == table.name || is_there(name))
                })
                .ok_or_else(|| StoreError::Schema("tables refer to each other in a cycle".to_owned()))?;
            ordered.push(waiting.remove(next).0);
        }
        Ok(ordered)
    }

    async fn table(&self, name: String) -> Result<StoredTable> {
        use sqlx::Row as _;
        let sql = "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY pk = 0, pk, cid";
        let (mut columns, mut key) = (Vec::new(), 0);
        for row in self.select(query(sql).bind(name.as_str())).await? {
            let kind = match text(&row, "type")?.as_str() {
                "TEXT" => Kind::Text,
                "BIGINT" | "INTEGER" => Kind::Number,
                "BOOLEAN" => Kind::Flag,
                other => {
                    return Err(StoreError::Schema(format!("table {name} has a column of type {other}")));
                }
            };
            columns.push(Column { name: text(&row, "name")?, kind });
            key += usize::from(row.try_get::<i64, _>("pk").map_err(dialect::error)? > 0);
        }
        Ok(StoredTable { name, columns, key })
    }

    async fn referred_by(&self, name: &str) -> Result<Vec<String>> {
        let sql = "SELECT DISTINCT \"table\" AS name FROM pragma_foreign_key_list($1)";
        let rows = self.select(query(sql).bind(name)).await?;
        rows.iter().map(|row| text(row, "name")).collect()
    }

    async fn select(&self, query: dialect::Query<'_>) -> Result<Vec<Row>> {
        query.fetch_all(&self.readers).await.map_err(dialect::error)
    }
}
