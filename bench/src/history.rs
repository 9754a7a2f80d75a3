//! What the history of buckets costs, compared with a binary from before it: hours, events and sizes, in probing 10,000
//! buckets per minute and in lists of 100 buckets.

use std::path::Path;
use std::time::{Duration, Instant};

use bucketry_model::hours::DayHours;
use bucketry_model::time::{Clock as _, SystemClock, to_micros};
use bucketry_model::uptime::{Observed, ProbeSample, hour_of, spans};
use bucketry_model::{status::ProbedStatus, time::Day};
use bucketry_store::sqlite::DATABASE_FILE;
use bucketry_test_servers::bucketry::Options;
use bucketry_test_servers::postgres as server;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use tempfile::TempDir;

use crate::a1::{BUCKETS, LIST, PAGE, has_all_buckets};
use crate::baseline::Baseline;
use crate::deployment::{Deployment, options};
use crate::load::{Side, pairs};
use crate::origin::Origin;
use crate::postgres::Postgres;
use crate::report::{self, Bar, Report};
use crate::statistics::Spread;
use crate::{Plan, Result};

/// Seconds between two probes of a bucket. The windows are as long, so that each has one probe per bucket.
const INTERVAL: u64 = 60;
const PAGE_LIMIT: (f64, &str) = (1.2, "≤ 1.2 ×");
const PROBE_LIMIT: (f64, &str) = (1.1, "≤ 1.1 ×");

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let Some(before) = &plan.before else {
        let missing = "the binary to compare with is missing (`--before`)".to_owned();
        let bars = vec![Bar::reported("history of buckets", missing)];
        return Ok(Report::new("history", machine, bars, Value::Null));
    };
    let origin = Origin::start()?;
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    lists(plan, before, "SQLite", None, &origin, (&mut bars, &mut figures)).await?;
    if let Some(postgres) = Postgres::start(plan, &std::env::temp_dir())? {
        lists(plan, before, "PostgreSQL", Some(&postgres), &origin, (&mut bars, &mut figures)).await?;
    }
    probes(plan, before, &origin, (&mut bars, &mut figures)).await?;
    Ok(Report::new("history", machine, bars, Value::Object(figures)))
}

/// A binary with its registry.
struct Version {
    directory: TempDir,
    options: Options,
    /// The URL of the database, if it is PostgreSQL.
    database: Option<String>,
}

impl Version {
    /// Registers buckets.
    async fn new(
        program: &Path,
        postgres: Option<(&Postgres, &str)>,
        buckets: usize,
        origin: &Origin,
    ) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut options = options(program, directory.path()).env("BUCKETRY_LOG", "warn");
        let database = postgres.map(|(postgres, name)| postgres.database(name)).transpose()?;
        if let Some(database) = &database {
            options = options.env("BUCKETRY_DATABASE_URL", database);
        }
        let filling = Deployment::start(options.clone()).await?;
        filling.register(buckets, &origin.endpoint).await?;
        filling.wait_online(buckets, Duration::from_mins(3)).await?;
        // Lets the node's last heartbeat arrive.
        tokio::time::sleep(Duration::from_secs(2)).await;
        filling.stop()?;
        Ok(Self { directory, options, database })
    }

    /// Runs a statement while no server is running.
    async fn execute(&self, plan: &Plan, sql: String) -> Result {
        if let Some((database, programs)) = self.database.as_deref().zip(plan.postgres.as_deref()) {
            server::query(programs, database, &sql)?;
            return Ok(());
        }
        let file = self.directory.path().join(DATABASE_FILE);
        let mut connection = SqliteConnectOptions::new().filename(file).connect().await?;
        connection.execute(AssertSqlSafe(sql)).await?;
        Ok(())
    }

    async fn start(&self, probe_interval: &str) -> Result<Deployment> {
        Deployment::start(self.options.clone().env("BUCKETRY_PROBE_INTERVAL", probe_interval)).await
    }
}

async fn lists(
    plan: &Plan,
    before: &Path,
    engine: &str,
    postgres: Option<&Postgres>,
    origin: &Origin,
    (bars, figures): (&mut Vec<Bar>, &mut Map<String, Value>),
) -> Result {
    report::complain(&format!("lists, {engine}"));
    let new =
        Version::new(&plan.bucketry, postgres.map(|one| (one, "with_history")), BUCKETS, origin).await?;
    let old = Version::new(before, postgres.map(|one| (one, "before_history")), BUCKETS, origin).await?;
    let now = to_micros(SystemClock.now());
    let sizes = format!(
        "INSERT INTO bucket_sizes (bucket_id, objects, bytes, started_at, measured_at, size_change) \
         SELECT b.id, 1234567, 123456789012, {now}, {now}, 0 FROM buckets b"
    );
    new.execute(plan, sizes).await?;
    let (new, old) = (new.start("86400").await?, old.start("86400").await?);
    for server in [&new, &old] {
        server.wait_online(BUCKETS, Duration::from_mins(1)).await?;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for (name, path, what, requests) in [
        ("page", PAGE, "a page of 100 buckets with times and sizes, which is not cached", 3_000),
        ("list", LIST, "the list of the same buckets, which is cached", 20_000),
    ] {
        let new = side(&new, path, &has_history);
        let old = side(&old, path, &has_all_buckets);
        let (rounds, requests) = if plan.quick { (3, requests / 5) } else { (7, requests) };
        let pairs = pairs([&new, &old], rounds, requests).await?;
        let measured = format!("{} × ({:.0} µs)", pairs.cpu_ratio, pairs.cpu_us_per_request[0].median);
        let what =
            format!("CPU per request for {what}, relative to a version without its new fields, {engine}");
        bars.push(Bar::at_most(&what, PAGE_LIMIT, pairs.cpu_ratio.median, measured));
        figures.insert(format!("{name} {engine}"), json!({ "newAndOld": pairs }));
    }
    bytes_alone(plan, [&new, &old], engine, (bars, figures)).await?;
    new.stop()?;
    old.stop()
}

/// Compares the cached lists of both versions as the same bytes from memory: how much of their difference is that new
/// fields make a list longer.
async fn bytes_alone(
    plan: &Plan,
    versions: [&Deployment; 2],
    engine: &str,
    (bars, figures): (&mut Vec<Bar>, &mut Map<String, Value>),
) -> Result {
    let mut bodies = Vec::new();
    for version in versions {
        let mut connection = version.connect().await?;
        connection.json(Method::GET, LIST, None).await?;
        bodies.push(connection.body().to_vec());
    }
    let [new, old] = &bodies[..] else { return Err("two versions have two lists".into()) };
    let from_memory = [Baseline::start(new)?, Baseline::start(old)?];
    let [new_side, old_side] = from_memory.each_ref().map(|one| Side {
        urls: vec![&one.url],
        token: &one.token,
        path: LIST,
        processes: vec![one.process],
        verify: &has_all_buckets,
    });
    let (rounds, requests) = if plan.quick { (3, 4_000) } else { (7, 20_000) };
    let pairs = pairs([&new_side, &old_side], rounds, requests).await?;
    bars.push(Bar::reported(
        &format!("CPU per request for the bytes of these two lists from memory, {engine}"),
        format!("{} × ({} bytes, before {})", pairs.cpu_ratio, new.len(), old.len()),
    ));
    figures.insert(format!("bytes {engine}"), json!({ "newAndOld": pairs }));
    Ok(())
}

fn side<'a>(server: &'a Deployment, path: &'a str, verify: &'a dyn Fn(&[u8]) -> Result) -> Side<'a> {
    let (urls, processes) = (vec![server.url()], vec![server.process]);
    Side { urls, token: &server.token, path, processes, verify }
}

/// Both versions run at the same time, so that other load on the machine affects both.
async fn probes(
    plan: &Plan,
    before: &Path,
    origin: &Origin,
    (bars, figures): (&mut Vec<Bar>, &mut Map<String, Value>),
) -> Result {
    let (buckets, warm_up, windows) = if plan.quick { (1_000, 70, 2) } else { (10_000, 130, 5) };
    report::complain(&format!("probing {buckets} buckets with each version"));
    let new = Version::new(&plan.bucketry, None, buckets, origin).await?;
    let old = Version::new(before, None, buckets, origin).await?;
    let now = SystemClock.now();
    let hours = hours_until(now);
    new.execute(
        plan,
        format!("UPDATE day_records SET hours = '{}' WHERE day = {}", hours.to_text(), Day::of(now).number()),
    )
    .await?;
    let interval = INTERVAL.to_string();
    let servers = [new.start(&interval).await?, old.start(&interval).await?];
    tokio::time::sleep(Duration::from_secs(warm_up)).await;
    let mut costs = [Vec::new(), Vec::new()];
    let requests = origin.requests().await?;
    let start = Instant::now();
    for _ in 0..windows {
        let cpu = [servers[0].process.cpu()?, servers[1].process.cpu()?];
        tokio::time::sleep(Duration::from_secs(INTERVAL)).await;
        for ((server, cpu), costs) in servers.iter().zip(cpu).zip(&mut costs) {
            let used = server.process.cpu()?.saturating_sub(cpu);
            costs.push(used.as_secs_f64() * 1.0e6 / buckets as f64);
        }
    }
    let probed =
        (origin.requests().await? - requests) as f64 / start.elapsed().as_secs_f64() * INTERVAL as f64;
    let expected = 2.0 * buckets as f64;
    if (probed - expected).abs() > expected * 0.05 {
        return Err(format!("{probed:.0} probes per minute arrived, expected {expected:.0}").into());
    }
    for server in servers {
        server.wait_online(buckets, Duration::from_secs(1)).await?;
        server.stop()?;
    }
    let ratio = Spread::of(costs[0].iter().zip(&costs[1]).map(|(new, old)| new / old));
    let costs = costs.map(Spread::of);
    bars.push(Bar::at_most(
        &format!(
            "CPU per probe of {buckets} buckets per minute, relative to a version without hours and events"
        ),
        PROBE_LIMIT,
        ratio.median,
        format!("{ratio} × ({:.0} µs)", costs[0].median),
    ));
    figures.insert(
        "probes".to_owned(),
        json!({ "ratio": ratio, "cpuUsPerProbe": costs, "hoursOfTheDay": hours.records().count() }),
    );
    Ok(())
}

/// What a node has recorded of a bucket so far today: a probe per minute.
fn hours_until(now: Timestamp) -> DayHours {
    let mut hours = DayHours::default();
    let (minute, start) = (SignedDuration::from_mins(1), Day::of(now).start());
    let mut before: Option<Observed> = None;
    let mut at = start;
    for latency_ms in (20..40).cycle() {
        if at >= now {
            break;
        }
        for span in spans(before, at, minute * 2) {
            hours.observe(span);
        }
        let status = ProbedStatus::Online;
        let sample = ProbeSample { at, status, latency_ms: Some(latency_ms), failure: None, version: None };
        hours.count(hour_of(at), &sample);
        before = Some(Observed { at, status });
        at += minute;
    }
    hours
}

fn has_history(body: &[u8]) -> Result {
    has_all_buckets(body)?;
    let value: Value = serde_json::from_slice(body)?;
    let complete = |bucket: &Value| {
        ["onlineSince", "storedBytes", "objects", "inventoryAt"].iter().all(|field| !bucket[*field].is_null())
    };
    match value["buckets"].as_array() {
        Some(buckets) if buckets.iter().all(complete) => Ok(()),
        _ => Err("a bucket lacks a new field".into()),
    }
}
