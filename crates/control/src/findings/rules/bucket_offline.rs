//! Buckets that no node reaches, with what explains it.

use std::collections::{BTreeSet, HashSet};

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::id::NodeId;
use bucketry_model::node_silence::silent_since;
use bucketry_model::status::Status;
use bucketry_store::bucket::CredentialEnd;
use jiff::{SignedDuration, Timestamp};

use super::endpoint_offline::EndpointOutages;
use super::secret_unreadable::UnreadableSecrets;
use super::{
    credential, endpoint_offline, node_isolated, node_silent, pinned_nodes_missing, secret_unreadable,
};
use crate::findings::observations::{Observations, ObservedNode, UnreachableBucket};
use crate::findings::sentence::{argument, names};

/// How long a new bucket may take until it is probed. The first probes of many buckets are spread over an interval.
const FIRST_PROBE: SignedDuration = SignedDuration::from_mins(5);

/// What explains the state of several buckets.
pub(super) struct Causes<'a> {
    pub(super) outages: EndpointOutages<'a>,
    pub(super) isolated: BTreeSet<NodeId>,
    pub(super) unreadable: UnreadableSecrets<'a>,
}

pub(super) fn check(seen: &Observations, causes: &Causes<'_>) -> Vec<Finding> {
    seen.unreachable.iter().map(|bucket| finding(seen, bucket, causes)).collect()
}

fn finding(seen: &Observations, bucket: &UnreachableBucket, causes: &Causes<'_>) -> Finding {
    let (code, severity, title, sentence) = describe(seen, bucket);
    let (since, visible_after) = match bucket.status {
        Status::Disconnected if bucket.reports.is_empty() => (Some(bucket.updated_at), FIRST_PROBE),
        Status::Disconnected => {
            (last_silence(seen, bucket).and_then(|(_, since)| since), SignedDuration::ZERO)
        }
        _ => (bucket.since, seen.delay),
    };
    Finding {
        key: FindingKey { code, subject: SubjectKind::Bucket, id: bucket.id.to_string() },
        severity,
        name: bucket.name.clone(),
        workspace_id: Some(bucket.workspace_id),
        title: title.to_owned(),
        sentence: with_repositories(sentence, &bucket.repositories),
        command: Some(format!("bucket validate {}", argument(&bucket.name))),
        since,
        depends_on: explanation(seen, bucket, causes),
        visible_after,
    }
}

fn describe(
    seen: &Observations,
    bucket: &UnreachableBucket,
) -> (FindingCode, Severity, &'static str, String) {
    let reason = bucket.failure.as_ref().map(|why| why.message.clone());
    if secret_unreadable::is_part(bucket) {
        let sentence = format!("{} Enter the secret again.", reason.unwrap_or_default());
        return (FindingCode::SecretUnreadable, Severity::Critical, "Bucket can't be opened", sentence);
    }
    if bucket.status == Status::Offline {
        let sentence = reason.unwrap_or_else(|| "No node reaches it.".to_owned());
        return (FindingCode::BucketOffline, Severity::Critical, "Bucket is OFFLINE", sentence);
    }
    let sentence = match last_silence(seen, bucket) {
        None if pinned_nodes_missing::is_part(seen, bucket) => {
            "None of the nodes that it is pinned to is connected, so no node serves it.".to_owned()
        }
        Some((node, _)) => format!("The node {}, which served it, is silent.", node.name),
        None => "No node has probed it yet.".to_owned(),
    };
    (FindingCode::BucketOffline, Severity::Warning, "Bucket is DISCONNECTED", sentence)
}

fn with_repositories(sentence: String, repositories: &[String]) -> String {
    let list = names(repositories.iter().map(String::as_str));
    match repositories.len() {
        0 => sentence,
        1 => format!("{sentence} The repository {list} uses it."),
        _ => format!("{sentence} The repositories {list} use it."),
    }
}

/// The node that was the last to fall silent of those that reported on a bucket, and since when it is.
fn last_silence<'a>(
    seen: &'a Observations,
    bucket: &UnreachableBucket,
) -> Option<(&'a ObservedNode, Option<Timestamp>)> {
    let reports = |node: &&ObservedNode| bucket.reports.iter().any(|(id, _)| *id == node.id);
    let last = seen.nodes.iter().filter(reports).max_by_key(|node| node.last_seen)?;
    Some((last, silent_since(last.last_seen, None, seen.now)))
}

/// What explains that a bucket isn't reached.
fn explanation(seen: &Observations, bucket: &UnreachableBucket, causes: &Causes<'_>) -> Option<FindingKey> {
    if bucket.status == Status::Disconnected {
        return match last_silence(seen, bucket) {
            Some((node, _)) => Some(node_silent::key(node.id)),
            None if pinned_nodes_missing::is_part(seen, bucket) => Some(pinned_nodes_missing::key()),
            None if seen.nodes.is_empty() => Some(node_silent::no_node_key()),
            None if seen.nodes.iter().any(|node| node.connected) => None,
            None => seen.nodes.first().map(|node| node_silent::key(node.id)),
        };
    }
    if secret_unreadable::is_part(bucket) {
        return secret_unreadable::explanation(seen, &causes.unreadable, bucket);
    }
    if endpoint_offline::is_part(bucket) {
        if causes.outages.contains_key(bucket.endpoint.as_str()) {
            return Some(endpoint_offline::key(&bucket.endpoint));
        }
        return node_isolated::explanation(seen, &causes.isolated, bucket);
    }
    let is_of_bucket = |one: &CredentialEnd| one.id == bucket.id && one.expires_at <= seen.now;
    seen.credentials.iter().any(is_of_bucket).then(|| credential::expired_key(bucket.id))
}

/// How many buckets need attention that weren't looked at one by one, as far as no cause explains them.
pub(super) fn unlisted(seen: &Observations, findings: &[Finding]) -> u64 {
    let explained: HashSet<&str> =
        findings.iter().filter(|one| one.depends_on.is_some()).map(|one| one.key.id.as_str()).collect();
    let mut more = 0;
    for kind in &seen.counts {
        let is_silence = !kind.reports.is_empty() && !seen.has_connected(&kind.reports);
        let is_of_kind = |bucket: &&UnreachableBucket| {
            bucket.provider == kind.provider
                && bucket.storage_type == kind.storage_type
                && bucket.reports == kind.reports
        };
        let listed: Vec<&UnreachableBucket> = seen.unreachable.iter().filter(is_of_kind).collect();
        let is_explained = |bucket: &&UnreachableBucket| explained.contains(&*bucket.id.to_string());
        let are_explained = !listed.is_empty() && listed.iter().all(is_explained);
        if !is_silence && !are_explained {
            more += kind.buckets.saturating_sub(listed.len() as u64);
        }
    }
    more
}
