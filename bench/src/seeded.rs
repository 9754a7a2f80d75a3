//! Registries with many buckets: data directories, and PostgreSQL databases that they were moved to.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bucketry_model::id::BucketId;
use bucketry_model::role::Visibility;
use bucketry_model::time::Day;
use bucketry_store::Store as _;
use bucketry_store::bucket::{BucketQuery, BucketStore as _, PageStart};
use bucketry_store::organization::OrganizationStore as _;
use bucketry_store::sqlite::{self, DATABASE_FILE, SqliteStore};
use bucketry_test_servers::bucketry::Options;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::deployment::{Deployment, options};
use crate::postgres::Postgres;
use crate::report::{self, Bar};
use crate::{Plan, Result};

/// How many buckets of each registry are used for single lookups.
const SAMPLES: u64 = 997;

/// A data directory of a server that was started once, with buckets added. Their secrets are not real, so no node
/// can open them.
pub(crate) struct Seeded {
    pub(crate) directory: TempDir,
    pub(crate) buckets: u64,
    /// A sample spread over all buckets.
    pub(crate) samples: Vec<Sample>,
    /// The PostgreSQL URL, once the registry was moved there.
    database: Option<String>,
}

/// A bucket, and a day on which a node has probed it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) id: BucketId,
    pub(crate) day: Day,
}

impl Seeded {
    /// Fills a new temporary directory in `place`.
    pub(crate) async fn new(plan: &Plan, buckets: u64, place: &Path) -> Result<Self> {
        Self::of_organizations(plan, buckets, 1, place).await
    }

    /// Divides the buckets evenly among organizations. The samples are of the first one.
    pub(crate) async fn of_organizations(
        plan: &Plan,
        buckets: u64,
        organizations: u64,
        place: &Path,
    ) -> Result<Self> {
        report::complain(&format!("filling a data directory with {buckets} buckets"));
        let directory = tempfile::tempdir_in(place)?;
        Deployment::start(options(&plan.bucketry, directory.path())).await?.stop()?;
        let numbers = [buckets.to_string(), organizations.to_string()];
        run(Command::new(&plan.seed).arg(directory.path()).args(numbers))?;
        let samples = samples(directory.path(), buckets.div_ceil(organizations)).await?;
        Ok(Self { directory, buckets, samples, database: None })
    }

    /// The options to start a server on it.
    pub(crate) fn options(&self, plan: &Plan) -> Options {
        let options = options(&plan.bucketry, self.directory.path());
        match &self.database {
            Some(database) => options.env("BUCKETRY_DATABASE_URL", database),
            None => options,
        }
    }

    /// Copies the registry to a new directory in `place`. No server may be running on it.
    pub(crate) fn copy_to(&self, place: &Path) -> Result<Self> {
        let directory = tempfile::tempdir_in(place)?;
        let all = self.directory.path().join(".");
        run(Command::new("cp").arg("-a").arg(all).arg(directory.path()))?;
        let Self { buckets, samples, database, .. } = self;
        Ok(Self { directory, buckets: *buckets, samples: samples.clone(), database: database.clone() })
    }

    /// The duration of `bucketry backup`, and the size of its file in bytes.
    pub(crate) fn backup(&self, plan: &Plan) -> Result<(Duration, u64)> {
        let file = self.directory.path().join("backup.db");
        let start = Instant::now();
        let mut backup = Command::new(&plan.bucketry);
        run(backup.arg("backup").arg(&file).arg("--data-dir").arg(self.directory.path()))?;
        let (took, size) = (start.elapsed(), fs::metadata(&file)?.len());
        fs::remove_file(&file)?;
        Ok((took, size))
    }

    /// Moves the registry into a new database with `bucketry migrate`. Only the keys remain in the data directory.
    pub(crate) fn migrate(mut self, plan: &Plan, postgres: &Postgres) -> Result<(Self, MoveTime)> {
        report::complain(&format!("moving {} buckets to PostgreSQL", self.buckets));
        let database = postgres.database(&format!("buckets_{}", self.buckets))?;
        let directory = self.directory.path();
        let moved = migrate(plan, &format!("sqlite:{}", directory.display()), &database)?;
        for file in [DATABASE_FILE.to_owned(), format!("{DATABASE_FILE}-wal"), format!("{DATABASE_FILE}-shm")]
        {
            let removed = fs::remove_file(directory.join(file));
            removed.or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
        }
        postgres.settle(&database)?;
        self.database = Some(database);
        Ok((self, moved))
    }

    /// Moves the registry from PostgreSQL into a new SQLite file in `place`, which is then deleted. No server may
    /// be running on it. None if it isn't in PostgreSQL.
    pub(crate) fn migrate_back(&self, plan: &Plan, place: &Path) -> Result<Option<MoveTime>> {
        let Some(database) = &self.database else { return Ok(None) };
        report::complain(&format!("moving {} buckets back to SQLite", self.buckets));
        let directory = tempfile::tempdir_in(place)?;
        migrate(plan, database, &format!("sqlite:{}", directory.path().display())).map(Some)
    }

    /// Copies a registry that is in PostgreSQL to another database of the same server. No server may be running on it.
    pub(crate) fn copy_in(&self, postgres: &Postgres, name: &str, place: &Path) -> Result<Self> {
        let database = self.database().ok_or("the registry isn't in PostgreSQL")?;
        let database = Some(postgres.copy_database(database, name)?);
        Ok(Self { database, ..self.copy_to(place)? })
    }

    /// The database's URL, if it is PostgreSQL.
    pub(crate) fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Reads the embedded database into the operating system's cache.
    pub(crate) fn read_through(&self) -> Result {
        if self.database.is_none() {
            let mut file = File::open(self.directory.path().join(DATABASE_FILE))?;
            io::copy(&mut file, &mut io::sink())?;
        }
        Ok(())
    }
}

/// The duration and the rows of a migration.
pub(crate) struct MoveTime {
    pub(crate) took: Duration,
    pub(crate) rows: u64,
}

impl MoveTime {
    /// The row of the table.
    pub(crate) fn bar(&self, buckets: u64, target: &str) -> Bar {
        let (seconds, rows) = (self.took.as_secs_f64(), self.rows);
        Bar::reported(
            &format!("`bucketry migrate` of {buckets} buckets to {target}, compared row by row"),
            format!("{seconds:.0} s, {rows} rows, {:.0} per second", rows as f64 / seconds),
        )
    }

    pub(crate) fn figures(&self, buckets: u64) -> Value {
        json!({ "buckets": buckets, "seconds": self.took.as_secs_f64(), "rows": self.rows })
    }
}

/// Runs `bucketry migrate`, which compares both sides row by row at its end.
fn migrate(plan: &Plan, from: &str, to: &str) -> Result<MoveTime> {
    let start = Instant::now();
    let response = run(Command::new(&plan.bucketry).args(["migrate", "--from", from, "--to", to]))?;
    let took = start.elapsed();
    let rows = response.split(' ').nth(1).and_then(|rows| rows.parse().ok());
    let rows = rows.ok_or_else(|| format!("unexpected output of migrate: {response:?}"))?;
    Ok(MoveTime { took, rows })
}

/// A sample spread over all buckets. No server may be running on the registry.
async fn samples(data_dir: &Path, buckets: u64) -> Result<Vec<Sample>> {
    let store = SqliteStore::open(data_dir, sqlite::Options::default()).await?;
    let org_id = store.organizations(1).await?.first().ok_or("no organization")?.id;
    let page = async |after| -> Result<_> {
        let query = BucketQuery { org_id, visible: Visibility::Organization, after, limit: 1 };
        Ok(store.buckets(&query).await?.pop().ok_or("no bucket there")?.bucket)
    };
    let newest = page(None).await?.created_at;
    let mut samples = Vec::new();
    for number in 0..SAMPLES {
        // Buckets were created one second apart. A stride that is coprime to their number visits all parts evenly.
        let back = (number * 7_919 * 104_729) % buckets.saturating_sub(1).max(1);
        let before = Timestamp::from_second(newest.as_second() - i64::try_from(back)?)?;
        let start = PageStart { created_at: before, id: BucketId::new(before, [0; 10]) };
        let bucket = page(Some(start)).await?;
        samples.push(Sample { id: bucket.id, day: Day::of(bucket.created_at) });
    }
    store.close().await;
    Ok(samples)
}

/// Runs a program to its end and returns what it printed.
fn run(command: &mut Command) -> Result<String> {
    let ended = command.output()?;
    if ended.status.success() {
        return Ok(String::from_utf8_lossy(&ended.stdout).into_owned());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&ended.stderr)).into())
}
