//! Secrets that a node can't open.

use std::collections::BTreeMap;

use bucketry_model::diagnosis::CheckCode;
use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::id::NodeId;

use super::several::{SEVERAL, since_several};
use crate::findings::observations::{Observations, UnreachableBucket};
use crate::findings::sentence::{count, names};

/// The key of a node that can't open several buckets.
fn key(id: NodeId) -> FindingKey {
    FindingKey { code: FindingCode::SecretUnreadable, subject: SubjectKind::Node, id: id.to_string() }
}

/// Whether a bucket is OFFLINE because its secret can't be opened.
pub(super) fn is_part(bucket: &UnreachableBucket) -> bool {
    bucket.failure.as_ref().is_some_and(|why| why.code == CheckCode::NotOpened)
}

/// The buckets that nodes can't open, by node.
pub(super) type UnreadableSecrets<'a> = BTreeMap<NodeId, Vec<&'a UnreachableBucket>>;

/// What explains that a bucket's secret can't be opened: a node that can't open several.
pub(super) fn explanation(
    seen: &Observations,
    unreadable: &UnreadableSecrets<'_>,
    bucket: &UnreachableBucket,
) -> Option<FindingKey> {
    reporter(seen, bucket).filter(|node| unreadable.contains_key(node)).map(key)
}

/// The nodes that can't open several buckets.
pub(super) fn by_node(seen: &Observations) -> UnreadableSecrets<'_> {
    let mut by_node = UnreadableSecrets::new();
    for bucket in &seen.unreachable {
        if let Some(node) = reporter(seen, bucket) {
            by_node.entry(node).or_default().push(bucket);
        }
    }
    by_node.retain(|_, buckets| buckets.len() >= SEVERAL);
    by_node
}

fn reporter(seen: &Observations, bucket: &UnreachableBucket) -> Option<NodeId> {
    let mut reporters = bucket.reports.iter().map(|(node, _)| *node);
    reporters.find(|node| is_part(bucket) && seen.is_connected(*node))
}

pub(super) fn check(seen: &Observations, unreadable: &UnreadableSecrets<'_>) -> Vec<Finding> {
    unreadable.iter().map(|(node, buckets)| finding(seen, *node, buckets)).collect()
}

fn finding(seen: &Observations, node: NodeId, buckets: &[&UnreachableBucket]) -> Finding {
    let reason = buckets.iter().find_map(|bucket| bucket.failure.as_ref());
    let reason = reason.map(|why| why.message.as_str()).unwrap_or_default();
    let mut sorted: Vec<&str> = buckets.iter().map(|bucket| bucket.name.as_str()).collect();
    sorted.sort_unstable();
    Finding {
        key: key(node),
        severity: Severity::Critical,
        name: seen.node_name(node).to_owned(),
        workspace_id: None,
        title: "Secrets can't be opened".to_owned(),
        sentence: format!(
            "The node can't open {}: {}. {reason} Restore the node's vault.key, or enter the secrets again.",
            count(buckets.len() as u64, "bucket"),
            names(sorted.into_iter())
        ),
        command: Some("doctor --data-dir DIR".to_owned()),
        since: since_several(buckets.iter().map(|bucket| bucket.since)),
        depends_on: None,
        visible_after: seen.delay,
    }
}
