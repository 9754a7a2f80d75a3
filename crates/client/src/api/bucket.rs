//! Registered buckets.

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
pub struct Bucket {
    /// Its id.
    pub id: BucketId,
    /// What people call it.
    pub name: String,
    /// Its name at the provider.
    pub bucket: String,
    /// The provider's protocol.
    pub storage_type: StorageType,
    /// The access key id or other identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The provider's address, where it isn't the public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The provider's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether a secret is stored.
    #[serde(default)]
    pub has_secret: bool,
    /// Its status as nodes see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// When a node last said something of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status_at: Option<String>,
    /// The latency of the last good probe, in milliseconds.
    #[serde(rename = "latency_ms", default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Why it is OFFLINE, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The same as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// When its secret was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_set_at: Option<String>,
    /// When its secret expires, where it does and tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_expires_at: Option<String>,
    /// The provider, as told from the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// When it was registered.
    pub created_at: String,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

/// A page of buckets.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketPage {
    /// The buckets, newest first.
    pub buckets: Vec<Bucket>,
    /// Where the next page begins; none at the end.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// What a bucket is registered with or changed to; absent fields are left as they are.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketFields {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its name at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The provider's protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<StorageType>,
    /// The access key id or other identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What opens it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose")]
    pub secret: Option<Secret>,
    /// The provider's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The provider's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
    /// Whether to store it without asking a node whether it can be reached.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_validation: bool,
    /// Which checks a validation makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<CheckScope>,
}

/// The one place where a secret is written: into the request that hands it to the server.
#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn expose<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

/// What creating or changing a bucket answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketStored {
    /// The bucket.
    pub bucket_id: BucketId,
    /// Its status, where it was validated.
    #[serde(default)]
    pub status: Option<Status>,
    /// How long the provider took to answer, in milliseconds.
    #[serde(rename = "latency_ms", default)]
    pub latency_ms: Option<u64>,
}

/// A validation's outcome.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Validation {
    /// One sentence.
    pub message: String,
    /// How long the provider took to answer, in milliseconds.
    #[serde(default)]
    pub latency_ms: Option<u64>,
    /// The bucket's status.
    #[serde(default)]
    pub status: Option<Status>,
    /// The checks, in order.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// A bucket as its nodes see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketStatus {
    /// The bucket.
    pub bucket_id: BucketId,
    /// One entry a node.
    pub node_status: Vec<NodeStatus>,
}

/// A bucket as one node sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// The node's name.
    pub ip: String,
    /// Where it runs.
    pub region: String,
    /// The version it runs.
    pub version: String,
    /// What it says.
    pub status: Status,
    /// The latency of its last good probe, in milliseconds.
    #[serde(rename = "latency_ms", default)]
    pub latency_ms: Option<u64>,
    /// When it last probed.
    pub last_updated: String,
    /// Why it says OFFLINE, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The same as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
}

/// A bucket's day as one node saw it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeDay {
    /// The node's name.
    pub ip: String,
    /// The version it runs.
    pub version: String,
    /// The share of the observed time in which the bucket was online, in percent.
    pub perc_uptime: f64,
    /// The mean latency of the good probes, in milliseconds.
    pub avg_latency_ms: f64,
    /// The latency that half of the good probes didn't exceed, in milliseconds.
    #[serde(default)]
    pub p50_latency_ms: Option<f64>,
    /// The latency that 99 of 100 good probes didn't exceed, in milliseconds.
    #[serde(default)]
    pub p99_latency_ms: Option<f64>,
    /// How many probes were made.
    #[serde(default)]
    pub probes: u64,
    /// How many of them failed.
    #[serde(default)]
    pub failures: u64,
    /// What the node says now.
    pub node_status: Status,
    /// When it last probed.
    pub last_updated: String,
    /// The last failure, as the server tells it.
    #[serde(default)]
    pub last_error: Option<Value>,
}

/// All that was ever counted for a bucket; 64-bit figures as decimal text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageTotals {
    /// The bucket.
    pub bucket_id: BucketId,
    /// Requests served.
    pub total_count: String,
    /// Bytes that clients sent.
    pub total_upload_bytes: String,
    /// Bytes that clients received.
    pub total_download_bytes: String,
    /// Net change of the stored size.
    pub total_size_change: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeDays {
    node_stats: Vec<NodeDay>,
}

#[derive(Deserialize)]
struct Totals {
    stats: Vec<UsageTotals>,
}

impl ApiClient {
    /// A page of the buckets that the caller sees, newest first. Without a limit, all of them.
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

    /// The buckets that a new repository can take.
    pub async fn available_buckets(&self, workspace: Option<WorkspaceId>) -> Result<Vec<Value>, ClientError> {
        let workspace = workspace.map(|id| id.to_string());
        self.get(&with_query("/bucket/available", &[("workspaceId", workspace.as_deref())])).await
    }

    /// Registers a bucket. Give an idempotency key to be able to repeat the call safely.
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

    /// Removes a bucket.
    pub async fn delete_bucket(&self, id: BucketId) -> Result<(), ClientError> {
        self.delete(&format!("/bucket/{id}")).await.map(|_: Value| ())
    }

    /// Checks a bucket through a node. Fields that are given stand in for the stored ones and are not saved. A
    /// failing validation is a refusal that carries its checks ([`crate::Refusal::checks`]).
    pub async fn validate_bucket(
        &self,
        id: BucketId,
        fields: &BucketFields,
    ) -> Result<Validation, ClientError> {
        self.post(&format!("/bucket/{id}/validate"), fields).await
    }

    /// What each node says of a bucket now.
    pub async fn bucket_status(&self, id: BucketId) -> Result<BucketStatus, ClientError> {
        self.get(&format!("/bucket/{id}/status")).await
    }

    /// What each node saw of a bucket on a day: `YYYY-MM-DD` or an RFC 3339 date-time.
    pub async fn bucket_day(&self, id: BucketId, day: &str) -> Result<Vec<NodeDay>, ClientError> {
        let body = serde_json::json!({ "day": day });
        self.post(&format!("/bucket/{id}/stats"), &body).await.map(|days: NodeDays| days.node_stats)
    }

    /// The totals of some buckets, or of all that the caller sees.
    pub async fn usage_totals(&self, ids: &[BucketId]) -> Result<Vec<UsageTotals>, ClientError> {
        let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let path = with_query("/bucket/stats", &[("bucketId", (!ids.is_empty()).then_some(list.as_str()))]);
        self.get(&path).await.map(|totals: Totals| totals.stats)
    }
}
