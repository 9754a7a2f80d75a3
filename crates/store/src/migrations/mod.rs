//! The migrations of both engines, embedded in the binary.
//!
//! `sqlx::migrate!` would embed them too. It needs the macros of sqlx, though, and those compile both drivers, and
//! SQLite itself, a second time for the compiler's own use.

#[cfg(test)]
mod compatibility;

use std::collections::HashMap;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{AppliedMigration, MigrateError, Migration, MigrationType, Migrator};

/// A migration's file: its name without `.sql`, and its text.
type File = (&'static str, &'static str);

macro_rules! files {
    ($folder:literal: $($name:literal,)+) => {
        &[$(($name, include_str!(concat!("../../migrations/", $folder, "/", $name, ".sql")))),+]
    };
}

const SQLITE: &[File] = files! {
    "sqlite":
    "0001_first_light",
    "0002_repositories",
    "0003_usage_series",
    "0004_credentials",
    "0005_numbered_series",
    "0006_sealing_keys",
    "0007_accounts",
    "0008_write_probe",
    "0009_reports_of_a_configuration",
    "0010_requests_by_token",
    "0011_status_events",
    "0012_audit",
    "0013_inventories",
    "0014_hours_and_filters",
    "0015_listings",
    "0018_node_silences",
    "0020_notifications",
    "0021_findings",
    "0022_backups",
    "0023_freshness",
    "0024_registrations",
    "0025_key_checks",
    "0026_deleted_nodes",
    "0027_jobs",
    "0028_leases",
    "0029_report_withdrawals",
    "0030_node_signatures",
    "0031_last_heartbeats",
    "0032_shared_limits",
    "0033_approved_nodes",
    "0034_bucket_pins",
    "0035_schema_compatibility",
};

const POSTGRES: &[File] = files! {
    "postgres":
    "0001_first_light",
    "0002_repositories",
    "0003_usage_series",
    "0004_credentials",
    "0005_room_for_updates",
    "0006_numbered_series",
    "0007_sealing_keys",
    "0008_accounts",
    "0009_write_probe",
    "0010_reports_of_a_configuration",
    "0011_requests_by_token",
    "0012_status_events",
    "0013_audit",
    "0014_inventories",
    "0015_hours_and_filters",
    "0016_listings",
    "0019_node_silences",
    "0021_notifications",
    "0022_findings",
    "0023_backups",
    "0024_freshness",
    "0025_registrations",
    "0026_key_checks",
    "0027_deleted_nodes",
    "0028_jobs",
    "0029_leases",
    "0030_report_withdrawals",
    "0031_node_signatures",
    "0032_last_heartbeats",
    "0033_shared_limits",
    "0034_approved_nodes",
    "0035_bucket_pins",
    "0036_schema_compatibility",
};

/// The migrations of a SQLite database.
pub(crate) fn sqlite() -> Migrator {
    migrator(SQLITE)
}

/// The migrations of a PostgreSQL database.
pub(crate) fn postgres() -> Migrator {
    migrator(POSTGRES)
}

/// A migration that neither engine has: a newer version made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownMigration(pub(crate) String);

/// The migrations that give a SQLite database the schema of a registry, in which those with these descriptions were
/// applied.
pub(crate) fn sqlite_through(applied: &[String]) -> Result<Migrator, UnknownMigration> {
    through(SQLITE, applied)
}

/// The same for a PostgreSQL database.
pub(crate) fn postgres_through(applied: &[String]) -> Result<Migrator, UnknownMigration> {
    through(POSTGRES, applied)
}

/// A few migrations exist for one engine only, so the registry's newest one is looked for in the other's list by name.
fn through(files: &[File], applied: &[String]) -> Result<Migrator, UnknownMigration> {
    let known = |name: &String| SQLITE.iter().chain(POSTGRES).any(|file| description(file) == *name);
    if let Some(unknown) = applied.iter().find(|name| !known(name)) {
        return Err(UnknownMigration(unknown.clone()));
    }
    let end =
        files.iter().rposition(|file| applied.contains(&description(file))).map_or(0, |newest| newest + 1);
    Ok(migrator(&files[..end]))
}

/// The newest of the migrations of a database that has all that a program knows, in the same form, and after them only
/// newer ones. Whether the program can work with those is another question.
pub(crate) fn newest_after(known: &Migrator, applied: &[AppliedMigration]) -> Result<i64, MigrateError> {
    let newest = applied.iter().map(|one| one.version).max().unwrap_or_default();
    let checksums: HashMap<_, _> = applied.iter().map(|one| (one.version, &one.checksum)).collect();
    for migration in known.iter() {
        match checksums.get(&migration.version) {
            None => return Err(MigrateError::VersionMissing(newest)),
            Some(checksum) if **checksum != migration.checksum => {
                return Err(MigrateError::VersionMismatch(migration.version));
            }
            Some(_) => {}
        }
    }
    let last_known = known.iter().map(|one| one.version).max().unwrap_or_default();
    let between = applied.iter().find(|one| one.version < last_known && !known.version_exists(one.version));
    match between {
        Some(unknown) => Err(MigrateError::VersionMissing(unknown.version)),
        None => Ok(newest),
    }
}

fn description(&(name, _): &File) -> String {
    name.split_once('_').map_or("", |(_, description)| description).replace('_', " ")
}

/// Names the migrations as `sqlx::migrate!` does: databases record version, description and checksum.
fn migrator(files: &[File]) -> Migrator {
    let migration = |&(name, text): &File| {
        let version = name.split_once('_').map_or(name, |(version, _)| version);
        // The test below reads every name.
        let version = version.parse().unwrap_or_default();
        Migration::new(
            version,
            description(&(name, text)).into(),
            MigrationType::Simple,
            text.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(files.iter().map(migration).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_schema_of_one_engine_is_found_for_the_other() {
        let newest = |migrator: Migrator| migrator.iter().last().map(|one| one.description.to_string());
        let all: Vec<String> = postgres().iter().map(|one| one.description.to_string()).collect();
        assert_eq!(newest(sqlite_through(&all).unwrap()), newest(sqlite()));
        // The fifth one is PostgreSQL's own.
        let older = sqlite_through(&all[..5]).unwrap();
        assert_eq!(newest(older).as_deref(), Some("credentials"));
        let newer = [all, vec!["from the future".to_owned()]].concat();
        let refused = postgres_through(&newer).map(|_| ()).unwrap_err();
        assert_eq!(refused, UnknownMigration("from the future".to_owned()));
    }

    #[test]
    fn a_newer_schema_has_all_migrations_of_this_version_and_newer_ones_after_them() {
        let known = sqlite();
        let own: Vec<_> = known
            .iter()
            .map(|one| AppliedMigration { version: one.version, checksum: one.checksum.clone() })
            .collect();
        let with = |version: i64| {
            let newer = AppliedMigration { version, checksum: vec![0].into() };
            newest_after(&known, &own.iter().cloned().chain([newer]).collect::<Vec<_>>())
        };
        assert_eq!(with(99).unwrap(), 99);
        // The number is in a gap of this version's: the database has another history.
        assert!(matches!(with(16), Err(MigrateError::VersionMissing(16))));
        let without_the_last = newest_after(&known, own.split_last().unwrap().1);
        assert!(matches!(without_the_last, Err(MigrateError::VersionMissing(_))));
        let mut changed = own;
        changed[3].checksum = vec![0].into();
        let changed = newest_after(&known, &changed);
        assert!(matches!(changed, Err(MigrateError::VersionMismatch(4))));
    }

    #[tokio::test]
    async fn every_file_is_embedded_and_recorded_as_sqlx_records_it() {
        for (folder, embedded) in [("sqlite", sqlite()), ("postgres", postgres())] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
            let files = Migrator::new(folder.as_path()).await.unwrap();
            let recorded = |migrator: &Migrator| -> Vec<_> {
                let record =
                    |one: &Migration| (one.version, one.description.clone(), one.checksum.clone(), one.no_tx);
                migrator.iter().map(record).collect()
            };
            assert_eq!(recorded(&embedded), recorded(&files), "{}", folder.display());
        }
    }
}
