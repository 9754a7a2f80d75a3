//! The schema of a database, compared with that of this version.
//!
//! **Several versions on one database.** While servers are upgraded one after the other, older ones find migrations that they
//! don't know. They can work with such a schema if the table `schema_compatibility` says so.

use sqlx::migrate::{AppliedMigration, MigrateError, Migrator};
use sqlx::{Row as _, query};

use super::dialect::{self, Connection};
use crate::{Result, StoreError, migrations};

/// Which schemas a caller can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum AcceptedSchema {
    /// This version's own, and those of newer versions that this one can work with.
    Compatible,
    /// Only this version's own. A caller that copies everything must know all tables.
    Own,
}

/// Applies the migrations that a schema lacks. Leaves an accepted newer schema as it is.
///
/// Use the connection for nothing else that waits: if the schema is newer, it holds the lock on migrations until it is closed.
pub(in super::super) async fn migrate(
    connection: &mut Connection,
    known: &Migrator,
    accepted: AcceptedSchema,
) -> Result<()> {
    // `run` would make futures that can't be sent to another thread.
    match known.run_direct(None, &mut *connection, false).await {
        Err(MigrateError::VersionMissing(_)) if accepted == AcceptedSchema::Compatible => {
            let newest = accept_newer(connection, known).await?;
            tracing::warn!(
                migration = newest,
                "a newer version of Bucketry has upgraded the database; this version can work with it, but upgrade it soon"
            );
            Ok(())
        }
        migrated => migrated.map_err(schema_error),
    }
}

/// Checks that this version can work with a schema that has more migrations than it knows. Returns the newest one.
pub(in super::super) async fn accept_newer(connection: &mut Connection, known: &Migrator) -> Result<i64> {
    let sql = "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
    let rows = query(sql).fetch_all(&mut *connection).await.map_err(dialect::error)?;
    let mut applied = Vec::with_capacity(rows.len());
    for row in rows {
        let checksum: Vec<u8> = row.try_get(1).map_err(dialect::error)?;
        let version = row.try_get(0).map_err(dialect::error)?;
        applied.push(AppliedMigration { version, checksum: checksum.into() });
    }
    let newest = migrations::newest_after(known, &applied).map_err(schema_error)?;
    check_compatible(connection, newest, newest_of(known)).await?;
    Ok(newest)
}

/// Checks that a program whose newest migration is `known` can work with a schema whose newest migration is `applied`.
pub(in super::super) async fn check_compatible(
    connection: &mut Connection,
    applied: i64,
    known: i64,
) -> Result<()> {
    let sql = "SELECT oldest_program FROM schema_compatibility WHERE id = 1";
    let row = query(sql).fetch_optional(connection).await.map_err(dialect::error)?;
    let oldest: Option<i64> = row.map(|row| row.try_get(0)).transpose().map_err(dialect::error)?;
    match oldest {
        Some(oldest) if oldest <= known => Ok(()),
        _ => Err(StoreError::Outdated(applied)),
    }
}

/// The newest applied migration; `None` if the database is new.
pub(in super::super) async fn newest_migration(connection: &mut Connection) -> Result<Option<i64>> {
    let migrated = query(dialect::FIND_MIGRATIONS).fetch_optional(&mut *connection).await;
    if migrated.map_err(dialect::error)?.is_none() {
        return Ok(None);
    }
    let newest = query("SELECT MAX(version) FROM _sqlx_migrations WHERE success").fetch_one(connection).await;
    newest.and_then(|row| row.try_get(0)).map_err(dialect::error)
}

/// The newest migration that a program knows.
pub(in super::super) fn newest_of(known: &Migrator) -> i64 {
    known.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// An older backup was restored into a database that servers use.
pub(in super::super) fn older(applied: i64, known: i64) -> StoreError {
    StoreError::Schema(format!(
        "it was restored to migration {applied} while in use, but this version needs {known}; restart the server"
    ))
}

fn schema_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => StoreError::Outdated(version),
        MigrateError::VersionMismatch(version) => StoreError::Schema(format!(
            "migration {version} was applied in another form than in this version; run the version of Bucketry \
             that made the database, or restore a backup"
        )),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => dialect::error(error),
        other => StoreError::Schema(other.to_string()),
    }
}
