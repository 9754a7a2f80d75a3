//! How long a registered bucket takes to reach all nodes that serve it.

use std::time::Duration;

use bucketry_model::id::BucketId;
use http::Method;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::node::{Fleet, REGION};
use super::planes::FleetPlanes;
use crate::Result;
use crate::deployment::{new_bucket, text};
use crate::statistics::Latency;

/// Time between two registrations.
const EVERY: Duration = Duration::from_secs(1);
/// Time between two changes for all nodes. Each of a thousand nodes sends a message to receive the next change.
pub(super) const WIDE_EVERY: Duration = Duration::from_secs(3);
/// How long a change may take before the benchmark fails.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
/// No server is at this address. Nothing connects to it, because simulated nodes don't probe.
pub(super) const ENDPOINT: &str = "https://s3.example.com";

/// A bucket that was registered, and when the request was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct SentChange {
    pub(super) id: BucketId,
    pub(super) sent: Instant,
}

/// How long changes took, in microseconds from the request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeTimes {
    /// Until a node received it.
    pub(super) any_node: Latency,
    /// Until the last node received it.
    pub(super) all_nodes: Latency,
    /// Changes that some node didn't receive within half a minute.
    pub(super) incomplete: usize,
    pub(super) changes: usize,
}

/// Registers buckets of the first organization, at the control planes in turn.
pub(super) async fn registrations(
    planes: &FleetPlanes,
    fleet: &Fleet,
    changes: usize,
    nodes: usize,
) -> Result<ChangeTimes> {
    let mut sent = Vec::new();
    let mut next = Instant::now();
    for number in 0..changes {
        sleep_until(next).await;
        next += EVERY;
        let server = &planes.servers[number % planes.servers.len()];
        let bucket = new_bucket(&format!("change {number}"), &planes.servers[0].workspace, ENDPOINT);
        let start = Instant::now();
        let answer = server.connect().await?.json(Method::POST, "/bucket", Some(&bucket)).await?;
        sent.push(SentChange { id: registered(&answer)?, sent: start });
    }
    Ok(arrived(fleet, &sent, nodes).await)
}

/// Pins existing buckets to the region of all nodes, at the remaining control planes in turn. Their secrets stay as they are,
/// so a change is as large as usual although a thousand nodes receive it.
pub(super) async fn pins(
    planes: &FleetPlanes,
    fleet: &Fleet,
    changes: usize,
    nodes: usize,
) -> Result<ChangeTimes> {
    let pinned = json!({ "pinnedTo": { "nodes": [], "regions": [REGION] } });
    let servers: Vec<_> = planes.remaining().collect();
    let mut sent = Vec::new();
    let mut next = Instant::now();
    for (number, id) in planes.buckets().into_iter().take(changes).enumerate() {
        sleep_until(next).await;
        next += WIDE_EVERY;
        let mut connection = servers[number % servers.len()].connect().await?;
        let start = Instant::now();
        connection.json(Method::PUT, &format!("/bucket/{id}"), Some(&pinned)).await?;
        sent.push(SentChange { id, sent: start });
    }
    Ok(arrived(fleet, &sent, nodes).await)
}

/// The id in the response to a registration.
pub(super) fn registered(answer: &Value) -> Result<BucketId> {
    Ok(text(answer, "bucketId")?.parse()?)
}

/// Waits until changes have reached this many nodes each, and returns how long that took.
pub(super) async fn arrived(fleet: &Fleet, sent: &[SentChange], nodes: usize) -> ChangeTimes {
    let deadline = Instant::now() + ARRIVES_WITHIN;
    let is_everywhere = |change: &SentChange| fleet.arrivals(change.id).len() >= nodes;
    while !sent.iter().all(is_everywhere) && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
    }
    let (mut any_node, mut all_nodes, mut incomplete) = (Vec::new(), Vec::new(), 0);
    for change in sent {
        let times: Vec<Duration> =
            fleet.arrivals(change.id).iter().map(|at| at.saturating_duration_since(change.sent)).collect();
        if times.len() < nodes {
            incomplete += 1;
        }
        all_nodes.extend(times.iter().max());
        any_node.extend(times);
    }
    let (any_node, all_nodes) = (Latency::of(any_node), Latency::of(all_nodes));
    ChangeTimes { any_node, all_nodes, incomplete, changes: sent.len() }
}

impl ChangeTimes {
    /// The times of the table.
    pub(super) fn text(&self) -> String {
        let seconds = |micros: u64| micros as f64 / 1e6;
        let (p50, p99) = (seconds(self.all_nodes.p50), seconds(self.all_nodes.p99));
        format!("p50 {p50:.2} s, p99 {p99:.2} s")
    }
}
