//! Looks at a database before a server uses it for the first time.

use jiff::Timestamp;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::open::{Options, ReadOnly, reach, refuse_foreign, usable_migration, within};
use super::{Address, dialect};
use crate::{Result, StoreError};

/// A database that a server can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateDatabase {
    /// The version of PostgreSQL.
    pub version: String,
    /// The time at the server, a moment ago.
    pub time: Timestamp,
    /// Whether there is no registry in it yet.
    pub is_new: bool,
}

/// Checks whether a server can use the database at an address: that it can be reached, is recent enough and accepts
/// writes, that tables can be created in it, and that it contains nothing of another program or of a newer version that this
/// one can't work with. Changes nothing.
pub async fn candidate(address: &Address) -> Result<CandidateDatabase> {
    let options = Options { connections: 1, ..Options::default() };
    within(&options, look(address)).await
}

async fn look(address: &Address) -> Result<CandidateDatabase> {
    let connecting = address.options().application_name("bucketry");
    let version = reach(&connecting).await?;
    let mut connection = connecting.connect().await.map_err(dialect::error)?;
    let sql = "SELECT current_schema()::text, \
                      COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false), \
                      current_setting('transaction_read_only') = 'on', \
                      (extract(epoch FROM clock_timestamp()) * 1000)::int8";
    let row = sqlx::query(sql).fetch_one(&mut connection).await.map_err(dialect::error)?;
    let schema: Option<String> = row.try_get(0).map_err(dialect::error)?;
    let (may_create, is_read_only): (bool, bool) =
        (row.try_get(1).map_err(dialect::error)?, row.try_get(2).map_err(dialect::error)?);
    let milliseconds: i64 = row.try_get(3).map_err(dialect::error)?;
    let Some(schema) = schema else {
        return Err(StoreError::Schema("its schema doesn't exist: create it with CREATE SCHEMA".to_owned()));
    };
    if is_read_only {
        return Err(StoreError::ReadOnly(Box::new(ReadOnly)));
    }
    if !may_create {
        return Err(StoreError::Schema(format!(
            "the user may not create tables in its schema {schema}: make the user the owner of the database, or grant \
             CREATE on the schema"
        )));
    }
    refuse_foreign(&mut connection).await?;
    let newest = usable_migration(&mut connection).await?;
    connection.close().await.map_err(dialect::error)?;
    let time = Timestamp::from_millisecond(milliseconds)
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    Ok(CandidateDatabase { version, time, is_new: newest.is_none() })
}
