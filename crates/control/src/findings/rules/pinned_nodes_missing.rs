//! Buckets that no node serves, because none of the nodes that they are pinned to is connected.

use std::collections::BTreeSet;

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::id::NodeId;
use bucketry_model::pinning::BucketPins;
use bucketry_model::status::Status;

use crate::findings::observations::{Observations, UnreachableBucket};
use crate::findings::sentence::{argument, count, names};

/// The key of the missing nodes of an organization.
pub(super) fn key() -> FindingKey {
    FindingKey {
        code: FindingCode::PinnedNodesMissing,
        subject: SubjectKind::Organization,
        id: "pinned nodes".to_owned(),
    }
}

/// Whether the nodes that a bucket is pinned to are missing. If one of them reported on it and is silent, or if no node is
/// connected at all, that is the better explanation.
pub(super) fn is_part(seen: &Observations, bucket: &UnreachableBucket) -> bool {
    bucket.status == Status::Disconnected
        && bucket.reports.is_empty()
        && !bucket.pinned_to.is_empty()
        && seen.nodes.iter().any(|node| node.connected)
        && !seen.nodes.iter().any(|node| node.connected && bucket.pinned_to.admit(node.id, &node.region))
}

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    let missed: Vec<&UnreachableBucket> =
        seen.unreachable.iter().filter(|bucket| is_part(seen, bucket)).collect();
    let Some(first) = missed.first() else { return Vec::new() };
    let missing: BTreeSet<String> =
        missed.iter().flat_map(|bucket| missing(seen, &bucket.pinned_to)).collect();
    let (are, them) = if missed.len() == 1 { ("is", "it") } else { ("are", "them") };
    vec![Finding {
        key: key(),
        severity: Severity::Critical,
        name: "pinned buckets".to_owned(),
        workspace_id: None,
        title: "Buckets are pinned to nodes that are missing".to_owned(),
        sentence: format!(
            "{} ({}) {are} pinned to {}, so no node serves {them}. Start a node there, or change the pins.",
            count(missed.len() as u64, "bucket"),
            names(missed.iter().map(|bucket| bucket.name.as_str())),
            names(missing.iter().map(String::as_str)),
        ),
        command: Some(format!("bucket update {} --unpin", argument(&first.name))),
        since: missed.iter().map(|bucket| bucket.updated_at).min(),
        depends_on: None,
        visible_after: seen.delay,
    }]
}

/// What a bucket is pinned to, in words.
fn missing(seen: &Observations, pins: &BucketPins) -> Vec<String> {
    let node = |id: NodeId| match seen.nodes.iter().find(|node| node.id == id) {
        Some(node) => format!("{} (silent)", node.name),
        None => "a removed node".to_owned(),
    };
    let region = |name: &String| format!("region {name} (no connected node)");
    pins.nodes().iter().copied().map(node).chain(pins.regions().iter().map(region)).collect()
}
