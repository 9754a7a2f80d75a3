//! Freshness rules of buckets, and abandoned multipart uploads: what checks of the content of buckets found.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::freshness::FreshnessRule;
use bucketry_model::id::{BucketId, OrgId};
use jiff::Timestamp;

use crate::Result;

/// A rule with what its last check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFreshness {
    /// The bucket.
    pub bucket_id: BucketId,
    /// Its organization.
    pub org_id: OrgId,
    /// The rule.
    pub rule: FreshnessRule,
    /// When the rule was created or last changed.
    pub set_at: Timestamp,
    /// When the next check is due.
    pub due_at: Timestamp,
    /// When the last check ended. `None` before the first one.
    pub checked_at: Option<Timestamp>,
    /// When the newest object was stored that the last successful check found.
    pub newest_at: Option<Timestamp>,
    /// Since when the prefix is stale. `None` if it isn't, or before the first check.
    pub stale_since: Option<Timestamp>,
    /// Why the last check failed.
    pub error: Option<String>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshnessCheck {
    /// When it ended.
    pub at: Timestamp,
    /// When the newest object was stored.
    pub newest_at: Option<Timestamp>,
    /// Since when the prefix is stale.
    pub stale_since: Option<Timestamp>,
    /// Why the check failed, in one sentence.
    pub error: Option<String>,
    /// When the next one is due.
    pub due_at: Timestamp,
}

/// The outcome of setting a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshnessSet {
    /// The rule is stored. One for the same prefix was replaced.
    Set,
    /// The bucket has the most rules that it may have.
    TooMany,
    /// There is no such bucket.
    NotFound,
}

/// The multipart uploads of a bucket that nobody completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbandonedUploads {
    /// The bucket.
    pub bucket_id: BucketId,
    /// How many there are.
    pub count: u64,
    /// When the oldest began.
    pub oldest: Timestamp,
    /// The bytes of their parts, if they are known.
    pub bytes: Option<u64>,
    /// Whether all uploads of the bucket were looked at.
    pub complete: bool,
    /// When they were found.
    pub found_at: Timestamp,
}

/// Stores freshness rules and abandoned uploads.
#[async_trait]
pub trait FreshnessStore {
    /// The rules of a bucket, by prefix.
    async fn freshness_rules(&self, bucket_id: BucketId) -> Result<Vec<StoredFreshness>>;

    /// Sets the rule for its prefix of a live bucket. Its first check is due at the time of the record.
    async fn set_freshness_rule(
        &self,
        org_id: OrgId,
        bucket_id: BucketId,
        rule: &FreshnessRule,
        audit: &AuditEntry,
    ) -> Result<FreshnessSet>;

    /// Removes the rule for a prefix. Returns whether there was one.
    async fn remove_freshness_rule(
        &self,
        org_id: OrgId,
        bucket_id: BucketId,
        prefix: &str,
        audit: &AuditEntry,
    ) -> Result<bool>;

    /// The rules whose checks are due, longest due first.
    async fn due_freshness(&self, now: Timestamp, limit: u32) -> Result<Vec<StoredFreshness>>;

    /// Postpones a check that is due at `rule.due_at`. Returns whether it was: of two processes, one gets it.
    async fn claim_freshness(&self, rule: &StoredFreshness, until: Timestamp) -> Result<bool>;

    /// Stores what a check of the rule found, unless the rule was changed or removed since.
    async fn record_freshness(&self, rule: &StoredFreshness, check: &FreshnessCheck) -> Result<bool>;

    /// The rules of an organization whose prefixes are stale, those that have been the longest first.
    async fn stale_prefixes(&self, org_id: OrgId, limit: u32) -> Result<Vec<StoredFreshness>>;

    /// Replaces what is known about the abandoned uploads of a live bucket. `None` if there are none.
    async fn set_abandoned_uploads(
        &self,
        bucket_id: BucketId,
        found: Option<&AbandonedUploads>,
    ) -> Result<()>;

    /// The buckets of an organization with abandoned uploads, the oldest first.
    async fn abandoned_uploads(&self, org_id: OrgId, limit: u32) -> Result<Vec<AbandonedUploads>>;
}
