//! Reports of nodes that stopped to probe a bucket.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::node_silence::NodeSilence;
use jiff::Timestamp;

use crate::Result;

/// Withdraws the reports of nodes that no longer probe a bucket.
#[async_trait]
pub trait ReportWithdrawalStore {
    /// The buckets on which a live node's report is stored, by id: those after the first id up to the second,
    /// included. `None` means no bound.
    async fn reported_buckets(
        &self,
        node: NodeId,
        after: Option<BucketId>,
        until: Option<BucketId>,
        limit: u32,
    ) -> Result<Vec<BucketId>>;

    /// Removes a node's latest reports on buckets, and notes the time. Its day records are retained. Skips buckets on
    /// which it has no report. Returns how many were removed.
    async fn withdraw_reports(&self, node: NodeId, ids: &[BucketId], now: Timestamp) -> Result<usize>;

    /// When reports on a bucket were withdrawn since a time, the latest first. As silences in which the node was removed
    /// and came back immediately, because its report counts again only when it reports again.
    async fn report_withdrawals(
        &self,
        id: BucketId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<NodeSilence>>;

    /// Removes what was noted before the given time, at most `at_most` at a time. Returns how many.
    async fn purge_report_withdrawals(&self, before: Timestamp, at_most: u32) -> Result<u64>;
}
