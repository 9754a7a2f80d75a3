//! AUDIT: what the record of a change costs, and whether pruning records delays changes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bucketry_model::audit::{AuditAction, AuditActor, AuditDetail, AuditEntry, AuditKind};
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::name::Name;
use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_store::Store;
use bucketry_store::bucket::{BucketUpdate, BucketUpdated, SecretUpdate};
use bucketry_store::postgres::{self, PostgresStore};
use bucketry_store::sqlite::{self, SqliteStore};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::deployment::Deployment;
use crate::postgres::Postgres;
use crate::report::{self, Bar, Report};
use crate::seeded::Seeded;
use crate::statistics::{Latency, Spread};
use crate::{Plan, Result};

const BUCKETS: u64 = 1_000;
/// Changes per round and side.
const CHANGES: usize = 100;
/// The most records that one transaction deletes, as in the product.
const AT_MOST: u32 = 1_000;
const LIMIT: (f64, &str) = (1.15, "≤ 1.15 ×");

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    let place = std::env::temp_dir();
    report::complain("SQLite");
    let (seeded, other) =
        (Seeded::new(plan, BUCKETS, &place).await?, Seeded::new(plan, BUCKETS, &place).await?);
    let with = open_sqlite(seeded.directory.path(), false).await?;
    let without = open_sqlite(other.directory.path(), true).await?;
    let added = compare("SQLite", plan, [&with, &without], &mut bars, &mut figures).await?;
    with.close().await;
    without.close().await;
    // The directory stays locked until the store is gone.
    drop((with, without));
    through_the_api("SQLite", plan, &seeded, &added, (&mut bars, &mut figures)).await?;
    let with = open_sqlite(seeded.directory.path(), false).await?;
    prune("SQLite", plan, &with, &mut bars, &mut figures).await?;
    with.close().await;

    if let Some(server) = Postgres::start(plan, &place)? {
        report::complain("PostgreSQL");
        let (seeded, _) = Seeded::new(plan, BUCKETS, &place).await?.migrate(plan, &server)?;
        let url = seeded.database().ok_or("no database")?;
        // The same database, so that both sides have the same statistics and caches.
        let open = async |skip| {
            let options = postgres::Options { skip_audit: skip, ..postgres::Options::default() };
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(
                PostgresStore::open(&url.parse()?, &options).await?,
            )
        };
        let (with, without) = (open(false).await?, open(true).await?);
        let added = compare("PostgreSQL", plan, [&with, &without], &mut bars, &mut figures).await?;
        through_the_api("PostgreSQL", plan, &seeded, &added, (&mut bars, &mut figures)).await?;
        prune("PostgreSQL", plan, &with, &mut bars, &mut figures).await?;
        with.close().await;
        without.close().await;
    }
    Ok(Report::new("audit", machine, bars, Value::Object(figures)))
}

async fn open_sqlite(directory: &Path, skip_audit: bool) -> Result<SqliteStore> {
    Ok(SqliteStore::open(directory, sqlite::Options { skip_audit, ..sqlite::Options::default() }).await?)
}

/// A bucket whose name is changed.
struct Renamed {
    org: OrgId,
    id: BucketId,
    /// Its position among the buckets, which keeps its names apart from those of others.
    index: usize,
    number: usize,
}

impl Renamed {
    async fn of(store: &dyn Store, index: usize) -> Result<Self> {
        let org = store.organizations(1).await?.first().ok_or("no organization")?.id;
        let page = store.node_buckets_after(Some(org), None, 1_000).await?;
        let id = page.get(index).ok_or("too few buckets")?.id;
        Ok(Self { org, id, index, number: 0 })
    }

    /// Renames the bucket, as `PUT /bucket/{bucketId}` does, and returns how long that took.
    async fn rename(&mut self, store: &dyn Store) -> Result<Duration> {
        let bucket = store.bucket(self.org, self.id).await?.ok_or("the bucket is gone")?;
        self.number += 1;
        let name = Name::parse(&format!("renamed {}, {}", self.index, self.number))?;
        let audit = entry(self.org, SystemClock.now(), &name);
        let update = BucketUpdate {
            id: self.id,
            org_id: self.org,
            from_version: bucket.version,
            workspace_id: bucket.workspace_id,
            name,
            location: bucket.location,
            secret: SecretUpdate::Keep,
            record_change: false,
            first_report: None,
            pinned_to: bucket.pinned_to,
        };
        let start = Instant::now();
        let updated = store.update_bucket(&update, &audit).await?;
        let took = start.elapsed();
        if updated == BucketUpdated::Updated {
            Ok(took)
        } else {
            Err(format!("not renamed: {updated:?}").into())
        }
    }
}

/// A record of the usual size.
fn entry(org: OrgId, at: Timestamp, name: &Name) -> AuditEntry {
    let detail = || {
        AuditDetail::new(&json!({
            "name": name.as_str(), "bucket": "photos", "storageType": "S3", "region": "eu-central-1",
            "endpoint": "https://s3.example.com", "key": "AKIAIOSFODNN7EXAMPLE", "secret": "***",
            "workspaceId": "019ab000-0000-7000-8000-000000000000",
        }))
    };
    AuditEntry::new(at, AuditActor::System, AuditKind::Bucket, AuditAction::Updated)
        .in_organization(Some(org))
        .of("019ab000-0000-7000-8000-000000000000", name.as_str())
        .before(detail())
        .after(detail())
}

async fn compare(
    engine: &str,
    plan: &Plan,
    stores: [&dyn Store; 2],
    bars: &mut Vec<Bar>,
    figures: &mut Map<String, Value>,
) -> Result<Spread> {
    let mut buckets = [Renamed::of(stores[0], 0).await?, Renamed::of(stores[1], 1).await?];
    for (side, is_recorded) in [true, false].into_iter().enumerate() {
        let before = stores[side].latest_audit().await?;
        buckets[side].rename(stores[side]).await?;
        if (stores[side].latest_audit().await? > before) != is_recorded {
            return Err(format!("side {side} stored a record, or none, unlike its option").into());
        }
    }
    let rounds = if plan.quick { 5 } else { 31 };
    let mut means: [Vec<f64>; 2] = Default::default();
    for round in 0..=rounds {
        // The order alternates.
        for side in [round % 2, (round + 1) % 2] {
            let mut total = Duration::ZERO;
            for _ in 0..CHANGES {
                total += buckets[side].rename(stores[side]).await?;
            }
            // The first round fills caches.
            if round > 0 {
                means[side].push(total.as_secs_f64() * 1e6 / CHANGES as f64);
            }
        }
    }
    let ratio = Spread::of(means[0].iter().zip(&means[1]).map(|(with, without)| with / without));
    let added = Spread::of(means[0].iter().zip(&means[1]).map(|(with, without)| with - without));
    let [with, without] = means.map(Spread::of);
    bars.push(Bar::reported(
        &format!(
            "renaming a bucket in the store with its record in the audit, relative to the same without one, {engine}"
        ),
        format!("{ratio} × ({:.0} µs)", with.median),
    ));
    figures.insert(
        engine.to_owned(),
        json!({ "ratio": ratio, "microsecondsWith": with, "microsecondsWithout": without }),
    );
    Ok(added)
}

/// What a record adds to a rename as clients make it: `PUT /bucket/{bucketId}`, which always makes one. `added` is what
/// the record takes in the store, in microseconds.
async fn through_the_api(
    engine: &str,
    plan: &Plan,
    seeded: &Seeded,
    added: &Spread,
    (bars, figures): (&mut Vec<Bar>, &mut Map<String, Value>),
) -> Result {
    report::complain("through the API");
    let server = Deployment::start(seeded.options(plan).arg("--no-node")).await?;
    let mut connection = server.connect().await?;
    let sample = seeded.samples.first().ok_or("no bucket")?;
    let path = format!("/bucket/{}", sample.id);
    let rounds = if plan.quick { 5 } else { 31 };
    let mut means = Vec::new();
    for round in 0..=rounds {
        let start = Instant::now();
        for number in 0..CHANGES {
            let change = json!({ "name": format!("renamed by a client {round}, {number}") });
            connection.json(Method::PUT, &path, Some(&change)).await?;
        }
        if round > 0 {
            means.push(start.elapsed().as_secs_f64() * 1e6 / CHANGES as f64);
        }
    }
    server.stop()?;
    let api = Spread::of(means);
    let ratio = api.median / (api.median - added.median);
    bars.push(Bar::at_most(
        &format!("PUT /bucket/{{bucketId}} that renames, relative to the same without the time of its record, {engine}"),
        LIMIT,
        ratio,
        format!("{ratio:.2} × ({:.0} µs, of which the record {:.0} µs)", api.median, added.median),
    ));
    figures.insert(format!("{engine}, API"), json!({ "microseconds": api, "added": added }));
    Ok(())
}

/// Renames a bucket over and over until `stop` is set. A change isn't broken off, because nobody would know whether it
/// was stored.
async fn rename_until(stop: &AtomicBool, store: &dyn Store, bucket: &mut Renamed) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        times.push(bucket.rename(store).await?);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(times)
}

/// Prunes all records before a time as the product does, and returns how many there were.
async fn prune_all(store: &dyn Store, before: Timestamp) -> Result<u64> {
    let mut pruned = 0;
    loop {
        match store.purge_audit(before, AT_MOST).await? {
            0 => return Ok(pruned),
            some => pruned += some,
        }
    }
}

async fn prune(
    engine: &str,
    plan: &Plan,
    store: &dyn Store,
    bars: &mut Vec<Bar>,
    figures: &mut Map<String, Value>,
) -> Result {
    let records = if plan.quick { 50_000 } else { 1_000_000 };
    report::complain(&format!("adding {records} records"));
    let mut bucket = Renamed::of(store, 2).await?;
    let long_ago = SystemClock.now() - SignedDuration::from_hours(24 * 500);
    // Pruning goes through the table from its beginning, so newer records must not be there yet.
    while store.purge_audit(SystemClock.now(), AT_MOST).await? > 0 {}
    let old = vec![entry(bucket.org, long_ago, &Name::parse("old")?); 2_000];
    for _ in 0..records / old.len() {
        store.record(&old).await?;
    }
    let stop = AtomicBool::new(false);
    let window = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (alone, ()) = tokio::join!(rename_until(&stop, store, &mut bucket), window);
    let alone = alone?;
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let pruning = async {
        let pruned = prune_all(store, long_ago + SignedDuration::from_hours(1)).await;
        stop.store(true, Ordering::Relaxed);
        pruned
    };
    let (meanwhile, pruned) = tokio::join!(rename_until(&stop, store, &mut bucket), pruning);
    let (meanwhile, pruned) = (meanwhile?, pruned?);
    let took = start.elapsed().as_secs_f64();
    if pruned != records as u64 {
        return Err(format!("{pruned} records were pruned, expected {records}").into());
    }
    let slowest = meanwhile.iter().max().copied().unwrap_or_default().as_secs_f64() * 1e3;
    let count = meanwhile.len();
    let (alone, meanwhile) = (Latency::of(alone), Latency::of(meanwhile));
    bars.push(Bar::reported(
        &format!(
            "p99 of renaming a bucket while {records} records are pruned, relative to that alone, {engine}"
        ),
        format!(
            "{:.1} × (p99 {:.1} ms; slowest of {count} renames: {slowest:.0} ms; pruned in {took:.0} s)",
            meanwhile.p99 as f64 / alone.p99.max(1) as f64,
            meanwhile.p99 as f64 / 1e3,
        ),
    ));
    figures.insert(
        format!("{engine}, pruning"),
        json!({ "records": records, "seconds": took, "changes": count, "alone": alone, "meanwhile": meanwhile, "slowestMs": slowest }),
    );
    Ok(())
}
