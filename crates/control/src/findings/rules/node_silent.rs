//! Nodes that don't report any more, or that aren't there.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::id::NodeId;
use bucketry_model::node_silence::silent_since;
use bucketry_model::time::to_wire;
use jiff::SignedDuration;

use crate::findings::observations::{Observations, ObservedNode};
use crate::findings::sentence::count;

/// A node that nothing depends on and that has been silent for this long was probably taken out of service.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The key of a node's silence.
pub(super) fn key(id: NodeId) -> FindingKey {
    FindingKey { code: FindingCode::NodeSilent, subject: SubjectKind::Node, id: id.to_string() }
}

/// The key of the absence of nodes.
pub(super) fn no_node_key() -> FindingKey {
    FindingKey { code: FindingCode::NodeSilent, subject: SubjectKind::Organization, id: "no node".to_owned() }
}

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    if seen.nodes.is_empty() {
        return vec![no_node()];
    }
    seen.nodes.iter().filter(|node| !node.connected).map(|node| silent(seen, node)).collect()
}

fn silent(seen: &Observations, node: &ObservedNode) -> Finding {
    let depend = seen.count(|kind| {
        kind.reports.iter().any(|(id, _)| *id == node.id) && !seen.has_connected(&kind.reports)
    });
    let since = silent_since(node.last_seen, None, seen.now);
    let is_forgotten = since.is_some_and(|since| seen.now.duration_since(since) >= FORGOTTEN);
    let severity = match depend {
        0 if is_forgotten => Severity::Info,
        0 => Severity::Warning,
        _ => Severity::Critical,
    };
    let consequence = match depend {
        0 => "Every bucket that it served has another node".to_owned(),
        1 => "1 bucket that no connected node serves is DISCONNECTED".to_owned(),
        _ => format!("{} that no connected node serves are DISCONNECTED", count(depend, "bucket")),
    };
    Finding {
        key: key(node.id),
        severity,
        name: node.name.clone(),
        workspace_id: None,
        title: "Node is silent".to_owned(),
        sentence: format!(
            "It last reported at {}. {consequence}. {}.",
            to_wire(node.last_seen),
            remedy(node)
        ),
        command: Some("nodes list".to_owned()),
        since,
        depends_on: None,
        // A node counts as silent only after a minute.
        visible_after: SignedDuration::ZERO,
    }
}

fn remedy(node: &ObservedNode) -> String {
    match &node.clock {
        Some(clock) => format!("Its messages are refused: its clock {}", clock.explanation()),
        None => "Check that it is running and reaches the control plane".to_owned(),
    }
}

fn no_node() -> Finding {
    Finding {
        key: no_node_key(),
        severity: Severity::Critical,
        name: "nodes".to_owned(),
        workspace_id: None,
        title: "No node is registered".to_owned(),
        sentence:
            "Nothing probes buckets or serves S3 requests. Start a server without --no-node on this database, or a node with \
             `bucketry node`."
                .to_owned(),
        command: Some("nodes list".to_owned()),
        since: None,
        depends_on: None,
        visible_after: SignedDuration::ZERO,
    }
}
