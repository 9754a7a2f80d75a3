//! The representation of a bucket in responses.

use bucketry_api_types::moment::Moment;
use bucketry_control::buckets::BucketView;
use bucketry_model::bucket::StorageType;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{BucketId, RepoId, WorkspaceId};
use bucketry_model::status::Status;
use bucketry_store::repository::RepositoryOfBucket;
use serde::Serialize;
use utoipa::ToSchema;

/// A registered bucket. Its secret is never returned.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Bucket)]
pub(crate) struct BucketAnswer<'a> {
    /// The bucket's id.
    #[schema(value_type = String, format = "uuid")]
    id: BucketId,
    /// The display name.
    #[schema(value_type = String, example = "Holiday photos")]
    name: &'a str,
    /// The name of the bucket or container at its provider.
    #[schema(value_type = String, example = "photos")]
    bucket: &'a str,
    /// The storage protocol of the provider.
    storage_type: StorageType,
    /// The identity that accesses the bucket: access key id, role ARN, client e-mail or account name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "AKIAIOSFODNN7EXAMPLE")]
    key: Option<&'a str>,
    /// Whether a secret is stored.
    has_secret: bool,
    /// The provider's address. Absent for the storage type's own cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "https://s3.example.com")]
    endpoint: Option<&'a Endpoint>,
    /// The provider's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "eu-central-1")]
    region: Option<&'a str>,
    /// The provider, derived from the endpoint: AWS, GCP, AZURE, CLOUDFLARE, MINIO, OTHER and more.
    #[schema(value_type = String, example = "AWS")]
    provider: &'static str,
    /// The bucket's status, combined from the reports of its nodes.
    status: Status,
    /// When a node last probed the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status_at: Option<Moment>,
    /// The lowest latency at which a connected node reaches the bucket, in milliseconds.
    #[serde(rename = "latency_ms", skip_serializing_if = "Option::is_none")]
    #[schema(example = 12)]
    latency_ms: Option<u32>,
    /// Why the bucket is OFFLINE, as a stable code: one of the `error_code`s of a validation. Absent unless it is
    /// OFFLINE.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "ACCESS_DENIED_READ")]
    last_error: Option<&'static str>,
    /// The same reason as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    status_reason: Option<&'a str>,
    /// When the secret was set. Absent without a secret, or where the time isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_set_at: Option<Moment>,
    /// When the secret expires. Absent if it doesn't expire, or if its expiry isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_expires_at: Option<Moment>,
    /// When the bucket was registered.
    created_at: Moment,
    /// When a user last changed the bucket.
    updated_at: Moment,
    /// The workspace that the bucket belongs to.
    #[schema(value_type = String, format = "uuid")]
    workspace_id: WorkspaceId,
    /// The repositories that contain the bucket.
    #[schema(inline = false)]
    repos: Vec<RepoOfBucket<'a>>,
}

/// A repository that contains a bucket.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RepoOfBucket)]
pub(crate) struct RepoOfBucket<'a> {
    /// The repository's id.
    #[schema(value_type = String, format = "uuid")]
    id: RepoId,
    /// The display name.
    #[schema(value_type = String, example = "Media")]
    name: &'a str,
    /// The protocol that applications use.
    storage_type: StorageType,
    /// When the repository was created.
    created_at: Moment,
}

impl<'a> From<&'a RepositoryOfBucket> for RepoOfBucket<'a> {
    fn from(holder: &'a RepositoryOfBucket) -> Self {
        Self {
            id: holder.id,
            name: holder.name.as_str(),
            storage_type: holder.storage_type,
            created_at: Moment(holder.created_at),
        }
    }
}

impl<'a> From<&'a BucketView> for BucketAnswer<'a> {
    fn from(view: &'a BucketView) -> Self {
        let bucket = &view.bucket;
        Self {
            id: bucket.id,
            name: bucket.name.as_str(),
            bucket: &bucket.location.bucket,
            storage_type: bucket.location.storage_type,
            key: bucket.location.key.as_deref(),
            has_secret: view.has_secret,
            endpoint: bucket.location.endpoint.as_ref(),
            region: bucket.location.region.as_deref(),
            provider: view.provider.as_str(),
            status: view.status,
            last_status_at: view.last_status_at.map(Moment),
            latency_ms: view.latency_ms,
            last_error: view.last_error.as_ref().map(|failure| failure.code.as_str()),
            status_reason: view.last_error.as_ref().map(|failure| failure.message.as_str()),
            credential_set_at: bucket.credential.set_at.map(Moment),
            credential_expires_at: bucket.credential.expires_at.map(Moment),
            created_at: Moment(bucket.created_at),
            updated_at: Moment(bucket.updated_at),
            workspace_id: bucket.workspace_id,
            repos: view.repositories.iter().map(RepoOfBucket::from).collect(),
        }
    }
}
