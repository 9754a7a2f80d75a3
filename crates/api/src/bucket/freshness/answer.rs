//! Rules in responses.

use bucketry_api_types::count::Count;
use bucketry_api_types::freshness::{Freshness, FreshnessInfo, FreshnessList};
use bucketry_api_types::moment::Moment;
use bucketry_store::freshness::StoredFreshness;

/// The rules of a bucket.
pub(super) fn list(rules: Vec<StoredFreshness>) -> FreshnessList {
    FreshnessList { success: true, rules: rules.into_iter().map(info).collect() }
}

fn info(stored: StoredFreshness) -> FreshnessInfo {
    let state = match (stored.stale_since, stored.newest_at) {
        (Some(_), _) => Freshness::Stale,
        (None, Some(_)) => Freshness::Fresh,
        (None, None) => Freshness::Unknown,
    };
    FreshnessInfo {
        prefix: stored.rule.prefix,
        min_bytes: Count(i64::try_from(stored.rule.min_bytes).unwrap_or(i64::MAX)),
        max_age_seconds: stored.rule.max_age.as_secs(),
        state,
        newest_at: stored.newest_at.map(Moment),
        stale_since: stored.stale_since.map(Moment),
        checked_at: stored.checked_at.map(Moment),
        message: stored.error,
    }
}
