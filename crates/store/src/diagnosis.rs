//! The last diagnosis of each bucket.

use async_trait::async_trait;
use bucketry_model::diagnosis::Check;
use bucketry_model::id::{BucketId, NodeId};
use jiff::Timestamp;

use crate::Result;

/// What a node found when it last validated a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiagnosisRow {
    /// The node. It may have been removed since.
    pub node_id: NodeId,
    /// When the checks ended.
    pub at: Timestamp,
    /// The version of the bucket's location and secret.
    pub version: i64,
    /// The checks, in their order.
    pub checks: Vec<Check>,
}

/// Stores diagnoses.
#[async_trait]
pub trait DiagnosisStore {
    /// Replaces the last diagnosis of a live bucket. One of an earlier version than the stored one is dropped.
    async fn set_diagnosis(&self, id: BucketId, diagnosis: &DiagnosisRow) -> Result<()>;

    /// The last diagnosis of a live bucket, and the present version of its location and secret.
    async fn diagnosis(&self, id: BucketId) -> Result<Option<(DiagnosisRow, i64)>>;
}
