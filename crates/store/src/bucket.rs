//! Registered buckets.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::bucket::{Bucket, BucketLocation, StorageType};
use bucketry_model::id::{BucketId, NodeId, OrgId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::pinning::BucketPins;
use bucketry_model::role::Visibility;
use bucketry_model::secret::SealedSecret;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::uptime::ProbeSample;
use jiff::Timestamp;

use crate::Result;
use crate::inventory::MeasuredSize;

/// A sealed secret, with a fingerprint of the recipients that it is sealed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// The secret as an age file.
    pub sealed: SealedSecret,
    /// The fingerprint of the set of recipients. A secret whose fingerprint isn't the current one has to be
    /// resealed.
    pub sealed_to: String,
}

/// A bucket to register.
#[expect(missing_docs, reason = "the other fields are columns of the bucket's row")]
#[derive(Debug, Clone)]
pub struct NewBucket {
    pub id: BucketId,
    pub org_id: OrgId,
    pub workspace_id: WorkspaceId,
    pub name: Name,
    pub location: BucketLocation,
    /// The sealed secret. `None` if the bucket needs no secret.
    pub secret: Option<StoredSecret>,
    /// When the secret expires, if that is known.
    pub secret_expires_at: Option<Timestamp>,
    /// The outcome of the validation, if one was made.
    pub first_report: Option<FirstReport>,
    pub pinned_to: BucketPins,
}

/// The outcome of a validation, stored as the first report of its node on a new bucket or a new configuration.
#[derive(Debug, Clone)]
pub struct FirstReport {
    /// The node that made the validation. The report is dropped if the node was removed in the meantime.
    pub node_id: NodeId,
    /// The outcome. Its `version` is ignored.
    pub sample: ProbeSample,
}

/// The outcome of registering a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketInserted {
    /// Registered, with a change event for nodes.
    Inserted,
    /// A live bucket of the organization has this name.
    NameTaken,
    /// The organization has reached its bucket quota.
    QuotaExceeded,
    /// The workspace doesn't exist in the organization, or was removed.
    WorkspaceNotFound,
}

/// A change to a bucket: its complete new state.
#[expect(missing_docs, reason = "the other fields are columns of the bucket's row")]
#[derive(Debug, Clone)]
pub struct BucketUpdate {
    pub id: BucketId,
    pub org_id: OrgId,
    /// The version that the change is based on. If the stored version differs, somebody else changed the bucket
    /// first.
    pub from_version: i64,
    pub workspace_id: WorkspaceId,
    pub name: Name,
    pub location: BucketLocation,
    /// What happens to the secret.
    pub secret: SecretUpdate,
    /// Whether location or secret changed. If so, nodes get a change event, and their earlier reports no longer
    /// count.
    pub record_change: bool,
    /// The outcome of the validation, if one was made.
    pub first_report: Option<FirstReport>,
    /// If these aren't the stored ones, nodes get change events of the bucket and its repositories, and earlier reports of
    /// nodes that no longer serve the bucket don't count.
    pub pinned_to: BucketPins,
}

/// What an update does with the stored secret.
#[derive(Debug, Clone)]
pub enum SecretUpdate {
    /// Leaves it unchanged.
    Keep,
    /// Replaces it.
    Replace {
        /// The new secret.
        secret: StoredSecret,
        /// When the new secret expires, if that is known.
        expires_at: Option<Timestamp>,
    },
    /// Deletes it.
    Clear,
}

/// The outcome of changing a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketUpdated {
    /// The bucket was changed.
    Updated,
    /// Another live bucket of the organization has this name.
    NameTaken,
    /// The workspace doesn't exist in the organization, or was removed.
    WorkspaceNotFound,
    /// The bucket can't move to another workspace, because a live repository contains it.
    InUse,
    /// Another bucket of the same repository has this name at its provider.
    SameNameInRepository,
    /// The bucket doesn't exist, or was removed.
    NotFound,
    /// The bucket was changed in the meantime.
    Conflict,
}

/// The outcome of removing a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketDeleted {
    /// The bucket was removed, with a change event for nodes.
    Deleted,
    /// A live repository contains the bucket.
    InUse,
    /// There is no such live bucket.
    NotFound,
}

/// The latest report of one node on a bucket.
#[expect(missing_docs, reason = "the other fields are columns of the report's row")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatusRow {
    pub node_id: NodeId,
    pub status: ProbedStatus,
    /// The latency of the latest successful probe, in milliseconds.
    pub latency_ms: Option<u32>,
    /// When the node last probed the bucket.
    pub at: Timestamp,
    /// Why the bucket is OFFLINE. `None` if it is ONLINE.
    pub failure: Option<ProbeFailure>,
    /// When the node's reports changed to this status. `None` for statuses that older versions stored.
    pub since: Option<Timestamp>,
}

/// A live bucket that shares its name at the provider, or its access key, with another one.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharingBucket {
    pub id: BucketId,
    pub name: Name,
    pub workspace_id: WorkspaceId,
    pub location: BucketLocation,
}

/// A live bucket whose secret expires.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingCredential {
    pub id: BucketId,
    pub org_id: OrgId,
    /// When the secret expires.
    pub expires_at: Timestamp,
}

/// A live bucket whose secret expires, as the people who have to replace it see it.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialEnd {
    pub id: BucketId,
    pub name: Name,
    pub workspace_id: WorkspaceId,
    /// When the secret expires.
    pub expires_at: Timestamp,
}

/// A bucket in a list: without its sealed secret, with the reports of nodes.
#[derive(Debug, Clone)]
pub struct ListedBucket {
    /// The bucket. Its `secret` is always `None` here.
    pub bucket: Bucket,
    /// Whether a secret is stored.
    pub has_secret: bool,
    /// How full the bucket is, if it was ever measured.
    pub size: Option<MeasuredSize>,
    /// The latest report of each registered node that has ever reported on the bucket.
    pub nodes: Vec<NodeStatusRow>,
}

/// The position in a newest-first list after which the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageStart<Id = BucketId> {
    /// The creation time of the last entry on the previous page.
    pub created_at: Timestamp,
    /// The id of that entry, which orders entries of the same time.
    pub id: Id,
}

/// Which buckets to list.
#[derive(Debug, Clone)]
pub struct BucketQuery {
    /// The organization whose buckets are listed.
    pub org_id: OrgId,
    /// The workspaces whose buckets are listed.
    pub visible: Visibility,
    /// The end of the previous page. `None` for the first page.
    pub after: Option<PageStart>,
    /// The largest number of buckets to return.
    pub limit: u32,
}

/// Stores registered buckets.
#[async_trait]
pub trait BucketStore {
    /// Registers a bucket. Checks workspace, name and quota, and stores the bucket, its change event and its first
    /// report in one transaction.
    async fn insert_bucket(&self, new: &NewBucket, audit: &AuditEntry) -> Result<BucketInserted>;

    /// Returns a live bucket of the organization, with its sealed secret.
    async fn bucket(&self, org_id: OrgId, id: BucketId) -> Result<Option<Bucket>>;

    /// Whether a live bucket of the organization, other than `except`, has this name.
    async fn bucket_name_taken(&self, org_id: OrgId, name: &Name, except: Option<BucketId>) -> Result<bool>;

    /// Changes a bucket.
    ///
    /// If its name at the provider or its pins change, the repositories that contain it get change events too, because
    /// clients address the bucket by that name, and a node has routes only to buckets that it serves. If location or secret
    /// change, nodes' reports are removed and the first report is stored in the same transaction. Later reports on earlier
    /// versions are ignored.
    async fn update_bucket(&self, update: &BucketUpdate, audit: &AuditEntry) -> Result<BucketUpdated>;

    /// Soft-deletes a bucket that no live repository contains: deletes its secret, frees its name and its place in
    /// the quota, retains its statistics, and stores a change event.
    async fn delete_bucket(&self, org_id: OrgId, id: BucketId, audit: &AuditEntry) -> Result<BucketDeleted>;

    /// A page of live buckets, newest first, then by id. The cost depends on the size of the page only, not on the
    /// number of buckets.
    async fn buckets(&self, query: &BucketQuery) -> Result<Vec<ListedBucket>>;

    /// The workspace of each of the given buckets that belong to the organization. Includes removed buckets, whose
    /// statistics are retained in their last workspace.
    async fn workspaces_of_buckets(
        &self,
        org_id: OrgId,
        ids: &[BucketId],
    ) -> Result<Vec<(BucketId, WorkspaceId)>>;

    /// The live buckets of the organization with this storage type that have this name at the provider, or this
    /// access key.
    async fn buckets_sharing(
        &self,
        org_id: OrgId,
        storage_type: StorageType,
        bucket: &str,
        key: &str,
    ) -> Result<Vec<SharingBucket>>;

    /// The live buckets of the organization with this storage type that have this name at the provider, oldest first.
    async fn buckets_named(
        &self,
        org_id: OrgId,
        storage_type: StorageType,
        bucket: &str,
    ) -> Result<Vec<SharingBucket>>;

    /// The given buckets that belong to the organization, in no particular order. Includes removed buckets. Leaves out
    /// secrets, and buckets that only a newer version can read.
    async fn buckets_ever(&self, org_id: OrgId, ids: &[BucketId]) -> Result<Vec<Bucket>>;

    /// A number that changes whenever a response about the organization's buckets could change: when a bucket is
    /// registered, changed or removed, when a node reports on one of them, and when a repository gains or loses a
    /// bucket. Responses can be cached as long as it stays the same.
    async fn bucket_generation(&self, org_id: OrgId) -> Result<u64>;

    /// A number that changes whenever open pages are to show a change at once. Unlike that of
    /// [`BucketStore::bucket_generation`], it stays the same if heartbeats report nothing but further probes.
    async fn shown_generation(&self, org_id: OrgId) -> Result<u64>;

    /// The numbers of [`BucketStore::bucket_generation`] of several organizations, in their order, with at most one query for all of them.
    async fn bucket_generations(&self, org_ids: &[OrgId]) -> Result<Vec<u64>>;

    /// The number of live buckets whose secret expires at this time or earlier.
    async fn count_credentials_ending(&self, until: Timestamp) -> Result<u64>;

    /// The live buckets whose secret expires after `after` and not after `until`. Earliest first, at most `limit`.
    async fn credentials_ending(
        &self,
        after: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<EndingCredential>>;

    /// The visible live buckets whose secret expires at this time or earlier, the earliest first. At most `limit`,
    /// and as many per workspace if only some workspaces are visible.
    async fn credential_ends(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<CredentialEnd>>;
}
