//! Data directories with many buckets.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Command;

use bucketry_model::id::BucketId;
use bucketry_model::role::Visibility;
use bucketry_model::time::Day;
use bucketry_store::Store as _;
use bucketry_store::bucket::{BucketQuery, BucketStore as _, PageStart};
use bucketry_store::organization::OrganizationStore as _;
use bucketry_store::sqlite::{DATABASE_FILE, Options, SqliteStore};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::deployment::{Deployment, options};
use crate::{Plan, Result, report};

/// A data directory that a server has been started on once, with buckets added. Their secrets are not real: no node
/// opens them.
pub(crate) struct Seeded {
    pub(crate) directory: TempDir,
    pub(crate) buckets: u64,
}

/// One of the buckets, with a day on which a node has probed it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) id: BucketId,
    pub(crate) day: Day,
}

impl Seeded {
    /// Fills a temporary directory of its own in `place`.
    pub(crate) async fn new(plan: &Plan, buckets: u64, place: &Path) -> Result<Self> {
        report::complain(&format!("filling a data directory with {buckets} buckets"));
        let directory = tempfile::tempdir_in(place)?;
        Deployment::start(options(&plan.bucketry, directory.path())).await?.stop()?;
        let filled = Command::new(&plan.seed).arg(directory.path()).arg(buckets.to_string()).output()?;
        if !filled.status.success() {
            return Err(String::from_utf8_lossy(&filled.stderr).into_owned().into());
        }
        Ok(Self { directory, buckets })
    }

    /// Brings the database into the operating system's cache.
    pub(crate) fn read_through(&self) -> Result {
        let mut file = File::open(self.directory.path().join(DATABASE_FILE))?;
        io::copy(&mut file, &mut io::sink())?;
        Ok(())
    }

    /// So many buckets from everywhere among them. The server must not be running.
    pub(crate) async fn samples(&self, count: u64) -> Result<Vec<Sample>> {
        let store = SqliteStore::open(self.directory.path(), Options::default()).await?;
        let org_id = store.organizations(1).await?.first().ok_or("no organization")?.id;
        let page = async |after| -> Result<_> {
            let query = BucketQuery { org_id, visible: Visibility::Organization, after, limit: 1 };
            Ok(store.buckets(&query).await?.pop().ok_or("no bucket there")?.bucket)
        };
        let newest = page(None).await?.created_at;
        let mut samples = Vec::new();
        for number in 0..count {
            // Buckets were made a second apart. A stride without a common factor with it visits all parts evenly.
            let back = (number * 7_919 * 104_729) % self.buckets.saturating_sub(1).max(1);
            let before = Timestamp::from_second(newest.as_second() - i64::try_from(back)?)?;
            let start = PageStart { created_at: before, id: BucketId::new(before, [0; 10]) };
            let bucket = page(Some(start)).await?;
            samples.push(Sample { id: bucket.id, day: Day::of(bucket.created_at) });
        }
        store.close().await;
        Ok(samples)
    }
}
