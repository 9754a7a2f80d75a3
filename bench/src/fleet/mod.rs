//! FLEET: a thousand nodes and a million buckets at three control planes on one PostgreSQL.
//!
//! The nodes are simulated in this process. All but a few are private nodes, each of an organization with an equal share of
//! the buckets; the others are the deployment's, and serve all buckets.

mod changes;
mod extent;
mod failover;
mod node;
mod planes;
mod probing;
mod results;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bucketry_model::id::BucketId;
use bucketry_model::probe_share::ProbeShare;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::changes::ChangeTimes;
use self::extent::FleetExtent;
pub(crate) use self::extent::FleetScale;
use self::failover::FailoverResult;
use self::node::{Fleet, KnownConfiguration, SimulatedNode};
use self::planes::{FleetCost, FleetPlanes};
use self::probing::ProbeLoad;
use self::results::FleetResults;
use crate::report::{self, Bar, Report};
use crate::{Plan, Result};

/// Maximum time for a change to reach all nodes (p99), in microseconds: twice the second that is promised.
const CHANGE_LIMIT: (f64, &str) = (2e6, "≤ 2 s");
/// Maximum deviation of the probe load of a bucket.
const LOAD_LIMIT: (f64, &str) = (0.1, "± 10 %");
/// How long nodes may take to receive their buckets.
const SNAPSHOT_WITHIN: Duration = Duration::from_mins(6);
/// Time between two messages about progress.
const SAY_EVERY: Duration = Duration::from_secs(10);
/// How long assignments may take to settle after nodes have joined.
const ASSIGNED_WITHIN: Duration = Duration::from_mins(2);
/// Nodes that join at the same time while the probe load is measured.
const JOIN_AT_ONCE: usize = 50;
/// Buckets whose probe load is counted.
const SAMPLE: usize = 2_000;

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
        let mut said = start;
        while !self.nodes.iter().all(|node| node.is_complete()) {
            if said.elapsed() > SAY_EVERY {
                said = Instant::now();
                let buckets: usize = self.nodes.iter().map(|node| node.received()).sum();
                report::complain(&format!(
                    "         {} of {} nodes are complete, {buckets} buckets",
                    self.complete_count(),
                    self.nodes.len()
                ));
            }
            if start.elapsed() > SNAPSHOT_WITHIN {
                let (complete, all) = (self.complete_count(), self.nodes.len());
                return Err(format!("only {complete} of {all} nodes have their buckets").into());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(start.elapsed())
    }

    fn complete_count(&self) -> usize {
        self.nodes.iter().filter(|node| node.is_complete()).count()
    }

    fn at_plane(&self, plane: usize) -> usize {
        self.nodes.iter().filter(|node| node.plane() == plane).count()
    }
}

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let extent = FleetExtent::of(plan);
    let mut results = FleetResults::new(plan);
    results.begin(&format!("filling a registry with {} buckets", extent.buckets));
    let Some(mut planes) = FleetPlanes::start(plan, &extent, &std::env::temp_dir(), &mut results).await?
    else {
        return Ok(results.report());
    };
    let interval = plan.fleet.probe_interval();
    let fleet = Arc::new(Fleet::new(planes.urls(), planes.key.clone(), interval, Duration::ZERO));
    let mut running = RunningNodes::default();
    let known = start_first(&fleet, &extent, &mut running, &mut results).await;
    let Some(known) = results.end("the first node", known)? else { return Ok(results.report()) };
    let all = start_all(&planes, &fleet, &extent, &known, &mut running, &mut results).await;
    results.end("all other nodes", all)?;
    let rest = at_rest(&planes, &fleet, &extent, &mut results).await;
    results.end("at rest", rest)?;
    let changed = changes_of_one(&planes, &fleet, &extent, &mut results).await;
    results.end("changes", changed)?;

    results.begin("failover");
    let attached = running.at_plane(planes::KILLED);
    let failed_over =
        failover::measure(&mut planes, &fleet, extent.half_of_failover, extent.serving(), attached).await;
    if let Some(failover) = results.end("failover", failed_over)? {
        results.bars(failover_bars(&extent, &failover));
        results.figure("failover", &failover);
    }
    drop(running);

    let (urls, key) = (planes.remaining_urls(), planes.key.clone());
    let fleet = Arc::new(Fleet::new(urls, key, interval, changes::WIDE_EVERY / 2));
    let mut running = RunningNodes::default();
    let loads = probe_loads(&fleet, &extent, &known, &mut running, &mut results).await;
    results.end("probe load", loads)?;
    let changed = changes_of_all(&planes, &fleet, &extent, running.nodes.len(), &mut results).await;
    results.end("changes for all nodes", changed)?;
    drop(running);
    planes.stop()?;
    Ok(results.report())
}

/// Starts a node of the deployment, which fetches all buckets. Returns what it knows then.
async fn start_first(
    fleet: &Arc<Fleet>,
    extent: &FleetExtent,
    running: &mut RunningNodes,
    results: &mut FleetResults<'_>,
) -> Result<KnownConfiguration> {
    results.begin("a node of the deployment fetches all buckets");
    running.start(SimulatedNode::new(fleet, 0, None, None)?);
    let took = running.complete().await?.as_secs_f64();
    let received = running.nodes[0].bucket_count();
    if received as u64 != extent.buckets {
        return Err(format!("received {received} of {} buckets", extent.buckets).into());
    }
    let what = format!("time until a new node has {received} buckets");
    results.bar(Bar::reported(&what, format!("{took:.0} s")));
    results.figure("firstNodeSeconds", &took);
    running.nodes[0].known().ok_or_else(|| "a node without a cursor".into())
}

/// Starts further nodes of the deployment, which know what the first one knows, and all private nodes at once.
async fn start_all(
    planes: &FleetPlanes,
    fleet: &Arc<Fleet>,
    extent: &FleetExtent,
    known: &KnownConfiguration,
    running: &mut RunningNodes,
    results: &mut FleetResults<'_>,
) -> Result {
    let FleetExtent { nodes, buckets, .. } = extent;
    for number in 1..extent.deployment_nodes {
        running.start(SimulatedNode::new(fleet, number, None, Some(known.clone()))?);
    }
    results.begin(&format!("{nodes} private nodes fetch their buckets"));
    let before = planes.cpu()?;
    for (number, organization) in planes.organizations.iter().enumerate() {
        running.start(SimulatedNode::new(fleet, number, Some(*organization), None)?);
    }
    let all = running.complete().await?.as_secs_f64();
    let received: usize =
        running.nodes.iter().skip(extent.deployment_nodes).map(|node| node.bucket_count()).sum();
    let what = format!(
        "time until {nodes} new nodes that start at once have {buckets} buckets, one organization each"
    );
    results.bar(Bar::reported(&what, format!("{all:.0} s")));
    results.figure("start", &json!({ "allNodesSeconds": all, "cost": planes.cost_since(&before)? }));
    if received as u64 == *buckets {
        Ok(())
    } else {
        Err(format!("received {received} of {buckets} buckets").into())
    }
}

async fn at_rest(
    planes: &FleetPlanes,
    fleet: &Fleet,
    extent: &FleetExtent,
    results: &mut FleetResults<'_>,
) -> Result {
    results.begin("at rest");
    sleep(extent.warm_up).await;
    let (before, messages) = (planes.cpu()?, fleet.messages.load(Ordering::Relaxed));
    sleep(extent.window).await;
    let cost: FleetCost = planes.cost_since(&before)?;
    let per_second = (fleet.messages.load(Ordering::Relaxed) - messages) as f64 / cost.seconds;
    let failures = fleet.failures.load(Ordering::Relaxed);
    let of = extent.text();
    results.bar(Bar::reported(
        &format!("CPU of each control plane at rest, {of}"),
        format!(
            "{}, {per_second:.0} messages and {:.0} transactions per second",
            cost.cores_text(),
            cost.transactions_per_second
        ),
    ));
    results.bar(Bar::reported(&format!("memory of each control plane, {of}"), cost.memory_text()));
    let rest = json!({ "cost": cost, "messagesPerSecond": per_second, "failures": failures });
    results.figure("rest", &rest);
    Ok(())
}

/// Registers buckets, which few nodes serve.
async fn changes_of_one(
    planes: &FleetPlanes,
    fleet: &Fleet,
    extent: &FleetExtent,
    results: &mut FleetResults<'_>,
) -> Result {
    results.begin(&format!("{} changes", extent.changes));
    let before = planes.cpu()?;
    let times = changes::registrations(planes, fleet, extent.changes, extent.serving()).await?;
    let bars = change_bars("a change", extent.serving(), &extent.text(), &times);
    results.bars(bars);
    results.figure("changes", &json!({ "times": times, "cost": planes.cost_since(&before)? }));
    Ok(())
}

/// Changes buckets that all of many nodes of the deployment serve.
async fn changes_of_all(
    planes: &FleetPlanes,
    fleet: &Fleet,
    extent: &FleetExtent,
    nodes: usize,
    results: &mut FleetResults<'_>,
) -> Result {
    results.begin(&format!("{} changes for {nodes} nodes", extent.wide_changes));
    let before = planes.cpu()?;
    let times = changes::pins(planes, fleet, extent.wide_changes, nodes).await?;
    let of = format!("{nodes} nodes of the deployment, {} buckets", extent.buckets);
    let bars = change_bars("a change", nodes, &of, &times);
    results.bars(bars);
    let cost = planes.cost_since(&before)?;
    results.figure("changesForAllNodes", &json!({ "times": times, "cost": cost }));
    Ok(())
}

fn change_bars(what: &str, serving: usize, of: &str, times: &ChangeTimes) -> Vec<Bar> {
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
    let serving = extent.serving();
    let changes = change_bars("a change during the failover", serving, &extent.text(), &result.changes);
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
    running: &mut RunningNodes,
    results: &mut FleetResults<'_>,
) -> Result {
    let sample = known.sample(SAMPLE);
    let mut loads = Vec::new();
    for count in &extent.loads {
        results.begin(&format!("probe load with {count} nodes of the deployment"));
        while running.nodes.len() < *count {
            for number in running.nodes.len()..(running.nodes.len() + JOIN_AT_ONCE).min(*count) {
                running.start(SimulatedNode::new(fleet, number, None, Some(known.without_buckets()))?);
            }
            sleep(Duration::from_secs(1)).await;
        }
        loads.push(settled_load(running, &sample).await?);
        results.figure("probeLoads", &loads);
    }
    results.bar(load_bar(&loads));
    Ok(())
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
