//! Registered buckets.

use std::borrow::Cow;

use bucketry_model::bucket::StorageType;
use bucketry_model::diagnosis::Check;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{BucketId, RepoId, WorkspaceId};
use bucketry_model::status::Status;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::moment::Moment;
use crate::pinned_to::PinnedTo;

/// A registered bucket. Its secret is never returned.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = Bucket))]
pub struct BucketInfo<'a> {
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: BucketId,
    /// The display name.
    #[cfg_attr(feature = "openapi", schema(example = "Holiday photos"))]
    pub name: Cow<'a, str>,
    /// The name of the bucket or container at its provider.
    #[cfg_attr(feature = "openapi", schema(example = "photos"))]
    pub bucket: Cow<'a, str>,
    /// The storage protocol of the provider.
    pub storage_type: StorageType,
    /// The identity that accesses the bucket: access key id, role ARN, client e-mail or account name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "AKIAIOSFODNN7EXAMPLE"))]
    pub key: Option<Cow<'a, str>>,
    /// Whether a secret is stored.
    pub has_secret: bool,
    /// The provider's address. Absent if the bucket is at AWS (S3), Google Cloud (GCS) or in Azure's public cloud (BLOB).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "https://s3.example.com"))]
    pub endpoint: Option<Cow<'a, Endpoint>>,
    /// The provider's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "eu-central-1"))]
    pub region: Option<Cow<'a, str>>,
    /// The provider, derived from the endpoint: AWS, GCP, AZURE, CLOUDFLARE, MINIO, OTHER and more.
    #[cfg_attr(feature = "openapi", schema(example = "AWS"))]
    pub provider: Cow<'static, str>,
    /// The bucket's status, combined from the reports of its nodes.
    pub status: Status,
    /// When a node last probed the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status_at: Option<Moment>,
    /// The lowest latency at which a connected node reaches the bucket, in milliseconds.
    #[serde(rename = "latency_ms", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = 12))]
    pub latency_ms: Option<u32>,
    /// Why the bucket is OFFLINE, as a stable code: one of the `error_code`s of a validation. Absent unless it is
    /// OFFLINE.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "ACCESS_DENIED_READ"))]
    pub last_error: Option<Cow<'static, str>>,
    /// The same reason as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<Cow<'a, str>>,
    /// Since when the bucket has been ONLINE. If several nodes reach it, the one that has reached it longest counts.
    /// Absent for other statuses, and if the time isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online_since: Option<Moment>,
    /// Since when the bucket has been OFFLINE. Absent for other statuses, and where the time isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline_since: Option<Moment>,
    /// When the secret was set. Absent without a secret, or where the time isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_set_at: Option<Moment>,
    /// When the secret expires. Absent if it doesn't expire, or if its expiry isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_expires_at: Option<Moment>,
    /// Stored bytes at the end of the last inventory. Absent without an inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<Count>,
    /// Number of objects at the end of the last inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<Count>,
    /// The end of the last inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory_at: Option<Moment>,
    /// What the stored bytes cost, as an estimate. Absent without an inventory, and where the operator's price sheet has
    /// no price for the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_storage_cost: Option<EstimatedStorageCost<'a>>,
    /// When the bucket was registered.
    pub created_at: Moment,
    /// When a user last changed the bucket.
    pub updated_at: Moment,
    /// The workspace that the bucket belongs to.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub workspace_id: WorkspaceId,
    /// The repositories that contain the bucket.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub repos: Vec<RepoOfBucket<'a>>,
    /// What the bucket is pinned to. Absent if all nodes of the organization serve it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub pinned_to: Option<PinnedTo>,
}

/// A repository that contains a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RepoOfBucket<'a> {
    /// The repository's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: RepoId,
    /// The display name.
    #[cfg_attr(feature = "openapi", schema(example = "Media"))]
    pub name: Cow<'a, str>,
    /// The protocol that applications use.
    pub storage_type: StorageType,
    /// When the repository was created.
    pub created_at: Moment,
}

/// A response with a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BucketAnswer<'a> {
    /// Always true.
    pub success: bool,
    /// The bucket.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub bucket: BucketInfo<'a>,
}

/// What the stored bytes of a bucket cost according to the operator's price sheet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EstimatedStorageCost<'a> {
    /// The currency of the price sheet.
    #[cfg_attr(feature = "openapi", schema(example = "EUR"))]
    pub currency: Cow<'a, str>,
    /// The price per month of storing the bytes that the last inventory found.
    #[cfg_attr(feature = "openapi", schema(example = 1.25))]
    pub per_month: f64,
}

/// A list of buckets.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BucketList {
    /// Always true.
    pub success: bool,
    /// The buckets, in the requested order.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub buckets: Vec<BucketInfo<'static>>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A bucket that a new repository can use.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AvailableBucket<'a> {
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: BucketId,
    /// The display name.
    pub name: Cow<'a, str>,
    /// The storage protocol of the provider.
    pub storage_type: StorageType,
    /// The name of the bucket or container at its provider.
    pub bucket: Cow<'a, str>,
    /// The identity that accesses the bucket: access key id, role ARN, client e-mail or account name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Cow<'a, str>>,
    /// The bucket's status, combined from the reports of its nodes.
    pub status: Status,
    /// When the secret expires. Absent if it doesn't expire, or if its expiry isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_expires_at: Option<Moment>,
    /// The workspace that the bucket belongs to.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub workspace_id: WorkspaceId,
    /// When the bucket was registered.
    pub created_at: Moment,
}

/// The result of registering a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BucketCreated {
    /// Always true.
    pub success: bool,
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// The fields that were read from pasted text. Absent if there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub read: Vec<ReadField>,
    /// Other registrations of the same bucket that the caller may see. Absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub also_registered: Vec<AlsoRegistered>,
}

/// Another registration of the same bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AlsoRegistered {
    /// The id of that registration.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// Its display name.
    #[cfg_attr(feature = "openapi", schema(example = "Holiday photos"))]
    pub name: String,
}

/// A field that was read from pasted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReadField {
    /// The field, or `folder`: what follows the bucket in an address. A folder isn't stored with the bucket.
    #[cfg_attr(feature = "openapi", schema(example = "bucket"))]
    pub field: Cow<'static, str>,
    /// The field that contained it.
    #[cfg_attr(feature = "openapi", schema(example = "endpoint"))]
    pub from: Cow<'static, str>,
    /// The value. Absent for a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "photos"))]
    pub value: Option<String>,
}

/// The result of changing a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = BucketUpdated))]
pub struct BucketChanged {
    /// Always true.
    pub success: bool,
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// The bucket's status after the change.
    pub status: Status,
    /// The latency of the validation, or of the last probe if nothing was validated, in milliseconds.
    #[serde(rename = "latency_ms", skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// The checks of the validation. Absent if nothing was validated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<Vec<Check>>,
    /// The fields that were read from pasted text. Absent if there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub read: Vec<ReadField>,
    /// Other registrations of the same bucket that the caller may see. Absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub also_registered: Vec<AlsoRegistered>,
}

/// The result of a successful validation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BucketValidated {
    /// Always true.
    pub success: bool,
    /// The result in one sentence.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "the bucket is reachable and allows everything that was checked")
    )]
    pub message: Cow<'static, str>,
    /// The latency of the `bucket` check, or the time of all checks if it was not made, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(example = 12))]
    pub latency_ms: u64,
    /// Always ONLINE: every check passed.
    pub status: Status,
    /// The checks that were made, in order.
    pub checks: Vec<Check>,
    /// The fields that were read from pasted text. Absent if there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub read: Vec<ReadField>,
}
