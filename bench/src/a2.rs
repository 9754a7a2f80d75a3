//! A2 and SEARCH: latencies that must not grow with the number of buckets.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::deployment::{Deployment, time_start};
use crate::postgres::Postgres;
use crate::registry_calls::{RegistryCall, RegistryClient};
use crate::report::{self, Bar, Report};
use crate::seeded::Seeded;
use crate::statistics::{Latency, Spread};
use crate::{Plan, Result};

const MIB: f64 = 1_048_576.0;
/// Consecutive requests of one kind to one server.
const TURN: usize = 20;

/// A server with a given number of buckets.
struct Sized {
    deployment: Deployment,
    client: RegistryClient,
}

/// The durations of one round, by kind of call and number of buckets.
type Times = BTreeMap<(RegistryCall, u64), Vec<Duration>>;

/// A directory in memory, so that the figures don't include what a disk or an evicted cache adds.
pub(crate) const MEMORY: &str = "/dev/shm";

/// How much is measured.
struct Extent {
    calls: &'static [RegistryCall],
    sizes: &'static [u64],
    rounds: usize,
    turns: usize,
}

impl Extent {
    fn of(plan: &Plan, calls: &'static [RegistryCall]) -> Self {
        if plan.quick {
            Self { calls, sizes: &[1_000, 20_000], rounds: 3, turns: 5 }
        } else {
            Self { calls, sizes: &[1_000, 100_000, 1_000_000], rounds: 7, turns: 25 }
        }
    }
}

/// SEARCH: searches and filters, with both engines, in memory where there is a directory for that.
pub(crate) async fn measure_search(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let extent = Extent::of(plan, RegistryCall::SEARCH);
    let (memory, disk) = (Path::new(MEMORY), std::env::temp_dir());
    let (place, where_it_is) =
        if memory.is_dir() { (memory, "in memory") } else { (disk.as_path(), "on the disk") };
    let mut seeded = Vec::new();
    for buckets in extent.sizes {
        seeded.push(Seeded::new(plan, *buckets, place).await?);
    }
    let mut found = RegistryResults::default();
    let measured = calls_on(&extent, plan, &seeded).await?;
    found.add("sqlite", &format!("SQLite {where_it_is}"), &extent, &measured, true);
    if let Some(postgres) = Postgres::start(plan, place)? {
        let mut there = Vec::new();
        for one in seeded {
            there.push(one.migrate(plan, &postgres)?.0);
        }
        let measured = calls_on(&extent, plan, &there).await?;
        found.add("postgresql", &format!("PostgreSQL {where_it_is}"), &extent, &measured, true);
    }
    Ok(Report::new("search", machine, found.bars, Value::Object(found.figures)))
}

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let extent = Extent::of(plan, RegistryCall::REGISTRY);
    let (memory, disk) = (Path::new(MEMORY), std::env::temp_dir());
    let place = if memory.is_dir() { memory } else { &disk };
    let mut seeded = Vec::new();
    for buckets in extent.sizes {
        seeded.push(Seeded::new(plan, *buckets, place).await?);
    }
    let mut found = RegistryResults::default();
    if place == memory {
        report::complain("files in memory");
        let measured = on(plan, &extent, &seeded).await?;
        found.add("sqliteInMemory", "SQLite in memory", &extent, &measured.calls, true);
        report::complain("files on the disk");
        let copies: Vec<Seeded> = seeded.iter().map(|one| one.copy_to(&disk)).collect::<Result<_>>()?;
        let measured = on(plan, &extent, &copies).await?;
        found.add("sqliteOnDisk", "SQLite on the disk", &extent, &measured.calls, false);
        found.bars.push(measured.starts);
    } else {
        let measured = on(plan, &extent, &seeded).await?;
        found.add("sqliteOnDisk", "SQLite on the disk", &extent, &measured.calls, true);
        found.bars.push(measured.starts);
    }
    found.backup(plan, &seeded)?;
    if let Some(postgres) = Postgres::start(plan, place)? {
        let name = if place == memory { "PostgreSQL in memory" } else { "PostgreSQL on the disk" };
        measure_postgres(plan, &extent, seeded, &postgres, (name, place), &mut found).await?;
    }
    Ok(Report::new("a2", machine, found.bars, Value::Object(found.figures)))
}

/// Moves the registries to PostgreSQL, measures them there and moves them back.
async fn measure_postgres(
    plan: &Plan,
    extent: &Extent,
    seeded: Vec<Seeded>,
    postgres: &Postgres,
    (name, place): (&str, &Path),
    found: &mut RegistryResults,
) -> Result {
    let mut there = Vec::new();
    let mut moves = Vec::new();
    for one in seeded {
        let (one, moved) = one.migrate(plan, postgres)?;
        moves.push((one.buckets, moved));
        there.push(one);
    }
    let measured = on(plan, extent, &there).await?;
    found.add("postgresql", name, extent, &measured.calls, true);
    found.bars.push(measured.starts);
    // The measured registries are moved back, as in a deployment that returns to SQLite.
    let mut moves_back = Vec::new();
    for one in &there {
        moves_back.extend(one.migrate_back(plan, place)?.map(|moved| (one.buckets, moved)));
    }
    for (target, name, moves) in [("PostgreSQL", "migrate", &moves), ("SQLite", "migrateBack", &moves_back)] {
        found.bars.extend(moves.last().map(|(buckets, moved)| moved.bar(*buckets, target)));
        let figures = moves.iter().map(|(buckets, moved)| moved.figures(*buckets)).collect();
        found.figures.insert(name.to_owned(), figures);
    }
    let described = there.last().and_then(Seeded::database).map(|database| postgres.describe(database));
    if let Some((version, bytes)) = described.transpose()? {
        found.figures.insert("postgresqlServer".to_owned(), json!({ "version": version, "bytes": bytes }));
    }
    Ok(())
}

/// What has been measured so far.
#[derive(Default)]
struct RegistryResults {
    bars: Vec<Bar>,
    figures: Map<String, Value>,
}

impl RegistryResults {
    /// Adds the latencies of one engine in one directory.
    fn add(&mut self, key: &str, name: &str, extent: &Extent, measured: &MeasuredCalls, barred: bool) {
        self.bars.extend(bars_of(&measured.calls, extent.sizes, name, barred));
        self.figures.insert(key.to_owned(), measured.figures.clone());
    }

    /// Measures a backup of the largest registry.
    fn backup(&mut self, plan: &Plan, seeded: &[Seeded]) -> Result {
        let largest = seeded.last().ok_or("no sizes")?;
        let (took, bytes) = largest.backup(plan)?;
        self.bars.push(Bar::reported(
            &format!("backup of {} buckets", largest.buckets),
            format!("{:.1} s, {:.0} MiB", took.as_secs_f64(), bytes as f64 / MIB),
        ));
        let figures = json!({ "seconds": took.as_secs_f64(), "bytes": bytes });
        self.figures.insert("backup".to_owned(), figures);
        Ok(())
    }
}

/// The results for one engine in one directory.
struct MeasuredRegistry {
    calls: MeasuredCalls,
    starts: Bar,
}

/// The latencies for one engine in one directory.
struct MeasuredCalls {
    calls: Vec<Growth>,
    figures: Value,
}

async fn on(plan: &Plan, extent: &Extent, seeded: &[Seeded]) -> Result<MeasuredRegistry> {
    let (starts_figures, starts) = starts(plan, seeded, extent.rounds).await?;
    let mut calls = calls_on(extent, plan, seeded).await?;
    calls.figures["startToReadyMs"] = starts_figures;
    Ok(MeasuredRegistry { calls, starts })
}

async fn calls_on(extent: &Extent, plan: &Plan, seeded: &[Seeded]) -> Result<MeasuredCalls> {
    let &Extent { calls, sizes, rounds, turns } = extent;

    let mut servers = Vec::new();
    for one in seeded {
        // A deployment of this size runs its nodes elsewhere; the embedded node would sync during the measurement.
        let deployment = Deployment::start(one.options(plan).arg("--no-node")).await?;
        let client = RegistryClient::connect(&deployment, one).await?;
        servers.push(Sized { deployment, client });
    }
    report::complain("warming up");
    for one in seeded {
        one.read_through()?;
    }
    if calls.contains(&RegistryCall::FilteredPage) {
        for server in &mut servers {
            server.client.wait_silent().await?;
        }
    }
    round(calls, &mut servers, turns, 0).await?;
    let reads_before = reads(&servers)?;
    let mut measured = Vec::new();
    for number in 0..rounds {
        report::complain(&format!("round {} of {rounds}", number + 1));
        measured.push(round(calls, &mut servers, turns, number).await?);
    }
    let requests = (rounds * turns * TURN * calls.len()) as f64;
    let file_reads: Vec<Value> = reads_before
        .into_iter()
        .zip(reads(&servers)?)
        .map(|((buckets, calls, bytes), (_, calls_after, bytes_after))| {
            json!({
                "buckets": buckets,
                "readsPerRequest": (calls_after - calls) as f64 / requests,
                "bytesFromDiskPerRequest": (bytes_after - bytes) as f64 / requests,
            })
        })
        .collect();
    for server in servers {
        server.deployment.stop()?;
    }
    let calls = evaluate(calls, &measured, sizes);
    let figures = json!({ "calls": calls, "files": file_reads });
    Ok(MeasuredCalls { calls, figures })
}

/// Per server: number of buckets, read calls, bytes read from the disk.
fn reads(servers: &[Sized]) -> Result<Vec<(u64, u64, u64)>> {
    let of = |server: &Sized| {
        let (calls, bytes) = server.deployment.process.reads()?;
        Ok((server.client.buckets, calls, bytes))
    };
    servers.iter().map(of).collect()
}

/// Makes every kind of call at every size, in short turns whose order changes.
async fn round(calls: &[RegistryCall], servers: &mut [Sized], turns: usize, number: usize) -> Result<Times> {
    let mut times = Times::new();
    for call in calls.iter().copied() {
        for turn in 0..turns {
            for place in 0..servers.len() {
                let server_count = servers.len();
                let server = &mut servers[(place + turn + number) % server_count];
                let slot = times.entry((call, server.client.buckets)).or_default();
                for _ in 0..TURN {
                    slot.push(server.client.time(call).await?);
                }
            }
        }
    }
    Ok(times)
}

/// The latency of one kind of call at one size, in microseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Growth {
    call: RegistryCall,
    buckets: u64,
    p50: Spread,
    p99: Spread,
    /// As a multiple of the smallest registry's in the same round.
    p50_to_fewest: Spread,
    p99_to_fewest: Spread,
    requests_a_round: usize,
}

fn evaluate(calls: &[RegistryCall], measured: &[Times], sizes: &[u64]) -> Vec<Growth> {
    let fewest = sizes.first().copied().unwrap_or_default();
    let calls = calls.iter().copied().flat_map(|call| sizes.iter().map(move |size| (call, *size)));
    calls
        .map(|(call, buckets)| {
            let times = |round: &Times, size| round.get(&(call, size)).cloned().unwrap_or_default();
            let rounds: Vec<[Latency; 2]> = measured
                .iter()
                .map(|round| [buckets, fewest].map(|size| Latency::of(times(round, size))))
                .collect();
            let of = |figure: fn(&Latency) -> u64| {
                let own = Spread::of(rounds.iter().map(|[many, _]| figure(many) as f64));
                let ratio =
                    Spread::of(rounds.iter().map(|[many, few]| figure(many) as f64 / figure(few) as f64));
                (own, ratio)
            };
            let (p50, p50_to_fewest) = of(|latency| latency.p50);
            let (p99, p99_to_fewest) = of(|latency| latency.p99);
            let requests_a_round = measured.first().map_or(0, |round| times(round, buckets).len());
            Growth { call, buckets, p50, p99, p50_to_fewest, p99_to_fewest, requests_a_round }
        })
        .collect()
}

fn bars_of(calls: &[Growth], sizes: &[u64], place: &str, barred: bool) -> Vec<Bar> {
    let (fewest, most) = (sizes.first().copied(), sizes.last().copied());
    let largest = calls.iter().filter(|growth| Some(growth.buckets) == most);
    largest
        .map(|growth| {
            let what = format!(
                "p99 of {} with {} buckets, relative to that with {}, {place}",
                growth.call.describe(),
                growth.buckets,
                fewest.unwrap_or_default(),
            );
            let ratio = growth.p99_to_fewest;
            let response =
                format!("{ratio} × ({:.0} µs; p50 {:.2} ×)", growth.p99.median, growth.p50_to_fewest.median);
            if barred {
                Bar::at_most(&what, growth.call.limit(), ratio.median, response)
            } else {
                Bar::reported(&what, response)
            }
        })
        .collect()
}

/// Measures starts with the embedded node, alternating between the registries.
async fn starts(plan: &Plan, seeded: &[Seeded], rounds: usize) -> Result<(Value, Bar)> {
    report::complain("starting");
    let mut taken: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for number in 0..rounds {
        for place in 0..seeded.len() {
            let one = &seeded[(place + number) % seeded.len()];
            let took = time_start(one.options(plan)).await?;
            taken.entry(one.buckets).or_default().push(took.as_secs_f64() * 1e3);
        }
    }
    let spreads: Vec<(u64, Spread)> =
        taken.into_iter().map(|(buckets, times)| (buckets, Spread::of(times))).collect();
    let response = |(buckets, spread): &(u64, Spread)| format!("{buckets}: {:.0} ms", spread.median);
    let text = spreads.iter().map(response).collect::<Vec<_>>().join(", ");
    let engine = if seeded.iter().any(|one| one.database().is_some()) { "PostgreSQL" } else { "SQLite" };
    let figures = spreads.iter().map(|(buckets, ms)| json!({ "buckets": buckets, "ms": ms })).collect();
    Ok((Value::Array(figures), Bar::reported(&format!("start to ready, by buckets, {engine}"), text)))
}
