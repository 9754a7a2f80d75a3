//! The response to `GET /node/sync`: buckets, repositories and jobs.

use serde::{Deserialize, Serialize};

use super::jobs::Job;
use crate::bucket::{BucketLocation, StorageType};
use crate::id::{BucketId, OrgId, RepoId, RepoKeyId};
use crate::pinning::BucketPins;
use crate::probe_share::ProbeAssignment;
use crate::repository::{Folder, KeyAccess, RepositoryMode};
use crate::secret::SealedSecret;

/// A bucket as nodes get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct NodeBucket {
    pub id: BucketId,
    /// Organization, to which the secret is bound.
    pub org_id: OrgId,
    /// A node keeps the highest version that it has seen.
    pub version: i64,
    /// The version in which location and secret last changed. Sealing the secret again raises only `version`. 0
    /// from older control planes.
    #[serde(default)]
    pub config_version: i64,
    pub location: BucketLocation,
    /// Secret that opens the bucket, sealed to the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SealedSecret>,
    /// What the bucket is pinned to. A node gets only buckets that it serves; the pins decide which of them it probes.
    #[serde(default, skip_serializing_if = "BucketPins::is_empty")]
    pub pinned_to: BucketPins,
}

/// The response to `GET /node/sync`.
///
/// Without a cursor, or with one that is too old, a node gets everything in pages with `snapshot` true. After the
/// last page (`more` false), it forgets what was in no page. From then on, it gets changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncAnswer {
    /// Always true; errors have another form.
    pub success: bool,
    /// Cursor for the next request.
    pub cursor: String,
    /// Whether this page is part of a snapshot.
    pub snapshot: bool,
    /// Whether there is more to fetch immediately.
    pub more: bool,
    /// New and changed buckets.
    pub buckets: Vec<NodeBucket>,
    /// Buckets that the node serves no longer: deleted, or pinned to other nodes.
    pub removed: Vec<BucketId>,
    /// New and changed repositories. If a node doesn't know the buckets of one yet, it waits for them.
    #[serde(default)]
    pub repositories: Vec<NodeRepository>,
    /// Deleted repositories.
    #[serde(default)]
    pub removed_repositories: Vec<RepoId>,
    /// Jobs for the node. Each is delivered once.
    pub jobs: Vec<Job>,
    /// Which of its buckets the node is to probe, if that changed. A node that has never received this probes all of
    /// them. Older control planes don't send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<ProbeAssignment>,
}

/// A repository as nodes get it: the keys that may access it, and the buckets behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct NodeRepository {
    pub id: RepoId,
    /// Organization, to which the secrets of the keys are bound.
    pub org_id: OrgId,
    /// Incremented with every change of the repository, its buckets or its keys. A node keeps the highest version
    /// that it has seen.
    pub version: i64,
    /// Name of the repository. In mode MIRROR, clients can also use it as a bucket name.
    pub name: String,
    /// Protocol that applications use. S3 if absent, because older control planes don't send it.
    #[serde(default = "s3")]
    pub storage_type: StorageType,
    /// How requests are routed to the buckets.
    pub mode: RepositoryMode,
    pub buckets: Vec<NodeRepositoryBucket>,
    /// Live keys.
    pub keys: Vec<NodeRepositoryKey>,
    /// Key that seals upload ids and continuation tokens for clients: the same for all access keys and nodes, sealed
    /// to the nodes, and bound to organization and repository. `None` until the control plane has created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing_key: Option<SealedSecret>,
}

fn s3() -> StorageType {
    StorageType::S3
}

/// A bucket of a repository as nodes get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the field without a comment speaks for itself")]
pub struct NodeRepositoryBucket {
    pub bucket_id: BucketId,
    /// Name at the provider, by which clients address the bucket.
    pub bucket: String,
    /// Folder in the bucket that the repository uses.
    pub folder: Folder,
    /// Whether a MIRROR reads from and writes to this bucket first.
    pub master: bool,
}

/// An access key of a repository as nodes get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the field without a comment speaks for itself")]
pub struct NodeRepositoryKey {
    pub id: RepoKeyId,
    /// Access key id that clients sign with.
    pub key: String,
    /// What the key may do.
    pub access: KeyAccess,
    /// Secret access key, sealed to the nodes and bound to organization and key.
    pub secret: SealedSecret,
}
