//! Nodes that lost their network: they report, but reach none of their buckets.

use std::collections::BTreeSet;

use bucketry_model::diagnosis::CheckCode;
use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::id::NodeId;
use bucketry_model::status::{ProbedStatus, Status};

use super::several::{SEVERAL, since_several};
use crate::findings::observations::{Observations, ObservedNode, UnreachableBucket};
use crate::findings::sentence::count;

/// The endpoints that a node has to miss. Otherwise the endpoint is the better explanation.
const ENDPOINTS: usize = 2;

/// The key of a node's isolation.
fn key(id: NodeId) -> FindingKey {
    FindingKey { code: FindingCode::NodeIsolated, subject: SubjectKind::Node, id: id.to_string() }
}

/// The isolated nodes.
pub(super) fn nodes(seen: &Observations) -> BTreeSet<NodeId> {
    seen.nodes.iter().filter(|node| is_isolated(seen, node)).map(|node| node.id).collect()
}

pub(super) fn check(seen: &Observations, isolated: &BTreeSet<NodeId>) -> Vec<Finding> {
    let is_isolated = |node: &&ObservedNode| isolated.contains(&node.id);
    seen.nodes.iter().filter(is_isolated).map(|node| finding(seen, node)).collect()
}

/// The isolation that explains why a bucket is OFFLINE, if all connected nodes that report on it are isolated.
pub(super) fn explanation(
    seen: &Observations,
    isolated: &BTreeSet<NodeId>,
    bucket: &UnreachableBucket,
) -> Option<FindingKey> {
    if isolated.is_empty() || !missed_network(bucket) {
        return None;
    }
    let mut reporters = bucket.reports.iter().map(|(id, _)| *id).filter(|id| seen.is_connected(*id));
    let first = reporters.next().filter(|id| isolated.contains(id))?;
    reporters.all(|id| isolated.contains(&id)).then(|| key(first))
}

fn is_isolated(seen: &Observations, node: &ObservedNode) -> bool {
    if !node.connected || seen.reaching.contains(&node.id) {
        return false;
    }
    let missed =
        || seen.unreachable.iter().filter(|bucket| missed_network(bucket) && reports(bucket, node.id));
    let endpoints: BTreeSet<&str> = missed().map(|bucket| bucket.endpoint.as_str()).collect();
    endpoints.len() >= ENDPOINTS && missed().count() >= SEVERAL
}

fn reports(bucket: &UnreachableBucket, node: NodeId) -> bool {
    bucket.reports.iter().any(|(id, _)| *id == node)
}

fn missed_network(bucket: &UnreachableBucket) -> bool {
    use CheckCode::{ConnectTimeout, ConnectionRefused, DnsFailed, TlsFailed};
    let code = bucket.failure.as_ref().map(|why| why.code);
    bucket.status == Status::Offline
        && matches!(code, Some(DnsFailed | ConnectTimeout | ConnectionRefused | TlsFailed))
}

fn finding(seen: &Observations, node: &ObservedNode) -> Finding {
    let lost = (node.id, ProbedStatus::Offline);
    let number = seen.count(|kind| kind.reports.contains(&lost) && seen.has_connected(&kind.reports));
    let missed = seen.unreachable.iter().filter(|bucket| missed_network(bucket) && reports(bucket, node.id));
    Finding {
        key: key(node.id),
        severity: Severity::Critical,
        name: node.name.clone(),
        workspace_id: None,
        title: "Node reaches none of its buckets".to_owned(),
        sentence: format!(
            "It reports to the control plane, but {} at different endpoints are OFFLINE. Check its network, its name \
             servers and its firewall.",
            count(number, "bucket")
        ),
        command: Some("bucket list --status OFFLINE".to_owned()),
        since: since_several(missed.map(|bucket| bucket.since)),
        depends_on: None,
        visible_after: seen.delay,
    }
}
