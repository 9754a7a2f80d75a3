//! FLEET: a thousand nodes and a million buckets at three control planes on one PostgreSQL.
//!
//! The nodes are simulated in this process. All but a few are private nodes, each of an organization with an equal share of
//! the buckets; the others are the deployment's, and serve all buckets.

mod changes;
mod failover;
mod node;
mod planes;
mod probing;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bucketry_model::id::BucketId;
use bucketry_model::probe_share::ProbeShare;
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::changes::ChangeTimes;
use self::failover::FailoverResult;
use self::node::{Fleet, KnownConfiguration, SimulatedNode};
use self::planes::{FleetCost, FleetPlanes};
use self::probing::ProbeLoad;
use crate::report::{self, Bar, Report};
use crate::{Plan, Result};

/// Maximum time for a change to reach all nodes (p99), in microseconds: twice the second that is promised.
const CHANGE_LIMIT: (f64, &str) = (2e6, "≤ 2 s");
/// Maximum deviation of the probe load of a bucket.
const LOAD_LIMIT: (f64, &str) = (0.1, "± 10 %");
/// How long nodes may take to receive their buckets.
const SNAPSHOT_WITHIN: Duration = Duration::from_mins(20);
/// How long assignments may take to settle after nodes have joined.
const ASSIGNED_WITHIN: Duration = Duration::from_mins(5);
/// Nodes that join at the same time while the probe load is measured.
const JOIN_AT_ONCE: usize = 50;
/// Buckets whose probe load is counted.
const SAMPLE: usize = 2_000;

/// The size of the fleet, in place of that of the benchmark.
#[derive(Debug, Clone, Args)]
pub(crate) struct FleetScale {
    /// Private nodes, each with an organization [default: 1,000; 10 with --quick]
    #[arg(long = "fleet-nodes")]
    nodes: Option<usize>,
    /// Nodes of the deployment, which serve all buckets [default: 10; 3 with --quick]
    #[arg(long = "fleet-deployment-nodes")]
    deployment_nodes: Option<usize>,
    /// Buckets of all organizations together [default: 1,000,000; 1,000 with --quick]
    #[arg(long = "fleet-buckets")]
    buckets: Option<u64>,
    /// Seconds between two probes of a bucket
    #[arg(long = "fleet-probe-interval", default_value_t = 3_600)]
    probe_interval: u64,
}

/// What is measured, and for how long.
struct FleetExtent {
    nodes: usize,
    deployment_nodes: usize,
    buckets: u64,
    warm_up: Duration,
    window: Duration,
    changes: usize,
    half_of_failover: Duration,
    /// Numbers of nodes at which the probe load is counted.
    loads: Vec<usize>,
}

impl FleetExtent {
    fn of(plan: &Plan) -> Self {
        let FleetScale { nodes, deployment_nodes, buckets, .. } = plan.fleet;
        let seconds = Duration::from_secs;
        let quick = plan.quick;
        let nodes = nodes.unwrap_or(if quick { 10 } else { 1_000 }).max(1);
        let mut loads: Vec<usize> =
            [10, 100, 1_000].into_iter().filter(|count| *count <= nodes.max(30)).collect();
        if quick {
            loads = vec![10, 30];
        }
        Self {
            nodes,
            deployment_nodes: deployment_nodes.unwrap_or(if quick { 3 } else { 10 }).max(1),
            buckets: buckets.unwrap_or(if quick { 1_000 } else { 1_000_000 }),
            warm_up: seconds(if quick { 5 } else { 60 }),
            window: seconds(if quick { 10 } else { 120 }),
            changes: if quick { 5 } else { 100 },
            half_of_failover: seconds(if quick { 5 } else { 30 }),
            loads,
        }
    }
}

/// The nodes that run. Dropping it stops them.
#[derive(Default)]
struct RunningNodes {
    nodes: Vec<Arc<SimulatedNode>>,
    tasks: JoinSet<()>,
}

impl RunningNodes {
    fn start(&mut self, node: SimulatedNode) {
        let node = Arc::new(node);
        self.tasks.spawn(Arc::clone(&node).run());
        self.nodes.push(node);
    }

    /// Waits until all nodes have received their buckets.
    async fn complete(&self) -> Result<Duration> {
        let start = Instant::now();
        while !self.nodes.iter().all(|node| node.is_complete()) {
            if start.elapsed() > SNAPSHOT_WITHIN {
                let complete = self.nodes.iter().filter(|node| node.is_complete()).count();
                return Err(
                    format!("only {complete} of {} nodes have their buckets", self.nodes.len()).into()
                );
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(start.elapsed())
    }

    fn at_plane(&self, plane: usize) -> usize {
        self.nodes.iter().filter(|node| node.plane() == plane).count()
    }
}

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let extent = FleetExtent::of(plan);
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    let place = std::env::temp_dir();
    let Some(mut planes) = FleetPlanes::start(plan, &extent, Path::new(&place)).await? else {
        return Ok(Report::new("fleet", machine, bars, Value::Object(figures)));
    };
    let interval = Duration::from_secs(plan.fleet.probe_interval.max(1));
    let fleet = Arc::new(Fleet::new(planes.urls(), planes.key.clone(), interval));
    let mut running = RunningNodes::default();
    let known = start_all(&planes, &fleet, &extent, &mut running, &mut bars, &mut figures).await?;
    at_rest(&planes, &fleet, &extent, &mut bars, &mut figures).await?;

    // The private node of the first organization, and all nodes of the deployment.
    let serving = extent.deployment_nodes + 1;
    report::complain(&format!("{} changes", extent.changes));
    let before = planes.cpu()?;
    let times = changes::measure(&planes, &fleet, extent.changes, serving).await?;
    bars.extend(change_bars("a change", serving, &extent, &times));
    figures.insert("changes".to_owned(), json!({ "times": times, "cost": planes.cost_since(&before)? }));

    report::complain("failover");
    let attached = running.at_plane(failover::KILLED);
    let result = failover::measure(&mut planes, &fleet, extent.half_of_failover, serving, attached).await?;
    bars.extend(failover_bars(&extent, &result));
    figures.insert("failover".to_owned(), json!(result));
    drop(running);

    let remaining = (0..planes.servers.len()).filter(|number| *number != failover::KILLED);
    let urls = remaining.map(|number| planes.servers[number].url().to_owned()).collect();
    let fleet = Arc::new(Fleet::new(urls, planes.key.clone(), interval));
    let loads = probe_loads(&fleet, &extent, &known).await?;
    bars.push(load_bar(&loads));
    figures.insert("probeLoads".to_owned(), json!(loads));
    planes.stop()?;
    Ok(Report::new("fleet", machine, bars, Value::Object(figures)))
}

/// Starts one node of the deployment, which fetches all buckets, then further ones that know what it knows, and all private
/// nodes at once. Returns what the nodes of the deployment know.
async fn start_all(
    planes: &FleetPlanes,
    fleet: &Arc<Fleet>,
    extent: &FleetExtent,
    running: &mut RunningNodes,
    bars: &mut Vec<Bar>,
    figures: &mut Map<String, Value>,
) -> Result<KnownConfiguration> {
    let FleetExtent { nodes, buckets, .. } = extent;
    report::complain("a node of the deployment fetches all buckets");
    running.start(SimulatedNode::new(fleet, 0, None, None)?);
    let took = running.complete().await?.as_secs_f64();
    let received = running.nodes[0].bucket_count();
    if received as u64 != *buckets {
        return Err(format!("a node of the deployment received {received} of {buckets} buckets").into());
    }
    bars.push(Bar::reported(&format!("time until a new node has {buckets} buckets"), format!("{took:.0} s")));
    let known = running.nodes[0].known().ok_or("a node without a cursor")?;
    for number in 1..extent.deployment_nodes {
        running.start(SimulatedNode::new(fleet, number, None, Some(known.clone()))?);
    }
    report::complain(&format!("{nodes} private nodes fetch their buckets"));
    let before = planes.cpu()?;
    for (number, organization) in planes.organizations.iter().enumerate() {
        running.start(SimulatedNode::new(fleet, number, Some(*organization), None)?);
    }
    let all = running.complete().await?.as_secs_f64();
    let received: usize =
        running.nodes.iter().skip(extent.deployment_nodes).map(|node| node.bucket_count()).sum();
    if received as u64 != *buckets {
        return Err(format!("private nodes received {received} of {buckets} buckets").into());
    }
    let what = format!(
        "time until {nodes} new nodes that start at once have {buckets} buckets, one organization each"
    );
    bars.push(Bar::reported(&what, format!("{all:.0} s")));
    let cost = planes.cost_since(&before)?;
    figures
        .insert("start".to_owned(), json!({ "oneNodeSeconds": took, "allNodesSeconds": all, "cost": cost }));
    Ok(known)
}

async fn at_rest(
    planes: &FleetPlanes,
    fleet: &Fleet,
    extent: &FleetExtent,
    bars: &mut Vec<Bar>,
    figures: &mut Map<String, Value>,
) -> Result {
    report::complain("at rest");
    sleep(extent.warm_up).await;
    let (before, messages) = (planes.cpu()?, fleet.messages.load(Ordering::Relaxed));
    sleep(extent.window).await;
    let cost: FleetCost = planes.cost_since(&before)?;
    let per_second = (fleet.messages.load(Ordering::Relaxed) - messages) as f64 / cost.seconds;
    let failures = fleet.failures.load(Ordering::Relaxed);
    let of = format!("{} nodes, {} buckets", extent.nodes + extent.deployment_nodes, extent.buckets);
    bars.push(Bar::reported(
        &format!("CPU of each control plane at rest, {of}"),
        format!("{}, {per_second:.0} messages per second", cost.cores_text()),
    ));
    bars.push(Bar::reported(&format!("memory of each control plane, {of}"), cost.memory_text()));
    let rest = json!({ "cost": cost, "messagesPerSecond": per_second, "failures": failures });
    figures.insert("rest".to_owned(), rest);
    Ok(())
}

fn change_bars(what: &str, serving: usize, extent: &FleetExtent, times: &ChangeTimes) -> Vec<Bar> {
    let of = format!("{} nodes, {} buckets", extent.nodes + extent.deployment_nodes, extent.buckets);
    let arrived = Bar::at_most(
        &format!("p99 of the time until {what} has reached the {serving} nodes that serve it, {of}"),
        CHANGE_LIMIT,
        times.all_nodes.p99 as f64,
        times.text(),
    );
    let missing = times.incomplete as f64;
    let label = format!("of {} such changes, those that a node didn't receive", times.changes);
    vec![arrived, Bar::at_most(&label, (0.0, "0"), missing, format!("{missing}"))]
}

fn failover_bars(extent: &FleetExtent, result: &FailoverResult) -> Vec<Bar> {
    let lost = result.lost as f64;
    let millis = |micros: u64| micros as f64 / 1e3;
    let serving = extent.deployment_nodes + 1;
    let mut bars = vec![
        Bar::at_most(
            "acknowledged writes that are lost when one of three control planes is killed",
            (0.0, "0"),
            lost,
            format!("{lost} of {}", result.acknowledged),
        ),
        Bar::reported(
            "p99 of requests, with all attempts, in the half minute from the kill",
            format!(
                "{:.0} ms ({:.0} ms before; slowest {} ms; {} attempts failed)",
                millis(result.after.p99),
                millis(result.before.p99),
                result.slowest_ms,
                result.failed_attempts
            ),
        ),
        Bar::at_most(
            "nodes of the killed control plane that no other one has heard",
            (0.0, "0"),
            result.nodes.saturating_sub(result.nodes_moved) as f64,
            format!(
                "{} of {}, the last one after {:.1} s",
                result.nodes.saturating_sub(result.nodes_moved),
                result.nodes,
                result.nodes_moved_within_ms as f64 / 1e3
            ),
        ),
    ];
    let changes = change_bars("a change during the failover", serving, extent, &result.changes);
    // While a node is without a control plane, it can't receive anything.
    bars.extend(changes.into_iter().map(|bar| match bar.limit.as_deref() {
        Some("0") => bar,
        _ => Bar::reported(&bar.what, bar.measured),
    }));
    bars
}

/// What the control planes assign to the deployment's nodes, as more and more of them join.
async fn probe_loads(
    fleet: &Arc<Fleet>,
    extent: &FleetExtent,
    known: &KnownConfiguration,
) -> Result<Vec<ProbeLoad>> {
    let sample = known.sample(SAMPLE);
    let mut running = RunningNodes::default();
    let mut loads = Vec::new();
    for count in &extent.loads {
        report::complain(&format!("probe load with {count} nodes of the deployment"));
        while running.nodes.len() < *count {
            for number in running.nodes.len()..(running.nodes.len() + JOIN_AT_ONCE).min(*count) {
                running.start(SimulatedNode::new(fleet, number, None, Some(known.without_buckets()))?);
            }
            sleep(Duration::from_secs(1)).await;
        }
        loads.push(settled_load(&running, &sample).await?);
    }
    Ok(loads)
}

/// The load once all nodes have been assigned shares of the same division, and nothing moves any more.
async fn settled_load(running: &RunningNodes, sample: &[BucketId]) -> Result<ProbeLoad> {
    const SETTLED_FOR: Duration = Duration::from_secs(5);
    let start = Instant::now();
    let mut last: (Vec<ProbeShare>, Instant) = (Vec::new(), start);
    loop {
        let shares: Vec<ProbeShare> = running.nodes.iter().filter_map(|node| node.share()).collect();
        if shares != last.0 {
            last = (shares, Instant::now());
        }
        let (shares, since) = &last;
        let is_divided = shares.windows(2).all(|pair| pair[0].slots == pair[1].slots);
        if shares.len() == running.nodes.len() && is_divided && since.elapsed() >= SETTLED_FOR {
            return Ok(ProbeLoad::of(shares, sample));
        }
        if start.elapsed() > ASSIGNED_WITHIN {
            let (assigned, all) = (shares.len(), running.nodes.len());
            return Err(format!("assignments didn't settle: {assigned} of {all} nodes have one").into());
        }
        sleep(Duration::from_millis(500)).await;
    }
}

fn load_bar(loads: &[ProbeLoad]) -> Bar {
    let counts: Vec<String> = loads.iter().map(|load| load.nodes.to_string()).collect();
    let means: Vec<String> =
        loads.iter().map(|load| format!("{:.2} ({}–{})", load.mean, load.fewest, load.most)).collect();
    Bar::at_most(
        &format!("nodes that probe a bucket, with {} nodes", counts.join(", ")),
        LOAD_LIMIT,
        ProbeLoad::deviation(loads),
        means.join(", "),
    )
}
