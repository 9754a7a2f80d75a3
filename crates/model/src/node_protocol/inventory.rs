//! Walks through the lists of buckets: what a node reports, and which walks it gets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::jobs::UploadsFound;
use crate::id::{BucketId, OrgId};

/// The largest number of walks in a message.
pub const MAX_WALKS: usize = 8;
/// How long a walk belongs to a node without a report of it, in seconds. After that, another node may continue it.
pub const WALK_LEASE_SECONDS: i64 = 120;

/// After this many days, a multipart upload that is in progress counts as abandoned.
pub const ABANDONED_AFTER_DAYS: i64 = 7;

/// `POST /node/inventory`: how far the node's walks have come, and how many more it could run.
///
/// A node that doesn't know this message never sends it, and gets no walks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryReport {
    /// Unique name of the node.
    pub ip: String,
    /// See [`Register::id_org`](super::Register::id_org).
    #[serde(rename = "id_org", default, skip_serializing_if = "Option::is_none")]
    pub id_org: Option<OrgId>,
    /// All walks that the node is running or has ended since its last report, at most [`MAX_WALKS`]. Walks of the
    /// node that are missing here were interrupted, and are assigned again.
    #[serde(default)]
    pub walks: Vec<WalkReport>,
    /// How many further walks the node can run.
    #[serde(default)]
    pub free: u32,
}

/// How far a walk has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WalkReport {
    /// The bucket that is walked.
    pub bucket_id: BucketId,
    /// Repeated from the order. Together with the bucket, it identifies the walk.
    pub started_at: Timestamp,
    /// The walk's state ([`WalkState`](crate::inventory::WalkState)) as JSON text. `None` if it hasn't changed since
    /// the last acknowledged report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// How the walk ended. `None` while it is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<WalkEnd>,
    /// With the end of a finished walk: the multipart uploads that were abandoned ([`ABANDONED_AFTER_DAYS`]). `None` if the
    /// provider has none or can't list them. Older nodes don't send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandoned_uploads: Option<UploadsFound>,
}

/// How a walk ended at a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum WalkEnd {
    /// The last page was read. The state contains the result.
    Finished,
    /// The node stopped before the end: its time was over, or the node stops. The walk continues from its state.
    Paused,
    /// The bucket can't be listed now. The walk continues later from its state.
    Failed {
        /// The reason, in one sentence without secrets.
        reason: String,
    },
    /// The list can't be walked to its end. The state is discarded.
    Abandoned {
        /// The reason, in one sentence without secrets.
        reason: String,
    },
}

/// A walk for a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WalkOrder {
    /// The bucket to walk.
    pub bucket_id: BucketId,
    /// When the walk began. Not when this node got it.
    pub started_at: Timestamp,
    /// Requests per second, at most.
    pub requests_per_second: u16,
    /// The state to continue from. `None` to begin with the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// For how many seconds the walk may run. `None` for as long as it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<u64>,
}

/// The response to `POST /node/inventory`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryOrders {
    /// Always true; errors have another form.
    pub success: bool,
    /// Walks to start.
    #[serde(default)]
    pub walks: Vec<WalkOrder>,
    /// Walks of this node to drop: they no longer belong to it.
    #[serde(default)]
    pub stop: Vec<BucketId>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_of_older_and_newer_versions_are_read() {
        let report: InventoryReport = serde_json::from_value(json!({
            "ip": "node-1", "timestamp": 1, "walks": [{
                "bucketId": "00000000-0000-7000-8000-000000000000", "startedAt": "2026-01-01T00:00:00.123456Z",
                "end": { "kind": "failed", "reason": "No." }, "more": 1,
            }],
        }))
        .unwrap();
        assert_eq!(report.free, 0);
        assert_eq!(report.walks[0].end, Some(WalkEnd::Failed { reason: "No.".to_owned() }));
        let text = serde_json::to_string(&report.walks[0].started_at).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), report.walks[0].started_at);
        assert!(serde_json::from_value::<InventoryOrders>(json!({ "success": true, "new": 1 })).is_ok());
    }
}
