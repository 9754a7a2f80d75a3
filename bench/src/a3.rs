//! A3: 100,000 buckets in one response.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http::Method;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::deployment::Deployment;
use crate::postgres::Postgres;
use crate::report::{self, Bar, Report};
use crate::seeded::Seeded;
use crate::statistics::Spread;
use crate::{Plan, Result};

const MIB: f64 = 1_048_576.0;
/// Maximum memory growth, in bytes.
pub(crate) const LIMIT: (f64, &str) = (32.0 * MIB, "≤ 32 MiB");
/// After this time, a silent node is shown as disconnected.
const SILENT_AFTER: Duration = Duration::from_secs(65);
/// Number of concurrent lists, to measure what several of them take.
const AT_ONCE: usize = 4;

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let (buckets, rounds) = if plan.quick { (10_000, 3) } else { (100_000, 7) };
    let place = std::env::temp_dir();
    let seeded = Seeded::new(plan, buckets, &place).await?;
    // The node of the seed is silent now, which changes the whole list once.
    tokio::time::sleep(SILENT_AFTER).await;
    let (mut bars, on_sqlite) = on(plan, &seeded, rounds, "SQLite").await?;
    let mut figures = json!({ "buckets": buckets, "sqlite": on_sqlite });
    if let Some(postgres) = Postgres::start(plan, &place)? {
        let (moved, _) = seeded.migrate(plan, &postgres)?;
        let (more, on_postgres) = on(plan, &moved, rounds, "PostgreSQL").await?;
        bars.extend(more);
        figures["postgresql"] = on_postgres;
    }
    Ok(Report::new("a3", machine, bars, figures))
}

async fn on(plan: &Plan, seeded: &Seeded, rounds: usize, engine: &str) -> Result<(Vec<Bar>, Value)> {
    let buckets = seeded.buckets;
    let deployment = Deployment::start(seeded.options(plan).arg("--no-node")).await?;
    let mut connection = deployment.connect().await?;
    // Warm-up: each of the database's connections has read pages, as in any server that has run for a while.
    for _ in 0..200 {
        connection.json(Method::GET, "/bucket?limit=100", None).await?;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;

    let resident = deployment.process.resident()?;
    let one_by_one = read_one_by_one(&deployment, &mut connection, buckets, rounds, resident).await?;
    let growth_of_many = read_at_once(&deployment).await?;
    deployment.stop()?;
    Ok(one_by_one.evaluate(buckets, engine, growth_of_many))
}

/// The measurements of whole lists, read one after the other.
struct ListReads {
    body_bytes: usize,
    /// Resident memory before the first one.
    resident: u64,
    /// Growth of the peak since then, per list.
    growths: Vec<f64>,
    mib_per_second: Vec<f64>,
    cpu_us_per_bucket: Vec<f64>,
}

/// Reads the whole list several times, which must give the same bytes each time.
async fn read_one_by_one(
    deployment: &Deployment,
    connection: &mut Connection,
    buckets: u64,
    rounds: usize,
    resident: u64,
) -> Result<ListReads> {
    let process = deployment.process;
    let mut reads = ListReads {
        body_bytes: 0,
        resident,
        growths: Vec::new(),
        mib_per_second: Vec::new(),
        cpu_us_per_bucket: Vec::new(),
    };
    let mut digest_before = None;
    for number in 0..rounds {
        process.forget_peak()?;
        let (start, cpu) = (Instant::now(), process.cpu()?);
        read_whole(connection).await?;
        let (took, cpu) = (start.elapsed(), process.cpu()?.saturating_sub(cpu));
        reads.growths.push(process.peak()?.saturating_sub(resident) as f64);
        if number == 0 {
            check(connection.body(), buckets)?;
        }
        let sum = digest(&SHA256, connection.body());
        if digest_before.is_some_and(|before: ring::digest::Digest| before.as_ref() != sum.as_ref()) {
            return Err("the list differs from the previous one".into());
        }
        digest_before = Some(sum);
        reads.body_bytes = connection.body().len();
        reads.mib_per_second.push(reads.body_bytes as f64 / took.as_secs_f64() / MIB);
        reads.cpu_us_per_bucket.push(cpu.as_secs_f64() * 1e6 / buckets as f64);
    }
    Ok(reads)
}

/// Reads several whole lists at once, and returns by how much memory grew.
async fn read_at_once(deployment: &Deployment) -> Result<f64> {
    let process = deployment.process;
    let mut connections = Vec::new();
    for _ in 0..AT_ONCE {
        connections.push(deployment.connect().await?);
    }
    process.forget_peak()?;
    let before = process.resident()?;
    try_join_all(connections.iter_mut().map(read_whole)).await?;
    Ok(process.peak()?.saturating_sub(before) as f64)
}

impl ListReads {
    fn evaluate(self, buckets: u64, engine: &str, growth_of_many: f64) -> (Vec<Bar>, Value) {
        let growth_of_first = self.growths.first().copied().unwrap_or_default();
        let growth_of_last = self.growths.last().copied().unwrap_or_default();
        let rounds = self.growths.len();
        let (rate, cpu) = (Spread::of(self.mib_per_second), Spread::of(self.cpu_us_per_bucket));
        let figures = json!({
            "bodyBytes": self.body_bytes,
            "residentBeforeBytes": self.resident,
            "growthSinceBeforeFirstBytes": self.growths,
            "growthOfFourMoreAtOnceBytes": growth_of_many,
            "mibPerSecond": rate,
            "cpuUsPerBucket": cpu,
        });
        let mib = |bytes: f64| format!("{:.1} MiB", bytes / MIB);
        let bars = vec![
            Bar::at_most(
                &format!("memory growth for {buckets} buckets in one response, {engine}"),
                LIMIT,
                growth_of_first,
                mib(growth_of_first),
            ),
            Bar::reported(
                &format!("memory growth after {rounds} such responses in sequence, {engine}"),
                mib(growth_of_last),
            ),
            Bar::reported(
                &format!("further memory growth for {AT_ONCE} such responses at once, {engine}"),
                mib(growth_of_many),
            ),
            Bar::reported(
                &format!("speed of such a response, {engine}"),
                format!("{rate} MiB/s, {:.2} µs of the server's CPU per bucket", cpu.median),
            ),
        ];
        (bars, figures)
    }
}

/// Reads the whole list.
pub(crate) async fn read_whole(connection: &mut Connection) -> Result {
    let answered = connection.call(Method::GET, "/bucket", None).await?;
    connection.expect_ok("/bucket", answered)
}

/// Checks that a list contains this many different buckets.
pub(crate) fn check(body: &[u8], buckets: u64) -> Result {
    let value: Value = serde_json::from_slice(body)?;
    let listed = value["buckets"].as_array().ok_or("no buckets")?;
    let mut ids: Vec<&str> = listed.iter().filter_map(|bucket| bucket["id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() as u64 == buckets && listed.len() as u64 == buckets {
        Ok(())
    } else {
        Err(format!("the list has {} buckets, {} of them different", listed.len(), ids.len()).into())
    }
}
