//! The wire types of the protocol between nodes and the control plane. `docs/nodes.md` describes the protocol, with
//! a worked example of a signature.
//!
//! A node signs every message: RSASSA-PKCS1-v1_5 with SHA-256 over [`signing_input`]. For a message without a body
//! (`GET /node/sync`), the query parameters are signed, as a JSON object of strings.

mod inventory;
mod jobs;
mod key_checks;
mod newer;
mod sync;

pub use inventory::{
    ABANDONED_AFTER_DAYS, InventoryOrders, InventoryReport, MAX_WALKS, WALK_LEASE_SECONDS, WalkEnd,
    WalkOrder, WalkReport,
};
pub use jobs::{
    BoundSecret, Job, JobProgress, JobResult, NewestSearch, Outcome, PROGRESS_PER_SECOND, SecretOwner, Task,
    UploadCleaning, UploadsFound, Validation,
};
pub use key_checks::{CheckedKey, KeyChecks, MAX_KEY_CHECKS, MOST_OTHER_BUCKETS};
pub use newer::{FromNewer, read_known};
pub use sync::{NodeBucket, NodeRepository, NodeRepositoryBucket, NodeRepositoryKey, SyncAnswer};

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical_text::Limits;
use crate::endpoint::Endpoint;
use crate::id::{BucketId, OrgId, RepoKeyId};
use crate::status::{ProbeFailure, ProbedStatus};
use crate::usage::UsageRow;

/// Maximum difference between a message's time and the control plane's, in seconds.
pub const CLOCK_TOLERANCE_SECONDS: i64 = 300;
/// Interval between two heartbeats, in seconds.
pub const HEARTBEAT_SECONDS: u64 = 20;
/// How long `GET /node/sync` waits for changes at most, in seconds.
pub const LONG_POLL_SECONDS: u64 = 25;
/// Maximum number of samples in a heartbeat, and of rows in a usage batch.
pub const MAX_BATCH: usize = 5_000;
/// Maximum size of a message without a batch, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// Maximum size of a heartbeat with samples and of a report, in bytes. Enough for 5,000 rows of traffic.
pub const MAX_BATCH_BYTES: usize = 4 << 20;
/// Path of the registration.
pub const REGISTER_PATH: &str = "/register";
/// Path on which a node leaves.
pub const UNREGISTER_PATH: &str = "/unregister";
/// Path of heartbeats.
pub const STATUS_PATH: &str = "/node/status";
/// Path of synchronisation.
pub const SYNC_PATH: &str = "/node/sync";
/// Path of reports.
pub const REPORT_PATH: &str = "/node/report";
/// Path of reports on inventories, and of orders for them.
pub const INVENTORY_PATH: &str = "/node/inventory";

/// Error code of a message whose signature or time is rejected, or that is a repetition.
pub const INVALID_NODE_MESSAGE: &str = "INVALID_NODE_MESSAGE";
/// The field that the response to such a message names if the node's clock and the control plane's differ too much.
pub const WRONG_CLOCK_FIELD: &str = "timestamp";
/// Error code of a request from a node whose public key nobody has approved.
pub const NODE_NOT_APPROVED: &str = "NODE_NOT_APPROVED";
/// Error code of a usage batch whose number isn't the expected one.
pub const BATCH_OUT_OF_ORDER: &str = "BATCH_OUT_OF_ORDER";

/// Limits for a message sent to a path. They are checked before the signature, and so without building anything.
pub fn limits(path: &str) -> Limits {
    let of_all = Limits { bytes: MAX_MESSAGE_BYTES, values: 4_096, members: 256, depth: 16 };
    match path {
        // 5,000 validation results have the most values.
        STATUS_PATH | REPORT_PATH => Limits { bytes: MAX_BATCH_BYTES, values: 400_000, ..of_all },
        INVENTORY_PATH => Limits { bytes: MAX_BATCH_BYTES, ..of_all },
        _ => of_all,
    }
}

/// The bytes to sign: `METHOD\nPATH\n`, followed by the message as canonical JSON (RFC 8785) without its `signature`
/// member. Values of every kind can be written, so an error would be a bug of the crate that writes them.
pub fn signing_input(method: &str, path: &str, message: &Value) -> serde_json::Result<Vec<u8>> {
    let mut unsigned = message.clone();
    if let Value::Object(members) = &mut unsigned {
        members.remove("signature");
    }
    let mut input = format!("{method}\n{path}\n").into_bytes();
    serde_json_canonicalizer::to_writer(&unsigned, &mut input)?;
    Ok(input)
}

/// `POST /register`: a node's name and location, and the public keys to seal secrets to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Register {
    /// Unique name of the node.
    pub ip: String,
    /// Cloud that the node runs in; empty if it doesn't know.
    #[serde(default)]
    pub provider: String,
    /// State of the node, always `active`.
    pub status: String,
    /// Where the node runs.
    pub region: String,
    /// Bucketry version of the node.
    pub version: String,
    /// Organization whose key signs the message; `None` for nodes of the deployment.
    #[serde(rename = "id_org", default, skip_serializing_if = "Option::is_none")]
    pub id_org: Option<OrgId>,
    /// Services of the node as a bit mask: 1 is storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_services: Option<u32>,
    /// Public keys to seal secrets to; the first one is in use.
    #[serde(default)]
    pub recipients: Vec<String>,
}

/// One probe in a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketStatus {
    /// The probed bucket; `unitId` in messages of older nodes.
    #[serde(alias = "unitId")]
    pub bucket_id: BucketId,
    /// Status after this probe.
    pub status: ProbedStatus,
    /// Duration of the probe in milliseconds; `None` if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u32>,
    /// End of the probe.
    pub created_at: Timestamp,
    /// Why the probe failed; `None` if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ProbeFailure>,
    /// Version of the bucket that was probed ([`NodeBucket::version`]). A probe of an earlier location or secret
    /// doesn't count. Older nodes don't send the version; their probes count from the time of the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// A node's count of its buckets by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StatusCounts {
    /// ONLINE buckets.
    pub online: u64,
    /// OFFLINE buckets.
    pub offline: u64,
    /// Buckets that the node hasn't probed yet, or can't probe.
    pub unknown: u64,
}

/// `POST /node/status`: the heartbeat, with the probes since the previous one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// Unique name of the node.
    pub ip: String,
    /// Where the node runs.
    pub region: String,
    /// See [`Register::id_org`].
    #[serde(rename = "id_org", default, skip_serializing_if = "Option::is_none")]
    pub id_org: Option<OrgId>,
    /// Interval between two probes of a bucket, in milliseconds.
    #[serde(default = "default_probe_interval_ms")]
    pub probe_interval_ms: u64,
    /// Probes in chronological order, at most [`MAX_BATCH`].
    #[serde(default)]
    pub buckets: Vec<BucketStatus>,
    /// Counts of all buckets that the node serves.
    #[serde(default)]
    pub census: StatusCounts,
    /// URL of the node's gateway for applications; `None` without a gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_url: Option<Endpoint>,
    /// Batches of counted traffic that wait at the node to be reported. Older nodes don't send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_batches: Option<u64>,
    /// A random name that the node's process chose when it started, at most 64 bytes. If several take turns, several processes
    /// report as one node. Older nodes don't send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Buckets that the node no longer probes, at most [`MAX_BATCH`]. Its reports on them are withdrawn, after the
    /// probes of this message have been added. Older nodes don't send it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<BucketId>,
    /// Whether the node stops. It then does no further jobs. Older nodes don't send it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
}

fn default_probe_interval_ms() -> u64 {
    60_000
}

/// When an access key was last used at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyUse {
    /// The key that was used.
    pub key_id: RepoKeyId,
    /// Time of the last use.
    pub at: Timestamp,
}

/// The `code` of refusals that exceed what a node counts one by one.
pub const OTHER_KEY_REFUSALS: &str = "OtherRefusals";

/// Equal refusals of requests with an access key, counted for a minute or longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRefusals {
    /// The key that the requests named. `None` for keys that the node doesn't know, and for [`OTHER_KEY_REFUSALS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<RepoKeyId>,
    /// The error code of the responses, such as `SignatureDoesNotMatch`.
    pub code: Cow<'static, str>,
    /// Where they came from. `None` for several addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// How many there were.
    pub count: u32,
    /// Time of the last one.
    pub at: Timestamp,
}

/// `POST /node/report`: counted traffic, results and progress of jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Unique name of the node.
    pub ip: String,
    /// See [`Register::id_org`].
    #[serde(rename = "id_org", default, skip_serializing_if = "Option::is_none")]
    pub id_org: Option<OrgId>,
    /// Batch of traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageBatch>,
    /// Results of finished jobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<JobResult>,
    /// Validations in progress. Older nodes don't send them, and older control planes ignore them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<JobProgress>,
    /// Latest use of each access key that was used since the last report, at most [`MAX_BATCH`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_uses: Vec<KeyUse>,
    /// Refused uses of access keys, at most [`MAX_BATCH`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_refusals: Vec<KeyRefusals>,
}

/// A numbered batch of counted traffic. A node sends batch n + 1 of a spool only after batch n was acknowledged. A
/// batch that arrives again is acknowledged but not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageBatch {
    /// Name of the spool that numbers its batches. A node starts a new spool, with numbers from 1, at each start.
    pub spool: String,
    /// Number of the batch, from 1.
    pub number: u64,
    /// Counted traffic, at most [`MAX_BATCH`] rows.
    pub rows: Vec<UsageRow>,
}

/// The response to `/register`, `/node/status` and `/node/report`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledged {
    /// Whether the message was accepted.
    pub success: bool,
    /// A sentence for people.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_signature_member_is_not_part_of_what_is_signed() {
        let message = json!({ "timestamp": 1, "ip": "node-1", "signature": "abc" });
        assert_eq!(
            signing_input("POST", "/node/status", &message).unwrap(),
            b"POST\n/node/status\n{\"ip\":\"node-1\",\"timestamp\":1}"
        );
    }

    #[test]
    fn a_heartbeat_of_an_older_node_says_unit_id() {
        let read: Heartbeat = serde_json::from_value(json!({
            "ip": "node-1", "region": "r", "timestamp": 1,
            "buckets": [{ "unitId": "00000000-0000-7000-8000-000000000000", "status": "ONLINE", "latencyMs": 5, "createdAt": "2026-01-01T00:00:00Z" }],
        }))
        .unwrap();
        assert_eq!(read.buckets[0].latency_ms, Some(5));
    }
}
