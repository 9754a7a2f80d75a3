//! A2 and A3 with three control planes, on a registry with many buckets. A4 follows on the same registry.

use std::path::Path;
use std::time::{Duration, Instant};

use ring::digest::{Digest, SHA256, digest};
use serde_json::json;

use super::RemoteResults;
use super::planes::{Barred, ComparedPlanes, PlaneRounds, UnitCost};
use super::reports;
use crate::a3::{self, check, read_whole};
use crate::connection::Connection;
use crate::deployment::Deployment;
use crate::postgres::Postgres;
use crate::process::{Process, cpu_of};
use crate::registry_calls::{RegistryCall, RegistryClient};
use crate::report::{self, Bar};
use crate::seeded::Seeded;
use crate::statistics::Latency;
use crate::{Plan, Result};

const MIB: f64 = 1_048_576.0;
/// How long the first start may take to add the buckets to what searches and filters read.
const LISTED_WITHIN: Duration = Duration::from_mins(5);

pub(super) async fn measure(
    plan: &Plan,
    postgres: &Postgres,
    place: &Path,
    results: &mut RemoteResults,
) -> Result {
    let buckets = if plan.quick { 5_000 } else { 100_000 };
    let (single, _) = Seeded::new(plan, buckets, place).await?.migrate(plan, postgres)?;
    list_all(plan, postgres, &single).await?;
    let shared = single.copy_in(postgres, "shared_registry", place)?;
    let planes = ComparedPlanes::start(single.options(plan), shared.options(plan)).await?;
    calls(plan, &planes, &single, results).await?;
    whole_lists(plan, &planes, buckets, results).await?;
    reports::measure(plan, &planes, postgres, &single, results).await?;
    planes.stop()
}

/// Lets a control plane add the buckets to what searches and filters read, which would otherwise happen during the
/// measurement.
async fn list_all(plan: &Plan, postgres: &Postgres, registry: &Seeded) -> Result {
    let database = registry.database().ok_or("the registry isn't in PostgreSQL")?;
    let deployment = Deployment::start(registry.options(plan).arg("--no-node")).await?;
    let deadline = Instant::now() + LISTED_WITHIN;
    while postgres.query(database, "SELECT count(*) FROM unlisted")? != "0" {
        if Instant::now() > deadline {
            return Err(format!("not all buckets can be searched after {LISTED_WITHIN:?}").into());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    deployment.stop()?;
    postgres.settle(database)
}

/// A2.
async fn calls(
    plan: &Plan,
    planes: &ComparedPlanes,
    registry: &Seeded,
    results: &mut RemoteResults,
) -> Result {
    let (rounds, requests) = if plan.quick { (2, 60) } else { (7, 1_200) };
    let mut single = clients(std::slice::from_ref(&planes.single), registry).await?;
    let mut three = clients(&planes.three, registry).await?;
    for call in RegistryCall::REGISTRY.iter().copied() {
        report::complain(call.describe());
        let measured = PlaneRounds::measure(rounds, async |routing| {
            let processes = planes.processes(routing);
            let clients = if processes.len() == 1 { &mut single } else { &mut three };
            let targets = planes.targets(routing).len();
            block(&mut clients[..targets], &processes, call, requests).await
        })
        .await?;
        let what = format!("A2 p99 of {}, {} buckets", call.describe(), registry.buckets);
        results.bars.extend(measured.bars(&what, Barred::Time));
        results.figures.insert(format!("a2 {}", call.describe()), json!(measured));
    }
    Ok(())
}

async fn clients(planes: &[Deployment], registry: &Seeded) -> Result<Vec<RegistryClient>> {
    let mut clients = Vec::new();
    for plane in planes {
        clients.push(RegistryClient::connect(plane, registry).await?);
    }
    Ok(clients)
}

/// Makes calls of one kind, one at a time, the first ones with the first client: a client keeps its connection.
async fn block(
    clients: &mut [RegistryClient],
    processes: &[Process],
    call: RegistryCall,
    requests: usize,
) -> Result<UnitCost> {
    let cpu = cpu_of(processes)?;
    let (mut times, count) = (Vec::new(), clients.len());
    for number in 0..requests {
        times.push(clients[number * count / requests].time(call).await?);
    }
    let cpu = cpu_of(processes)?.saturating_sub(cpu);
    Ok(UnitCost { time_us: Latency::of(times).p99 as f64, cpu_us: cpu.as_secs_f64() * 1e6 / requests as f64 })
}

/// A3.
async fn whole_lists(
    plan: &Plan,
    planes: &ComparedPlanes,
    buckets: u64,
    results: &mut RemoteResults,
) -> Result {
    report::complain("whole lists");
    let mut reader = ListReader { buckets, checked: None, next: 0 };
    let mut single = vec![planes.single.connect().await?];
    let mut three = Vec::new();
    for plane in &planes.three {
        three.push(plane.connect().await?);
    }
    let growth = reader.growth(&mut three, &planes.three).await?;
    results.bars.push(Bar::at_most(
        &format!("A3 memory growth of three control planes together for {buckets} buckets in one response"),
        a3::LIMIT,
        growth,
        format!("{:.1} MiB", growth / MIB),
    ));
    let measured = PlaneRounds::measure(if plan.quick { 2 } else { 5 }, async |routing| {
        let processes = planes.processes(routing);
        let connections = if processes.len() == 1 { &mut single } else { &mut three };
        let targets = planes.targets(routing).len();
        reader.read(&mut connections[..targets], &processes).await
    })
    .await?;
    let what = format!("A3 CPU per bucket of {buckets} in one response");
    results.bars.extend(measured.bars(&what, Barred::Cpu));
    results.figures.insert("a3".to_owned(), json!({ "growthBytes": growth, "lists": measured }));
    Ok(())
}

/// Reads whole lists, and checks each that differs from the previous one.
struct ListReader {
    buckets: u64,
    checked: Option<Digest>,
    next: usize,
}

impl ListReader {
    /// By how much the memory of all control planes grows when the first one returns its first list.
    async fn growth(&mut self, connections: &mut [Connection], planes: &[Deployment]) -> Result<f64> {
        let mut before = 0;
        for plane in planes {
            plane.process.forget_peak()?;
            before += plane.process.resident()?;
        }
        let processes: Vec<Process> = planes.iter().map(|plane| plane.process).collect();
        self.read(&mut connections[..1], &processes).await?;
        let peak = processes.iter().map(|process| process.peak()).sum::<Result<u64>>()?;
        Ok(peak.saturating_sub(before) as f64)
    }

    /// Reads the list through the next of the connections.
    async fn read(&mut self, connections: &mut [Connection], processes: &[Process]) -> Result<UnitCost> {
        self.next += 1;
        let count = connections.len();
        let connection = &mut connections[self.next % count];
        let (start, cpu) = (Instant::now(), cpu_of(processes)?);
        read_whole(connection).await?;
        let (took, cpu) = (start.elapsed(), cpu_of(processes)?.saturating_sub(cpu));
        let sum = digest(&SHA256, connection.body());
        if self.checked.is_none_or(|checked| checked.as_ref() != sum.as_ref()) {
            check(connection.body(), self.buckets)?;
            self.checked = Some(sum);
        }
        let buckets = self.buckets as f64;
        Ok(UnitCost { time_us: took.as_secs_f64() * 1e6, cpu_us: cpu.as_secs_f64() * 1e6 / buckets })
    }
}
