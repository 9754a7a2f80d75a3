//! A throwaway PostgreSQL server for measurements, configured for a registry of this size.

use std::path::{Path, PathBuf};

use bucketry_test_servers::postgres::{self as server, Settings};

use crate::process::Process;
use crate::{Plan, Result, report};

/// Settings that differ from an unconfigured server. Writes are durable: a commit is acknowledged only after it was
/// written, as far as the directory is durable.
const PARAMETERS: [(&str, &str); 6] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "1GB"),
    ("effective_cache_size", "4GB"),
    ("max_wal_size", "2GB"),
    ("random_page_cost", "1.1"),
];

/// The running PostgreSQL server.
pub(crate) struct Postgres {
    programs: PathBuf,
    inner: server::Postgres,
}

impl Postgres {
    /// Starts a server with its data in `place`. None without `--postgres`.
    pub(crate) fn start(plan: &Plan, place: &Path) -> Result<Option<Self>> {
        let Some(programs) = &plan.postgres else {
            report::complain("no --postgres: only the embedded database is measured");
            return Ok(None);
        };
        let settings = PARAMETERS
            .into_iter()
            .fold(Settings::default().in_directory(place), |settings, (name, value)| {
                settings.parameter(name, value)
            });
        let inner = server::Postgres::start_with(programs, settings)?;
        Ok(Some(Self { programs: programs.clone(), inner }))
    }

    /// Creates an empty database and returns its URL.
    pub(crate) fn database(&self, name: &str) -> Result<String> {
        Ok(self.inner.create_database(name)?)
    }

    /// Copies a database, to which no program may be connected, and returns the URL of the copy.
    pub(crate) fn copy_database(&self, from: &str, name: &str) -> Result<String> {
        let address = self.inner.address();
        let from = from.rsplit('/').next().unwrap_or_default();
        self.query(&format!("{address}/postgres"), &format!("CREATE DATABASE {name} TEMPLATE {from}"))?;
        Ok(format!("{address}/{name}"))
    }

    /// Does the maintenance that the server would otherwise start during a measurement.
    pub(crate) fn settle(&self, database: &str) -> Result {
        for statement in ["VACUUM (FREEZE, ANALYZE)", "CHECKPOINT"] {
            server::query(&self.programs, database, statement)?;
        }
        Ok(())
    }

    /// Runs a statement and returns its rows as lines of columns separated by `|`.
    pub(crate) fn query(&self, database: &str, sql: &str) -> Result<String> {
        Ok(server::query(&self.programs, database, sql)?)
    }

    /// The server's main process.
    pub(crate) fn process(&self) -> Result<Process> {
        let file = std::fs::read_to_string(self.inner.data().join("postmaster.pid"))?;
        Process::new(file.lines().next().unwrap_or_default().trim().parse()?)
    }

    /// The server's version, and the size of a database in bytes.
    pub(crate) fn describe(&self, database: &str) -> Result<(String, u64)> {
        let ask = |sql| self.query(database, sql);
        let size = ask("SELECT pg_database_size(current_database())")?;
        Ok((ask("SHOW server_version")?, size.parse()?))
    }
}
