//! A schema for a registry that is thrown away, in a database that may hold anything else.

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::{Address, dialect};
use crate::Result;

/// A schema of one's own, until [`ThrowawaySchema::remove`]; where that is not reached, it stays behind.
#[derive(Debug)]
pub struct ThrowawaySchema {
    database: Address,
    name: String,
}

impl ThrowawaySchema {
    /// Makes it, under a name that nobody has.
    pub async fn make(database: &Address, prefix: &str) -> Result<Self> {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros();
        let made = Self { database: database.clone(), name: format!("{prefix}_{since}") };
        made.run(format!("CREATE SCHEMA {}", made.name)).await?;
        Ok(made)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The database's address, as it leads into the schema.
    pub fn address(&self) -> Address {
        self.database.in_schema(&self.name)
    }

    /// Removes it with all that is in it.
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
