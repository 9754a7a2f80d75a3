//! Registered buckets.

use async_trait::async_trait;
use bucketry_model::bucket::{Bucket, BucketLocation, StorageType};
use bucketry_model::id::{BucketId, NodeId, OrgId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::role::Visibility;
use bucketry_model::secret::SealedSecret;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::uptime::ProbeSample;
use jiff::Timestamp;

use crate::Result;

/// A sealed secret with the fingerprint of the recipients that it is sealed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// The sealed text.
    pub sealed: SealedSecret,
    /// Names the set of recipients: a secret whose fingerprint isn't the present one waits to be sealed anew.
    pub sealed_to: String,
}

/// A bucket to be registered.
#[derive(Debug, Clone)]
pub struct NewBucket {
    /// Its id.
    pub id: BucketId,
    /// Its organization.
    pub org_id: OrgId,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// Its name.
    pub name: Name,
    /// Where it lies.
    pub location: BucketLocation,
    /// What opens it.
    pub secret: Option<StoredSecret>,
    /// When the secret ends, where it tells.
    pub secret_expires_at: Option<Timestamp>,
    /// What the validation found, where one was made.
    pub first_report: Option<FirstReport>,
}

/// A validation's outcome, to be stored as what its node reports first on a new bucket, or on a new configuration.
#[derive(Debug, Clone)]
pub struct FirstReport {
    /// The node that made the validation. One that was removed in the meantime reports nothing.
    pub node_id: NodeId,
    /// The outcome. Its version need not be filled.
    pub sample: ProbeSample,
}

/// What came of registering a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketInserted {
    /// It is registered and announced to nodes.
    Inserted,
    /// A live bucket of the organization has the name.
    NameTaken,
    /// The organization has as many buckets as it may.
    QuotaExceeded,
    /// The workspace is not a live one of the organization.
    WorkspaceNotFound,
}

/// A change of a bucket: the whole of its new state.
#[derive(Debug, Clone)]
pub struct BucketUpdate {
    /// The bucket.
    pub id: BucketId,
    /// Its organization.
    pub org_id: OrgId,
    /// The version that the change was made from; another one by then means that somebody was faster.
    pub from_version: i64,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The name.
    pub name: Name,
    /// Where it lies.
    pub location: BucketLocation,
    /// The secret.
    pub secret: SecretUpdate,
    /// Whether location or secret changed: nodes must learn of it, and what they reported before counts no longer.
    pub record_change: bool,
    /// What the validation found, where one was made.
    pub first_report: Option<FirstReport>,
}

/// What happens to the stored secret in an update.
#[derive(Debug, Clone)]
pub enum SecretUpdate {
    /// It stays.
    Keep,
    /// It is replaced.
    Replace {
        /// The new one.
        secret: StoredSecret,
        /// When it ends, where it tells.
        expires_at: Option<Timestamp>,
    },
    /// It is destroyed.
    Clear,
}

/// What came of changing a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketUpdated {
    /// Done.
    Updated,
    /// Another live bucket of the organization has the name.
    NameTaken,
    /// The workspace is not a live one of the organization.
    WorkspaceNotFound,
    /// It would go to another workspace, and a live repository holds it.
    InUse,
    /// It would be called at its provider like another bucket of a repository that holds both.
    SameNameInRepository,
    /// It is gone.
    NotFound,
    /// It was changed in between.
    Conflict,
}

/// What came of removing a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketDeleted {
    /// It is gone, and nodes are told.
    Deleted,
    /// A live repository holds it.
    InUse,
    /// There is no such live bucket.
    NotFound,
}

/// What one node last said of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatusRow {
    /// The node.
    pub node_id: NodeId,
    /// The status.
    pub status: ProbedStatus,
    /// The latency of its last successful probe, in milliseconds.
    pub latency_ms: Option<u32>,
    /// When it probed last.
    pub at: Timestamp,
    /// Why it is OFFLINE; none where it is ONLINE.
    pub failure: Option<ProbeFailure>,
}

/// A live bucket that has its name at the provider, or its key, in common with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharingBucket {
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// Its location.
    pub location: BucketLocation,
}

/// A live bucket whose secret ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingCredential {
    /// The bucket.
    pub id: BucketId,
    /// Its organization.
    pub org_id: OrgId,
    /// When its secret ends.
    pub expires_at: Timestamp,
}

/// A bucket in a list: without its sealed secret, with what nodes say of it.
#[derive(Debug, Clone)]
pub struct ListedBucket {
    /// The bucket; its `secret` is never filled here.
    pub bucket: Bucket,
    /// Whether a secret is stored.
    pub has_secret: bool,
    /// What nodes last said, one entry a node that ever reported and is still registered.
    pub nodes: Vec<NodeStatusRow>,
}

/// Where the next page of a newest-first list begins: after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageStart<Id = BucketId> {
    /// When the last one of the page before was made.
    pub created_at: Timestamp,
    /// Its id.
    pub id: Id,
}

/// Which buckets to list.
#[derive(Debug, Clone)]
pub struct BucketQuery {
    /// Of this organization.
    pub org_id: OrgId,
    /// In these workspaces.
    pub visible: Visibility,
    /// After this one.
    pub after: Option<PageStart>,
    /// At most so many.
    pub limit: u32,
}

/// Keeps registered buckets.
#[async_trait]
pub trait BucketStore {
    /// Registers a bucket: checks workspace, name and quota, announces it to nodes, and stores the first report, all in
    /// one transaction.
    async fn insert_bucket(&self, new: &NewBucket, now: Timestamp) -> Result<BucketInserted>;

    /// Looks a live bucket of the organization up, with its sealed secret.
    async fn bucket(&self, org_id: OrgId, id: BucketId) -> Result<Option<Bucket>>;

    /// Whether a live bucket of the organization, other than `except`, has the name.
    async fn bucket_name_taken(&self, org_id: OrgId, name: &Name, except: Option<BucketId>) -> Result<bool>;

    /// Changes a bucket. Where its name at the provider changes, the repositories that hold it are announced with it:
    /// that name is how clients address it. Where location or secret change, what nodes reported is removed and the
    /// first report stored, in the same transaction; reports on earlier versions are passed over from then on.
    async fn update_bucket(&self, update: &BucketUpdate, now: Timestamp) -> Result<BucketUpdated>;

    /// Removes a bucket that no live repository holds, softly: destroys its secret, frees its name and its place in
    /// the quota, keeps its statistics, announces it to nodes.
    async fn delete_bucket(&self, org_id: OrgId, id: BucketId, now: Timestamp) -> Result<BucketDeleted>;

    /// A page of live buckets, newest first, then by id. Costs what the page costs, however many buckets there are.
    async fn buckets(&self, query: &BucketQuery) -> Result<Vec<ListedBucket>>;

    /// Those of the given buckets that are in the organization, with the workspace of each. Deleted ones too: their
    /// statistics are retained, in the workspace that they were last in.
    async fn workspaces_of_buckets(
        &self,
        org_id: OrgId,
        ids: &[BucketId],
    ) -> Result<Vec<(BucketId, WorkspaceId)>>;

    /// Where live buckets of the organization are that have the storage type, and the name at the provider or the key.
    async fn buckets_sharing(
        &self,
        org_id: OrgId,
        storage_type: StorageType,
        bucket: &str,
        key: &str,
    ) -> Result<Vec<SharingBucket>>;

    /// Those of the given buckets that are in the organization, deleted ones too, without their secrets, in no
    /// particular order.
    async fn buckets_ever(&self, org_id: OrgId, ids: &[BucketId]) -> Result<Vec<Bucket>>;

    /// A number that changes whenever an answer about the organization's buckets might: a registration, a change, a
    /// deletion, a new word of a node, a repository that takes or frees one. It lets whole answers be kept as long as they are true.
    async fn bucket_generation(&self, org_id: OrgId) -> Result<u64>;

    /// How many live buckets have a secret that ends at a time or before it.
    async fn count_credentials_ending(&self, until: Timestamp) -> Result<u64>;

    /// Live buckets whose secret ends after `after` and not after `until`, the earliest first; at most `limit`.
    async fn credentials_ending(
        &self,
        after: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<EndingCredential>>;
}
