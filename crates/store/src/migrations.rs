//! The migrations of both engines, embedded in the binary.
//!
//! `sqlx::migrate!` would embed them too. It needs the macros of sqlx, though, and those compile both drivers, and
//! SQLite itself, a second time for the compiler's own use.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// A migration's file: its name without `.sql`, and its text.
type File = (&'static str, &'static str);

macro_rules! files {
    ($folder:literal: $($name:literal,)+) => {
        &[$(($name, include_str!(concat!("../migrations/", $folder, "/", $name, ".sql")))),+]
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
};

/// The migrations of a SQLite database.
pub(crate) fn sqlite() -> Migrator {
    migrator(SQLITE)
}

/// The migrations of a PostgreSQL database.
pub(crate) fn postgres() -> Migrator {
    migrator(POSTGRES)
}

/// Names the migrations as `sqlx::migrate!` does: databases record version, description and checksum.
fn migrator(files: &[File]) -> Migrator {
    let migration = |&(name, text): &File| {
        let (version, description) = name.split_once('_').unwrap_or((name, ""));
        // The test below reads every name.
        let version = version.parse().unwrap_or_default();
        Migration::new(
            version,
            description.replace('_', " ").into(),
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
