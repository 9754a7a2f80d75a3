//! E: a node loses its network, and all of its 100,000 buckets go OFFLINE at once; and what storing events costs.

use std::time::{Duration, Instant};

use bucketry_model::diagnosis::CheckCode;
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::role::Visibility;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_model::uptime::ProbeSample;
use bucketry_store::Store;
use bucketry_store::bucket::BucketQuery;
use bucketry_store::postgres::{self, PostgresStore};
use bucketry_store::sqlite::{self, SqliteStore};
use bucketry_store::status::ProbeBatch;
use bucketry_store::status_event::{EventPosition, EventQuery, EventScope};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::postgres::Postgres;
use crate::process::Process;
use crate::report::{self, Bar, Report};
use crate::seeded::Seeded;
use crate::statistics::Latency;
use crate::{Plan, Result};

/// The most samples that a heartbeat may have.
const SLICE: usize = 5_000;
/// Events per minute of the measurement of CPU time.
const PER_MINUTE: usize = 10_000;
/// A heartbeat with changes is sent at once, so they come in small batches.
const SMALL_SLICE: usize = 100;
const CPU_LIMIT: (f64, &str) = (0.1, "< 0.1 of a core");

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let buckets = if plan.quick { 10_000 } else { 100_000 };
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    let place = std::env::temp_dir();
    let seeded = Seeded::new(plan, buckets, &place).await?;
    report::complain("SQLite");
    let store = SqliteStore::open(seeded.directory.path(), sqlite::Options::default()).await?;
    measure_store("SQLite", &store, &mut bars, &mut figures).await?;
    store.close().await;
    drop(store);

    if let Some(server) = Postgres::start(plan, &place)? {
        report::complain("PostgreSQL");
        let fresh = Seeded::new(plan, buckets, &place).await?;
        let (moved, _) = fresh.migrate(plan, &server)?;
        let database = moved.database().ok_or("no database")?;
        let store = PostgresStore::open(&database.parse()?, &postgres::Options::default()).await?;
        measure_store("PostgreSQL", &store, &mut bars, &mut figures).await?;
        store.close().await;
    }
    Ok(Report::new("e", machine, bars, Value::Object(figures)))
}

/// A node, and the buckets that it probes.
struct Probed {
    node: NodeId,
    org: OrgId,
    buckets: Vec<BucketId>,
}

impl Probed {
    async fn of(store: &dyn Store) -> Result<Self> {
        let org = store.organizations(1).await?.first().ok_or("no organization")?.id;
        let node = store.nodes().await?.first().ok_or("no node")?.id;
        let mut buckets = Vec::new();
        loop {
            let page = store.node_buckets_after(Some(org), buckets.last().copied(), 1_000).await?;
            if page.is_empty() {
                return Ok(Self { node, org, buckets });
            }
            buckets.extend(page.into_iter().map(|bucket| bucket.id));
        }
    }

    /// Reports the same status of buckets, as many at once as `slice`.
    async fn report(
        &self,
        store: &dyn Store,
        buckets: &[BucketId],
        (status, at, slice): (ProbedStatus, Timestamp, usize),
    ) -> Result {
        let failure = ProbeFailure { code: CheckCode::ConnectTimeout, message: "no answer".to_owned() };
        let sample = ProbeSample {
            at,
            status,
            latency_ms: (status == ProbedStatus::Online).then_some(5),
            failure: (status == ProbedStatus::Offline).then_some(failure),
            version: None,
        };
        for slice in buckets.chunks(slice) {
            let batch = ProbeBatch {
                node_id: self.node,
                org_id: None,
                longest_gap: SignedDuration::from_secs(150),
                now: at,
                samples: slice.iter().map(|id| (*id, sample.clone())).collect(),
            };
            let taken = store.record_probes(&batch).await?;
            if taken != slice.len() {
                return Err(format!("{taken} of {} samples were added", slice.len()).into());
            }
        }
        Ok(())
    }

    /// How many events there are to OFFLINE since a time.
    async fn count(&self, store: &dyn Store, since: Timestamp) -> Result<usize> {
        let mut query = EventQuery {
            org_id: self.org,
            scope: EventScope::Visible(Visibility::Organization),
            to: Some(ProbedStatus::Offline),
            since: Some(since),
            until: None,
            after: None,
            limit: 1_000,
        };
        let mut count = 0;
        loop {
            let page = store.status_events(&query).await?;
            let Some(last) = page.last() else { return Ok(count) };
            query.after = Some(EventPosition::of(last));
            count += page.len();
        }
    }
}

/// Reads a page of buckets and makes a small change, over and over. Returns how long each took.
async fn read_and_write(
    store: &dyn Store,
    org_id: OrgId,
    reads: &mut Vec<Duration>,
    writes: &mut Vec<Duration>,
) -> Result {
    loop {
        let start = Instant::now();
        let query = BucketQuery { org_id, visible: Visibility::Organization, after: None, limit: 100 };
        store.buckets(&query).await?;
        reads.push(start.elapsed());
        let start = Instant::now();
        store.check_writes(SystemClock.now()).await?;
        writes.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn measure_store(
    engine: &str,
    store: &dyn Store,
    bars: &mut Vec<Bar>,
    figures: &mut Map<String, Value>,
) -> Result {
    let probed = Probed::of(store).await?;
    let total = probed.buckets.len();
    let begin = SystemClock.now();
    probed.report(store, &probed.buckets, (ProbedStatus::Online, begin, SLICE)).await?;
    let process = Process::new(std::process::id())?;

    let at = begin + SignedDuration::from_secs(60);
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    let (start, cpu) = (Instant::now(), process.cpu()?);
    tokio::select! {
        stored = probed.report(store, &probed.buckets, (ProbedStatus::Offline, at, SLICE)) => stored?,
        failed = read_and_write(store, probed.org, &mut reads, &mut writes) => failed?,
    }
    let (took, cpu) = (start.elapsed().as_secs_f64(), process.cpu()?.saturating_sub(cpu).as_secs_f64());
    let counted = probed.count(store, at).await?;
    if counted != total {
        return Err(format!("{counted} events are stored, expected {total}").into());
    }
    let (reads, writes) = (Latency::of(reads), Latency::of(writes));
    let millis = |micros: u64| micros as f64 / 1_000.0;
    bars.push(Bar::reported(
        &format!("{total} buckets that go OFFLINE at once, until all events are stored, {engine}"),
        format!("{took:.1} s, {:.0} per second", total as f64 / took),
    ));
    bars.push(Bar::reported(
        &format!("p99 of a page of 100 buckets, and of a small write, during this time, {engine}"),
        format!("{:.1} ms, {:.1} ms", millis(reads.p99), millis(writes.p99)),
    ));

    let later = at + SignedDuration::from_secs(60);
    let few = &probed.buckets[..PER_MINUTE.min(total)];
    let before = process.cpu()?;
    probed.report(store, few, (ProbedStatus::Online, later, SMALL_SLICE)).await?;
    let cost = process.cpu()?.saturating_sub(before).as_secs_f64();
    let cores = cost * PER_MINUTE as f64 / few.len() as f64 / 60.0;
    bars.push(Bar::at_most(
        &format!("CPU of storing {PER_MINUTE} events per minute with their probes, {engine}"),
        CPU_LIMIT,
        cores,
        format!("{cores:.3} of a core ({:.0} µs per event)", cost * 1e6 / few.len() as f64),
    ));
    figures.insert(
        engine.to_owned(),
        json!({
            "buckets": total, "seconds": took, "cpuSeconds": cpu, "read": reads, "write": writes,
            "coresPer10000EventsAMinute": cores,
        }),
    );
    Ok(())
}
