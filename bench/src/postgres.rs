//! The PostgreSQL server that is measured on: a throwaway one, set up as somebody would for a registry of this size.

use std::path::{Path, PathBuf};

use bucketry_test_servers::postgres::{self as server, Settings};

use crate::{Plan, Result, report};

/// What differs from the defaults of a server that nobody has set up. Data is safe in it as far as its place is: what is
/// acknowledged was written.
const PARAMETERS: [(&str, &str); 6] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "1GB"),
    ("effective_cache_size", "4GB"),
    ("max_wal_size", "2GB"),
    ("random_page_cost", "1.1"),
];

/// A running server.
pub(crate) struct Postgres {
    programs: PathBuf,
    inner: server::Postgres,
}

impl Postgres {
    /// Starts one with its data in `place`; none where no programs are given.
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

    /// Makes an empty database and tells its address.
    pub(crate) fn database(&self, name: &str) -> Result<String> {
        Ok(self.inner.create_database(name)?)
    }

    /// Does what the server would do by itself in the middle of a measurement.
    pub(crate) fn settle(&self, database: &str) -> Result {
        for statement in ["VACUUM (FREEZE, ANALYZE)", "CHECKPOINT"] {
            server::query(&self.programs, database, statement)?;
        }
        Ok(())
    }

    /// Its version, and how large a database is, in bytes.
    pub(crate) fn describe(&self, database: &str) -> Result<(String, u64)> {
        let ask = |sql| server::query(&self.programs, database, sql);
        let size = ask("SELECT pg_database_size(current_database())")?;
        Ok((ask("SHOW server_version")?, size.parse()?))
    }
}
