//! Reading all tables as they were at one moment.

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::{AssertSqlSafe, Connection as _, query};

use super::columns::Columns;
use super::dialect::{self, Connection};
use super::transfer::{cells, names};
use crate::registry_copy::BackupSource;
use crate::transfer::{Cell, StoredTable};
use crate::{Result, StoreError};

/// A connection that reads a snapshot.
pub(in super::super) struct SqlSnapshot {
    connection: Connection,
    began: bool,
}

impl SqlSnapshot {
    pub(in super::super) fn over(connection: Connection) -> Self {
        Self { connection, began: false }
    }

    async fn run(&mut self, sql: &'static str) -> Result<()> {
        query(sql).execute(&mut self.connection).await.map(drop).map_err(dialect::error)
    }

    async fn finds(&mut self, sql: &'static str) -> Result<bool> {
        let row = query(sql).fetch_optional(&mut self.connection).await.map_err(dialect::error)?;
        Ok(row.is_some())
    }
}

#[async_trait]
impl BackupSource for SqlSnapshot {
    fn engine(&self) -> &'static str {
        dialect::ENGINE
    }

    async fn begin(&mut self) -> Result<Vec<String>> {
        if std::mem::take(&mut self.began) {
            self.run("ROLLBACK").await?;
        }
        for statement in dialect::BEGIN_SNAPSHOT {
            self.run(statement).await?;
        }
        self.began = true;
        // The first read decides which moment the snapshot shows.
        if !self.finds(dialect::FIND_MIGRATIONS).await? {
            return Err(StoreError::Schema("it contains no registry of Bucketry".to_owned()));
        }
        let sql = "SELECT description FROM _sqlx_migrations WHERE success ORDER BY version";
        let rows = query(sql).fetch_all(&mut self.connection).await.map_err(dialect::error)?;
        rows.iter().map(|row| Columns::of(row).text()).collect()
    }

    async fn is_unfinished(&mut self) -> Result<bool> {
        self.finds(dialect::FIND_TRANSFER).await
    }

    fn rows<'a>(&'a mut self, table: &'a StoredTable) -> BoxStream<'a, Result<Vec<Cell>>> {
        let sql = AssertSqlSafe(format!("SELECT {} FROM {}", names(table), table.name));
        let rows = query(sql).fetch(&mut self.connection);
        rows.map(move |row| cells(table, &row.map_err(dialect::error)?)).boxed()
    }

    async fn close(self: Box<Self>) {
        // The snapshot ends with the connection, even if it can't be closed in an orderly way.
        drop(self.connection.close().await);
    }
}
