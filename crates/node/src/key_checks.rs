//! Checks whether the keys of buckets open more than their buckets.

use std::sync::Arc;

use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{CheckedKey, KeyChecks, MAX_KEY_CHECKS};
use bucketry_provider::key_scope::{KeyScope, check_key_scope};
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use crate::open_buckets::OpenBuckets;

/// How many checks run at the same time.
const AT_ONCE: usize = 4;

/// Checks the keys until the deadline. Leaves out buckets that the node can't open, and those whose provider doesn't say
/// what their keys open.
pub(crate) async fn check_keys(
    buckets: Arc<OpenBuckets>,
    checks: KeyChecks,
    deadline: Instant,
) -> Vec<CheckedKey> {
    let ids = checks.bucket_ids.into_iter().take(MAX_KEY_CHECKS);
    let all = stream::iter(ids).map(|id| check_key(&buckets, id, deadline)).buffer_unordered(AT_ONCE);
    all.filter_map(async |checked| checked).collect().await
}

async fn check_key(buckets: &OpenBuckets, bucket_id: BucketId, deadline: Instant) -> Option<CheckedKey> {
    let open = buckets.get(bucket_id)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let other_buckets = match check_key_scope(&*open.driver, left).await {
        KeyScope::Bucket => 0,
        KeyScope::Wider(others) => others,
        KeyScope::Unknown => return None,
    };
    Some(CheckedKey { bucket_id, config_version: open.config_version, other_buckets })
}
