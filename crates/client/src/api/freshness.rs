//! Freshness rules of buckets, and abandoned multipart uploads.

use bucketry_api_types::freshness::{
    FreshnessChanges, FreshnessInfo, FreshnessList, UploadCleaningRequest, UploadCleaningResult,
};
use bucketry_model::id::BucketId;
use serde_json::Value;

use super::{ApiClient, with_query};
use crate::error::ClientError;

impl ApiClient {
    /// Returns the freshness rules of a bucket, with what their last checks found.
    pub async fn freshness_rules(&self, id: BucketId) -> Result<Vec<FreshnessInfo>, ClientError> {
        self.get(&format!("/bucket/{id}/freshness")).await.map(|list: FreshnessList| list.rules)
    }

    /// Sets the rule for a prefix, and returns all rules of the bucket.
    pub async fn set_freshness_rule(
        &self,
        id: BucketId,
        rule: &FreshnessChanges,
    ) -> Result<Vec<FreshnessInfo>, ClientError> {
        self.put(&format!("/bucket/{id}/freshness"), rule).await.map(|list: FreshnessList| list.rules)
    }

    /// Removes the rule for a prefix.
    pub async fn remove_freshness_rule(&self, id: BucketId, prefix: &str) -> Result<(), ClientError> {
        let path = with_query(&format!("/bucket/{id}/freshness"), &[("prefix", Some(prefix))]);
        self.delete(&path).await.map(|_: Value| ())
    }

    /// Aborts multipart uploads that nobody completed, or only finds them.
    pub async fn clean_uploads(
        &self,
        id: BucketId,
        request: &UploadCleaningRequest,
    ) -> Result<UploadCleaningResult, ClientError> {
        self.post(&format!("/bucket/{id}/uploads/clean"), request).await
    }
}
