//! A bucket as the API shows it.

use bucketry_control::buckets::BucketView;
use bucketry_model::bucket::StorageType;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{BucketId, RepoId, WorkspaceId};
use bucketry_model::status::Status;
use bucketry_store::repository::RepositoryOfBucket;
use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::{Moment, StatusSchema, StorageTypeSchema};

/// A registered bucket. Its secret is never shown, in no form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Bucket)]
pub(crate) struct BucketAnswer<'a> {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: BucketId,
    /// What people call it.
    #[schema(value_type = String, example = "Holiday photos")]
    name: &'a str,
    /// Its name at the provider.
    #[schema(value_type = String, example = "photos")]
    bucket: &'a str,
    /// The protocol of its provider.
    #[schema(value_type = StorageTypeSchema)]
    storage_type: StorageType,
    /// The identity that opens it: access key id, role ARN, client e-mail or account name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "AKIAIOSFODNN7EXAMPLE")]
    key: Option<&'a str>,
    /// Whether a secret is stored.
    has_secret: bool,
    /// The provider's address, where it isn't the storage type's own cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "https://s3.example.com")]
    endpoint: Option<&'a Endpoint>,
    /// The provider's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "eu-central-1")]
    region: Option<&'a str>,
    /// Whose storage it is, told from the endpoint: AWS, GCP, AZURE, CLOUDFLARE, MINIO, OTHER and more.
    #[schema(value_type = String, example = "AWS")]
    provider: &'static str,
    /// Its status, folded over its nodes.
    #[schema(value_type = StatusSchema)]
    status: Status,
    /// When a node last probed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status_at: Option<Moment>,
    /// The lowest latency that a connected node reaches it with, in milliseconds.
    #[serde(rename = "latency_ms", skip_serializing_if = "Option::is_none")]
    #[schema(example = 12)]
    latency_ms: Option<u32>,
    /// Why it is OFFLINE, as a stable code: one of the `error_code`s of a validation. Absent where it isn't.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "ACCESS_DENIED_READ")]
    last_error: Option<&'static str>,
    /// The same as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    status_reason: Option<&'a str>,
    /// When its secret was given. Absent without a secret, or where it isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_set_at: Option<Moment>,
    /// When its secret expires. Absent where it doesn't, or doesn't tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_expires_at: Option<Moment>,
    /// When it was registered.
    created_at: Moment,
    /// When a person last changed it.
    updated_at: Moment,
    /// Its workspace.
    #[schema(value_type = String, format = "uuid")]
    workspace_id: WorkspaceId,
    /// The repositories that hold it.
    #[schema(inline = false)]
    repos: Vec<RepoOfBucket<'a>>,
}

/// A repository that holds a bucket.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RepoOfBucket)]
pub(crate) struct RepoOfBucket<'a> {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: RepoId,
    /// Its name.
    #[schema(value_type = String, example = "Media")]
    name: &'a str,
    /// The protocol that it speaks to applications.
    #[schema(value_type = StorageTypeSchema)]
    storage_type: StorageType,
    /// When it was made.
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
