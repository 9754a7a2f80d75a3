//! Registered buckets.

use bucketry_api_types::bucket::{
    AvailableBucket, BucketAnswer, BucketChanged, BucketCreated, BucketInfo, BucketList, BucketValidated,
};
use bucketry_api_types::bucket_fields::{BucketChanges, NewBucketRequest, TrialFields};
use bucketry_api_types::bucket_status::{BucketStatusAnswer, DayAnswer, NodeDay, WhichDay};
use bucketry_api_types::inventory::{BucketInventory, InventoryChanges};
use bucketry_api_types::traffic::{BucketTraffic, BucketTrafficList};
use bucketry_api_types::validation::{ValidationBegun, ValidationState};
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, ValidationId, WorkspaceId};
use bucketry_model::provider::Provider;
use bucketry_model::status::Status;
use serde_json::Value;

use super::{ApiClient, with_query};
use crate::error::ClientError;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListSort {
    /// The newest first.
    Newest,
    /// By name.
    Name,
}

impl ListSort {
    /// The value of the parameter `sort`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Name => "name",
        }
    }
}

/// Which buckets to list, and in which order. An empty list restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketListSelection {
    /// Only the buckets of this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Only buckets with any of these statuses.
    pub statuses: Vec<Status>,
    /// Only buckets at any of these providers.
    pub providers: Vec<Provider>,
    /// Only buckets of any of these types.
    pub storage_types: Vec<StorageType>,
    /// Only buckets that have words which begin like these.
    pub search: Option<String>,
    /// The order. `None`: newest first, or in the order of the found words.
    pub sort: Option<ListSort>,
}

impl ApiClient {
    /// Lists the buckets that the caller sees, newest first: one page, or all without a limit.
    pub async fn buckets(
        &self,
        workspace: Option<WorkspaceId>,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<BucketList, ClientError> {
        let (workspace, limit) = (workspace.map(|id| id.to_string()), limit.map(|limit| limit.to_string()));
        let parameters =
            [("workspaceId", workspace.as_deref()), ("limit", limit.as_deref()), ("cursor", cursor)];
        self.get(&with_query("/bucket", &parameters)).await
    }

    /// Lists the buckets that a selection names: one page, or all without a limit. A page may be short although there is
    /// a next one.
    pub async fn select_buckets(
        &self,
        selection: &BucketListSelection,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<BucketList, ClientError> {
        let joined = |values: Vec<&str>| (!values.is_empty()).then(|| values.join(","));
        let workspace = selection.workspace.map(|id| id.to_string());
        let statuses = joined(selection.statuses.iter().map(|status| status.as_str()).collect());
        let providers = joined(selection.providers.iter().map(|provider| provider.as_str()).collect());
        let types = joined(selection.storage_types.iter().map(|one| one.as_str()).collect());
        let limit = limit.map(|limit| limit.to_string());
        let parameters = [
            ("workspaceId", workspace.as_deref()),
            ("status", statuses.as_deref()),
            ("provider", providers.as_deref()),
            ("storageType", types.as_deref()),
            ("search", selection.search.as_deref()),
            ("sort", selection.sort.map(ListSort::as_str)),
            ("limit", limit.as_deref()),
            ("cursor", cursor),
        ];
        self.get(&with_query("/bucket", &parameters)).await
    }

    /// Returns a bucket.
    pub async fn bucket(&self, id: BucketId) -> Result<BucketInfo<'static>, ClientError> {
        self.get(&format!("/bucket/{id}")).await.map(|one: BucketAnswer<'static>| one.bucket)
    }

    /// Lists the buckets that a new repository can use.
    pub async fn available_buckets(
        &self,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<AvailableBucket<'static>>, ClientError> {
        let workspace = workspace.map(|id| id.to_string());
        self.get(&with_query("/bucket/available", &[("workspaceId", workspace.as_deref())])).await
    }

    /// Registers a bucket. With an idempotency key, the call can be repeated safely.
    pub async fn create_bucket(
        &self,
        bucket: &NewBucketRequest,
        idempotency_key: Option<&str>,
    ) -> Result<BucketCreated, ClientError> {
        self.post_once("/bucket", bucket, idempotency_key).await
    }

    /// Changes a bucket.
    pub async fn update_bucket(
        &self,
        id: BucketId,
        changes: &BucketChanges,
    ) -> Result<BucketChanged, ClientError> {
        self.put(&format!("/bucket/{id}"), changes).await
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
        fields: &TrialFields,
    ) -> Result<BucketValidated, ClientError> {
        self.post(&format!("/bucket/{id}/validate"), fields).await
    }

    /// Begins a validation like [`ApiClient::validate_bucket`], whose progress can be read. A server of an older version
    /// doesn't have this (404 or 405).
    pub async fn begin_validation(
        &self,
        id: BucketId,
        fields: &TrialFields,
    ) -> Result<ValidationId, ClientError> {
        let begun: ValidationBegun = self.post(&format!("/bucket/{id}/validation"), fields).await?;
        Ok(begun.validation_id)
    }

    /// Returns how far a validation has come. With `after`, as soon as it has come further than that revision, or after
    /// some seconds.
    pub async fn validation(
        &self,
        id: BucketId,
        validation: ValidationId,
        after: Option<u64>,
    ) -> Result<ValidationState, ClientError> {
        let path = format!("/bucket/{id}/validation/{validation}");
        let after = after.map(|revision| revision.to_string());
        self.get(&with_query(&path, &[("after", after.as_deref())])).await
    }

    /// Begins to register a bucket like [`ApiClient::create_bucket`], with checks whose progress can be read. A server of an
    /// older version doesn't have this (404 or 405).
    pub async fn begin_registration(&self, new: &NewBucketRequest) -> Result<ValidationId, ClientError> {
        let begun: ValidationBegun = self.post("/bucket/registration", new).await?;
        Ok(begun.validation_id)
    }

    /// Returns how far a registration has come, as [`ApiClient::validation`] does.
    pub async fn registration(
        &self,
        validation: ValidationId,
        after: Option<u64>,
    ) -> Result<ValidationState, ClientError> {
        let path = format!("/bucket/registration/{validation}");
        let after = after.map(|revision| revision.to_string());
        self.get(&with_query(&path, &[("after", after.as_deref())])).await
    }

    /// Returns the current status of a bucket at each node.
    pub async fn bucket_status(&self, id: BucketId) -> Result<BucketStatusAnswer, ClientError> {
        self.get(&format!("/bucket/{id}/status")).await
    }

    /// Returns how full a bucket is.
    pub async fn bucket_inventory(&self, id: BucketId) -> Result<BucketInventory, ClientError> {
        self.get(&format!("/bucket/{id}/inventory")).await
    }

    /// Sets when a bucket's list is walked.
    pub async fn set_bucket_inventory(
        &self,
        id: BucketId,
        changes: &InventoryChanges,
    ) -> Result<BucketInventory, ClientError> {
        self.put(&format!("/bucket/{id}/inventory"), changes).await
    }

    /// Starts a walk through a bucket's list now.
    pub async fn start_bucket_inventory(&self, id: BucketId) -> Result<BucketInventory, ClientError> {
        self.post_empty(&format!("/bucket/{id}/inventory")).await
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
