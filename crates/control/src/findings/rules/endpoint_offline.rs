//! Endpoints at which several buckets are OFFLINE for a reason that concerns the endpoint.

use std::collections::{BTreeMap, BTreeSet};

use bucketry_model::diagnosis::CheckCode;
use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::id::NodeId;
use bucketry_model::status::Status;

use super::node_isolated;
use super::several::{SEVERAL, since_several};
use crate::findings::observations::{Observations, UnreachableBucket};
use crate::findings::sentence::{argument, count, names};

/// The buckets that are OFFLINE because of their endpoint, by endpoint and then by name.
pub(super) type EndpointOutages<'a> = BTreeMap<&'a str, Vec<&'a UnreachableBucket>>;

/// Whether a reason concerns all buckets of an endpoint.
pub(super) fn is_of_endpoint(code: CheckCode) -> bool {
    use CheckCode::{
        ClockSkew, ConnectTimeout, ConnectionRefused, DnsFailed, EndpointBlocked, NotAnObjectStore,
        ProviderError, ProviderThrottled, TlsFailed,
    };
    matches!(
        code,
        DnsFailed
            | ConnectionRefused
            | ConnectTimeout
            | TlsFailed
            | EndpointBlocked
            | ClockSkew
            | ProviderThrottled
            | ProviderError
            | NotAnObjectStore
    )
}

/// The key of an endpoint's outage.
pub(super) fn key(endpoint: &str) -> FindingKey {
    FindingKey { code: FindingCode::EndpointOffline, subject: SubjectKind::Endpoint, id: endpoint.to_owned() }
}

/// The endpoints with several such buckets.
pub(super) fn outages(seen: &Observations) -> EndpointOutages<'_> {
    let mut by_endpoint = EndpointOutages::new();
    for bucket in seen.unreachable.iter().filter(|bucket| is_part(bucket)) {
        by_endpoint.entry(&bucket.endpoint).or_default().push(bucket);
    }
    by_endpoint.retain(|_, buckets| buckets.len() >= SEVERAL);
    for buckets in by_endpoint.values_mut() {
        buckets.sort_by(|a, b| a.name.cmp(&b.name));
    }
    by_endpoint
}

/// Whether a bucket is OFFLINE because of its endpoint.
pub(super) fn is_part(bucket: &UnreachableBucket) -> bool {
    bucket.status == Status::Offline && bucket.failure.as_ref().is_some_and(|why| is_of_endpoint(why.code))
}

pub(super) fn check(
    seen: &Observations,
    outages: &EndpointOutages<'_>,
    isolated: &BTreeSet<NodeId>,
) -> Vec<Finding> {
    let finding = |(endpoint, buckets): (&&str, &Vec<_>)| finding(seen, endpoint, buckets, isolated);
    outages.iter().filter_map(finding).collect()
}

fn finding(
    seen: &Observations,
    endpoint: &str,
    buckets: &[&UnreachableBucket],
    isolated: &BTreeSet<NodeId>,
) -> Option<Finding> {
    let first = buckets.first()?;
    let reason = first.failure.as_ref().map(|why| why.message.as_str()).unwrap_or_default();
    // There may be more buckets than were looked at.
    let is_sample = seen.count(|kind| seen.has_connected(&kind.reports)) > seen.offline_looked_at();
    let at_least = if is_sample { "at least " } else { "" };
    let listed = names(buckets.iter().map(|bucket| bucket.name.as_str()));
    let mut causes = buckets.iter().map(|bucket| node_isolated::explanation(seen, isolated, bucket));
    let cause = causes.next().flatten();
    Some(Finding {
        key: key(endpoint),
        severity: Severity::Critical,
        name: endpoint.to_owned(),
        workspace_id: None,
        title: "Endpoint is OFFLINE".to_owned(),
        sentence: format!(
            "No node reaches {at_least}{} there: {listed}. {reason}",
            count(buckets.len() as u64, "bucket")
        ),
        command: Some(format!("bucket validate {}", argument(&first.name))),
        since: since_several(buckets.iter().map(|bucket| bucket.since)),
        depends_on: if causes.all(|other| other == cause) { cause } else { None },
        visible_after: seen.delay,
    })
}
