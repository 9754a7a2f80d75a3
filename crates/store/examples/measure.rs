//! Measures a seeded data directory: calls whose cost must not depend on the number of buckets, and the batches of
//! nodes. Prints one line per figure. Times are in microseconds.
//!
//! ```text
//! cargo run --release -p bucketry-store --example measure -- DATA_DIR
//! ```

#![expect(clippy::print_stdout, reason = "prints the figures")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::id::{BucketId, NodeId, OrgId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::role::Visibility;
use bucketry_model::secret::SealedSecret;
use bucketry_model::status::ProbedStatus;
use bucketry_model::time::{Clock, Day, SystemClock};
use bucketry_model::uptime::ProbeSample;
use bucketry_model::usage::UsageRow;
use bucketry_store::Store;
use bucketry_store::bucket::{BucketQuery, NewBucket, StoredSecret};
use bucketry_store::contract::change;
use bucketry_store::node::NodeStore;
use bucketry_store::organization::OrganizationStore;
use bucketry_store::sqlite::{Options, SqliteStore};
use bucketry_store::status::ProbeBatch;
use bucketry_store::workspace::WorkspaceStore;
use jiff::{SignedDuration, Timestamp};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 1_000;
const BATCH: usize = 5_000;

/// The times of one kind of call.
struct Times(Vec<Duration>);

impl Times {
    fn print(mut self, what: &str) {
        self.0.sort();
        let at = |share: usize| self.0.get((self.0.len() * share / 100).min(self.0.len() - 1));
        let micros = |share| at(share).map_or(0, Duration::as_micros);
        println!("{what:<28} p50 {:>8}  p99 {:>8}  n {}", micros(50), micros(99), self.0.len());
    }
}

macro_rules! time {
    ($what:literal, $rounds:expr, |$round:ident| $call:expr) => {{
        let mut times = Vec::new();
        // The first rounds fill caches.
        for $round in 0..$rounds + 20 {
            let start = Instant::now();
            $call;
            if $round >= 20 {
                times.push(start.elapsed());
            }
        }
        Times(times).print($what);
    }};
}

#[tokio::main]
async fn main() -> Result<()> {
    let data_dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: measure DATA_DIR")?);
    let start = Instant::now();
    let store = SqliteStore::open(&data_dir, Options::default()).await?;
    println!("{:<28} {:>12}", "open", start.elapsed().as_micros());
    let org = store.organizations(1).await?.pop().ok_or("seed the directory first")?;
    let workspace =
        store.workspaces(org.id, &Visibility::Organization, None, 1).await?.pop().ok_or("no workspace")?.id;
    let node = store.nodes().await?.pop().ok_or("seed the directory first")?.id;
    println!("{:<28} {:>12}", "buckets", org.bucket_count);

    reads(&store, org.id, workspace, org.bucket_count).await?;
    inserts(&store, org.id, workspace).await?;
    batches(&store, org.id, node, org.bucket_count).await?;
    store.close().await;
    Ok(())
}

/// A bucket from anywhere among the seeded ones, a different one in each round.
async fn somewhere(store: &dyn Store, org: OrgId, buckets: u64, round: usize) -> Result<BucketId> {
    let second = 1_735_689_600 + (round as u64 * 7_919 * 104_729) % buckets;
    let after = BucketId::new(Timestamp::from_second(i64::try_from(second)?)?, [0; 10]);
    let found = store.node_buckets_after(Some(org), Some(after), 1).await?;
    Ok(found.first().ok_or("no bucket there")?.id)
}

async fn reads(store: &dyn Store, org_id: OrgId, workspace: WorkspaceId, buckets: u64) -> Result<()> {
    let page = |visible| BucketQuery { org_id, visible, after: None, limit: 100 };
    let of_org = page(Visibility::Organization);
    let of_workspace = page(Visibility::Workspaces(vec![workspace]));
    time!("first page of 100, org", ROUNDS, |_round| store.buckets(&of_org).await?);
    time!("first page of 100, workspace", ROUNDS, |_round| store.buckets(&of_workspace).await?);
    time!("first page of totals", ROUNDS, |_round| store.usage_totals(&of_org).await?);
    let mut somewhere_else = Vec::new();
    for round in 0..ROUNDS + 20 {
        somewhere_else.push(somewhere(store, org_id, buckets, round).await?);
    }
    time!("one bucket", ROUNDS, |round| store.bucket(org_id, somewhere_else[round]).await?);
    time!("one bucket's reports", ROUNDS, |round| store.node_statuses(somewhere_else[round]).await?);
    let day = Day::of(Timestamp::from_second(1_735_689_600)?);
    time!("one bucket's day", ROUNDS, |round| store.day_records(somewhere_else[round], day).await?);
    time!("one bucket's totals", ROUNDS, |round| store.usage_totals_of(&[somewhere_else[round]]).await?);
    let name = Name::parse("seeded 17")?;
    time!("name check", ROUNDS, |_round| store.bucket_name_taken(org_id, &name, None).await?);
    Ok(())
}

async fn inserts(store: &dyn Store, org_id: OrgId, workspace_id: WorkspaceId) -> Result<()> {
    let now = SystemClock.now();
    let mut inserted = Vec::new();
    time!("insert", ROUNDS, |round| {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&(round as u64).to_be_bytes());
        let id = BucketId::new(now, random);
        let new = NewBucket {
            id,
            org_id,
            workspace_id,
            name: Name::parse(&format!("measured {id}"))?,
            location: BucketLocation {
                storage_type: StorageType::S3,
                bucket: "measured".to_owned(),
                key: None,
                endpoint: None,
                region: None,
            },
            secret: Some(StoredSecret {
                sealed: SealedSecret::from_text("s".repeat(600)),
                sealed_to: "seed".to_owned(),
            }),
            secret_expires_at: None,
            first_report: None,
            pinned_to: bucketry_model::pinning::BucketPins::default(),
        };
        store.insert_bucket(&new, &change(now)).await?;
        inserted.push(id);
    });
    time!("delete", ROUNDS, |round| store.delete_bucket(org_id, inserted[round], &change(now)).await?);
    Ok(())
}

async fn batches(store: &dyn Store, org: OrgId, node_id: NodeId, buckets: u64) -> Result<()> {
    let mut ids = Vec::new();
    while ids.len() < BATCH.min(usize::try_from(buckets)?) {
        let page = store.node_buckets_after(Some(org), ids.last().copied(), 1_000).await?;
        ids.extend(page.into_iter().map(|bucket| bucket.id));
    }
    let start = SystemClock.now();
    time!("heartbeat of 5,000 samples", 20_u32, |round| {
        let at = start + SignedDuration::from_secs(60 * i64::from(round));
        let status = ProbedStatus::Online;
        let sample = ProbeSample { at, status, latency_ms: Some(25), failure: None, version: None };
        let samples: Vec<_> = ids.iter().cycle().take(BATCH).map(|id| (*id, sample.clone())).collect();
        let longest_gap = SignedDuration::from_secs(150);
        store.record_probes(&ProbeBatch { node_id, org_id: None, now: at, longest_gap, samples }).await?
    });
    let spool = format!("measured at {start}");
    let first_minute = start.as_second() / 60 * 60;
    time!("usage batch of 5,000 rows", 20_u32, |round| {
        // Each bucket once per minute, over as many minutes as needed.
        let minutes = (i64::from(round) * 5..).map(|minute| first_minute + 60 * minute);
        let each = minutes.flat_map(|minute| ids.iter().map(move |id| (minute, *id)));
        let rows = each.take(BATCH).map(|(minute, bucket_id)| UsageRow {
            minute,
            bucket_id,
            repo_id: None,
            requests: 10,
            errors: 0,
            upload_bytes: 1_000,
            download_bytes: 1_000,
            size_change: 0,
            latency_sum_ms: 100,
            ..UsageRow::empty(minute, bucket_id, None)
        });
        let batch = UsageBatch { spool: spool.clone(), number: u64::from(round) + 1, rows: rows.collect() };
        store.add_usage(node_id, None, &batch, start).await?
    });
    Ok(())
}
