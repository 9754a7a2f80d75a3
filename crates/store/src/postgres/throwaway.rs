//! A temporary schema for a registry, in a database that may contain anything else.

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::{Address, dialect};
use crate::Result;

/// A temporary schema, which exists until [`ThrowawaySchema::remove`] is called. If it is never called, the schema
/// remains.
#[derive(Debug)]
pub struct ThrowawaySchema {
    database: Address,
    name: String,
}

impl ThrowawaySchema {
    /// Creates the schema, under a unique name that begins with `prefix`.
    pub async fn make(database: &Address, prefix: &str) -> Result<Self> {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros();
        let made = Self { database: database.clone(), name: format!("{prefix}_{since}") };
        made.run(format!("CREATE SCHEMA {}", made.name)).await?;
        Ok(made)
    }

    /// The name of the schema.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The database's address with this schema selected.
    pub fn address(&self) -> Address {
        self.database.in_schema(&self.name)
    }

    /// Removes the schema with everything in it.
    pub async fn remove(self) -> Result<()> {
        self.run(format!("DROP SCHEMA {} CASCADE", self.name)).await
    }

    async fn run(&self, sql: String) -> Result<()> {
        let connecting = self.database.options().application_name("bucketry");
        let mut connection = connecting.connect().await.map_err(dialect::error)?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map_err(dialect::error)?;
        connection.close().await.map_err(dialect::error)
    }
}
