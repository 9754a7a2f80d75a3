//! Registered buckets.

use bucketry_api_types::bucket_status::{BucketStatusAnswer, DayAnswer, NodeDay, WhichDay};
use bucketry_api_types::traffic::{BucketTraffic, BucketTrafficList};
use bucketry_model::bucket::StorageType;
use bucketry_model::diagnosis::{Check, CheckScope};
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::secret::Secret;
use bucketry_model::status::Status;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::{ApiClient, with_query};
use crate::error::ClientError;

/// A registered bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct Bucket {
    pub id: BucketId,
    /// Name in the registry.
    pub name: String,
    /// Name at the provider.
    pub bucket: String,
    /// Protocol of the provider.
    pub storage_type: StorageType,
    /// Access key id or other identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// URL of the provider; `None` for the public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Region at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether a secret is stored.
    #[serde(default)]
    pub has_secret: bool,
    /// Current status, combined from all nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// When a node last probed the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status_at: Option<String>,
    /// Latency of the last successful probe, in milliseconds.
    #[serde(rename = "latency_ms", default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Stable code of the reason, if the bucket is OFFLINE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The same reason as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// When the secret was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_set_at: Option<String>,
    /// When the secret expires, if it contains that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_expires_at: Option<String>,
    /// Provider, recognised from the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    pub workspace_id: WorkspaceId,
    /// Time of registration.
    pub created_at: String,
    /// Time of the last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

/// A page of buckets.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketPage {
    /// In order of registration, newest first.
    pub buckets: Vec<Bucket>,
    /// Cursor of the next page; `None` on the last one.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// The fields of a new bucket, or changes to one. Absent fields are not changed.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct BucketFields {
    /// Name in the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Protocol of the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<StorageType>,
    /// Access key id or other identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Secret that opens the bucket.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose")]
    pub secret: Option<Secret>,
    /// URL of the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Region at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
    /// Store the bucket without validating it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_validation: bool,
    /// Which checks the validation makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<CheckScope>,
}

/// Serializes a secret. This happens only in the request that hands it to the server.
#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn expose<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

/// The response to creating or changing a bucket.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketStored {
    /// Created or changed bucket.
    pub bucket_id: BucketId,
    /// Status, if the bucket was validated.
    #[serde(default)]
    pub status: Option<Status>,
    /// Response time of the provider, in milliseconds.
    #[serde(rename = "latency_ms", default)]
    pub latency_ms: Option<u64>,
}

/// The result of a validation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Validation {
    /// One sentence for people.
    pub message: String,
    /// Response time of the provider, in milliseconds.
    #[serde(default)]
    pub latency_ms: Option<u64>,
    /// Status that follows from the checks.
    #[serde(default)]
    pub status: Option<Status>,
    /// The checks, in the order in which they ran.
    #[serde(default)]
    pub checks: Vec<Check>,
}

impl ApiClient {
    /// Lists the buckets that the caller sees, newest first: one page, or all without a limit.
    pub async fn buckets(
        &self,
        workspace: Option<WorkspaceId>,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<BucketPage, ClientError> {
        let (workspace, limit) = (workspace.map(|id| id.to_string()), limit.map(|limit| limit.to_string()));
        let parameters =
            [("workspaceId", workspace.as_deref()), ("limit", limit.as_deref()), ("cursor", cursor)];
        self.get(&with_query("/bucket", &parameters)).await
    }

    /// Lists the buckets that a new repository can use.
    pub async fn available_buckets(&self, workspace: Option<WorkspaceId>) -> Result<Vec<Value>, ClientError> {
        let workspace = workspace.map(|id| id.to_string());
        self.get(&with_query("/bucket/available", &[("workspaceId", workspace.as_deref())])).await
    }

    /// Registers a bucket. With an idempotency key, the call can be repeated safely.
    pub async fn create_bucket(
        &self,
        fields: &BucketFields,
        idempotency_key: Option<&str>,
    ) -> Result<BucketStored, ClientError> {
        self.post_once("/bucket", fields, idempotency_key).await
    }

    /// Changes a bucket.
    pub async fn update_bucket(
        &self,
        id: BucketId,
        fields: &BucketFields,
    ) -> Result<BucketStored, ClientError> {
        self.put(&format!("/bucket/{id}"), fields).await
    }

    /// Removes a bucket from the registry.
    pub async fn delete_bucket(&self, id: BucketId) -> Result<(), ClientError> {
        self.delete(&format!("/bucket/{id}")).await.map(|_: Value| ())
    }

    /// Validates a bucket through a node. Given fields replace the stored ones for the validation, and are not
    /// stored. A failed validation is a refusal with the checks in it ([`crate::Refusal::checks`]).
    pub async fn validate_bucket(
        &self,
        id: BucketId,
        fields: &BucketFields,
    ) -> Result<Validation, ClientError> {
        self.post(&format!("/bucket/{id}/validate"), fields).await
    }

    /// Returns the current status of a bucket at each node.
    pub async fn bucket_status(&self, id: BucketId) -> Result<BucketStatusAnswer, ClientError> {
        self.get(&format!("/bucket/{id}/status")).await
    }

    /// Returns each node's record of a day of a bucket. The day is `YYYY-MM-DD` or an RFC 3339 date-time.
    pub async fn bucket_day(&self, id: BucketId, day: &str) -> Result<Vec<NodeDay>, ClientError> {
        let body = WhichDay { day: day.to_owned() };
        self.post(&format!("/bucket/{id}/stats"), &body).await.map(|days: DayAnswer| days.node_stats)
    }

    /// Returns the total traffic of some buckets, or of all that the caller sees if `ids` is empty.
    pub async fn usage_totals(&self, ids: &[BucketId]) -> Result<Vec<BucketTraffic>, ClientError> {
        let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let path = with_query("/bucket/stats", &[("bucketId", (!ids.is_empty()).then_some(list.as_str()))]);
        self.get(&path).await.map(|list: BucketTrafficList| list.stats)
    }
}
