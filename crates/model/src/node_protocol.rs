//! The wire types of the protocol between nodes and the control plane. `docs/nodes.md` describes it in prose, with a
//! worked example of a signature.
//!
//! Every message is signed by the node: RSASSA-PKCS1-v1_5 with SHA-256 over [`signing_input`]. A message without a
//! body (`GET /node/sync`) is signed over its query parameters, taken as a JSON object of strings.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bucket::BucketLocation;
use crate::canonical_json;
use crate::canonical_text::Limits;
use crate::diagnosis::{CheckScope, Diagnosis};
use crate::endpoint::Endpoint;
use crate::id::{BucketId, JobId, OrgId, RepoId, RepoKeyId};
use crate::repository::{Folder, KeyAccess, RepositoryMode};
use crate::secret::SealedSecret;
use crate::status::{ProbeFailure, ProbedStatus};
use crate::usage::UsageRow;

/// A message's time may differ from the control plane's by this many seconds.
pub const CLOCK_TOLERANCE_SECONDS: i64 = 300;
/// How often a node says that it is there, in seconds.
pub const HEARTBEAT_SECONDS: u64 = 20;
/// How long `GET /node/sync` waits for news at most, in seconds.
pub const LONG_POLL_SECONDS: u64 = 25;
/// The most samples of one heartbeat, and the most rows of one usage batch.
pub const MAX_BATCH: usize = 5_000;
/// The largest body of a message that carries no batch, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// The largest body of a heartbeat with samples and of a report, in bytes: 5,000 rows of traffic fit into it.
pub const MAX_BATCH_BYTES: usize = 4 << 20;
/// The path of the registration.
pub const REGISTER_PATH: &str = "/register";
/// The path of heartbeats.
pub const STATUS_PATH: &str = "/node/status";
/// The path of synchronisation.
pub const SYNC_PATH: &str = "/node/sync";
/// The path of reports.
pub const REPORT_PATH: &str = "/node/report";

/// What a message sent to a path may contain at most. Checked before its signature, so without building anything.
pub fn limits(path: &str) -> Limits {
    let of_all = Limits { bytes: MAX_MESSAGE_BYTES, values: 4_096, members: 256, depth: 16 };
    match path {
        // 5,000 results of validations have the most values.
        STATUS_PATH | REPORT_PATH => Limits { bytes: MAX_BATCH_BYTES, values: 400_000, ..of_all },
        _ => of_all,
    }
}

/// The bytes that are signed: `METHOD\nPATH\n` and the message as canonical JSON without its `signature` member.
pub fn signing_input(method: &str, path: &str, message: &Value) -> Vec<u8> {
    let mut unsigned = message.clone();
    if let Value::Object(members) = &mut unsigned {
        members.remove("signature");
    }
    format!("{method}\n{path}\n{}", canonical_json::to_text(&unsigned)).into_bytes()
}

/// `POST /register`: a node says who it is, where, and which public keys open secrets for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Register {
    /// The node's unique name.
    pub ip: String,
    /// Whose cloud it runs in.
    pub provider: String,
    /// Its own word on its state; `active`.
    pub status: String,
    /// Where it runs.
    pub region: String,
    /// The version it runs.
    pub version: String,
    /// The organization whose key signs; none for the deployment's own nodes.
    #[serde(rename = "id_org", default, skip_serializing_if = "Option::is_none")]
    pub id_org: Option<OrgId>,
    /// What the node serves, as a bit mask: 1 storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_services: Option<u32>,
    /// Public keys to seal secrets to, the one in use first.
    #[serde(default)]
    pub recipients: Vec<String>,
}

/// One probe in a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketStatus {
    /// The bucket; older nodes say `unitId`.
    #[serde(alias = "unitId")]
    pub bucket_id: BucketId,
    /// The status after this probe.
    pub status: ProbedStatus,
    /// How long it took, in milliseconds, if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u32>,
    /// When it ended.
    pub created_at: Timestamp,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ProbeFailure>,
    /// The version of the bucket that was probed ([`NodeBucket::version`]): a probe of an earlier location or secret
    /// doesn't count. Older nodes don't send it; their probes count from the time of the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// How many buckets a node finds in which state, of all that it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StatusCounts {
    /// ONLINE buckets.
    pub online: u64,
    /// OFFLINE buckets.
    pub offline: u64,
    /// Buckets that it hasn't probed yet, or can't.
    pub unknown: u64,
}

/// `POST /node/status`: the heartbeat, with the probes made since the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// The node's unique name.
    pub ip: String,
    /// Where it runs.
    pub region: String,
    /// As at registration.
    #[serde(rename = "id_org", default, skip_serializing_if = "Option::is_none")]
    pub id_org: Option<OrgId>,
    /// How often the node probes each bucket, in milliseconds.
    #[serde(default = "default_probe_interval_ms")]
    pub probe_interval_ms: u64,
    /// Probes in the order they were made, at most [`MAX_BATCH`].
    #[serde(default)]
    pub buckets: Vec<BucketStatus>,
    /// The node's view of all its buckets.
    #[serde(default)]
    pub census: StatusCounts,
    /// Where applications reach the node's gateway, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_url: Option<Endpoint>,
}

fn default_probe_interval_ms() -> u64 {
    60_000
}

/// A bucket as a node needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeBucket {
    /// The bucket.
    pub id: BucketId,
    /// Its organization, part of what the secret is bound to.
    pub org_id: OrgId,
    /// Its version: a node keeps the highest it has seen.
    pub version: i64,
    /// The version since which location and secret are what they are: what rises with every new seal is `version` alone.
    /// 0 from older control planes.
    #[serde(default)]
    pub config_version: i64,
    /// Where it lies.
    pub location: BucketLocation,
    /// What opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SealedSecret>,
}

/// The answer to `GET /node/sync`.
///
/// With no cursor (or one that is too old) the node is sent everything, page by page, `snapshot` being true; with
/// the page that ends it (`more` false), what was in no page is to be forgotten. From then on it is sent changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncAnswer {
    /// Always true: failures have another shape.
    pub success: bool,
    /// What to send next time.
    pub cursor: String,
    /// Whether this page is part of a snapshot.
    pub snapshot: bool,
    /// Whether there is more to fetch at once.
    pub more: bool,
    /// New and changed buckets.
    pub buckets: Vec<NodeBucket>,
    /// Buckets that are gone.
    pub removed: Vec<BucketId>,
    /// New and changed repositories. A node that is given one whose buckets it doesn't know yet waits for them.
    #[serde(default)]
    pub repositories: Vec<NodeRepository>,
    /// Repositories that are gone.
    #[serde(default)]
    pub removed_repositories: Vec<RepoId>,
    /// Work to be done, each piece given once.
    pub jobs: Vec<Job>,
}

/// A repository as a node needs it: what a request is let in by, and where it leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRepository {
    /// The repository.
    pub id: RepoId,
    /// Its organization, part of what the keys' secrets are bound to.
    pub org_id: OrgId,
    /// Raised by one with every change of the repository, its buckets or its keys: a node keeps the highest it has
    /// seen.
    pub version: i64,
    /// What people call it; in mode MIRROR also a name that clients may address.
    pub name: String,
    /// How requests find a bucket.
    pub mode: RepositoryMode,
    /// Its buckets.
    pub buckets: Vec<NodeRepositoryBucket>,
    /// Its live keys.
    pub keys: Vec<NodeRepositoryKey>,
    /// What the upload ids that clients are given are sealed with: the same for all keys and all nodes, sealed to the
    /// nodes and bound to organization and repository. Absent until the control plane has made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing_key: Option<SealedSecret>,
}

/// A bucket's place in a repository, as a node needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRepositoryBucket {
    /// The bucket.
    pub bucket_id: BucketId,
    /// Its name at the provider: the name that clients address.
    pub bucket: String,
    /// Where in the bucket the repository's objects lie.
    pub folder: Folder,
    /// Whether it is the one that a MIRROR reads and writes first.
    pub master: bool,
}

/// A repository's key as a node needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRepositoryKey {
    /// The key.
    pub id: RepoKeyId,
    /// The access key id that clients sign with.
    pub key: String,
    /// What it may do.
    pub access: KeyAccess,
    /// The secret access key, sealed to the nodes, bound to organization and key.
    pub secret: SealedSecret,
}

/// When a repository's key was last used at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyUse {
    /// The key.
    pub key_id: RepoKeyId,
    /// When.
    pub at: Timestamp,
}

/// A piece of work for a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Named in the result.
    pub id: JobId,
    /// What to do.
    pub task: Task,
}

/// What a node can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Task {
    /// Check a bucket and tell what is wrong with it.
    #[serde(rename_all = "camelCase")]
    Validate {
        /// What the secret is bound to.
        org_id: OrgId,
        /// What the secret is bound to.
        bucket_id: BucketId,
        /// Where the bucket lies.
        location: BucketLocation,
        /// What opens it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<SealedSecret>,
        /// Which checks to make.
        scope: CheckScope,
        /// How long they may take together, in milliseconds.
        deadline_ms: u64,
    },
    /// Open these secrets and seal them to these recipients.
    Reseal {
        /// The secrets.
        secrets: Vec<BoundSecret>,
        /// Whom to seal to.
        recipients: Vec<String>,
    },
    /// Make a new identity and register it as the one in use, keeping the older ones for opening.
    NewIdentity,
    /// Forget every identity but the one in use.
    RetireIdentities,
}

/// The record that a sealed secret belongs to. Ordered as a rotation walks: buckets first, then keys, then repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SecretOwner {
    /// A bucket: the secret opens it at its provider.
    #[serde(rename = "bucketId")]
    Bucket(BucketId),
    /// A repository's key: clients sign with the secret.
    #[serde(rename = "keyId")]
    RepositoryKey(RepoKeyId),
    /// A repository: its upload ids are sealed with the secret.
    #[serde(rename = "repoId")]
    Repository(RepoId),
}

impl std::fmt::Display for SecretOwner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bucket(id) => write!(f, "bucket {id}"),
            Self::RepositoryKey(id) => write!(f, "repository key {id}"),
            Self::Repository(id) => write!(f, "repository {id}"),
        }
    }
}

/// A sealed secret with what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BoundSecret {
    /// The organization.
    pub org_id: OrgId,
    /// The record that it belongs to; `bucketId`, `keyId` or `repoId` on the wire.
    #[serde(flatten)]
    pub owner: SecretOwner,
    /// The sealed text.
    pub secret: SealedSecret,
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobResult {
    /// The job.
    pub job_id: JobId,
    /// Its outcome.
    pub outcome: Outcome,
}

/// The outcome of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Outcome {
    /// Of [`Task::Validate`].
    Validated {
        /// What was found.
        diagnosis: Diagnosis,
        /// When it ended, by the node's clock, which its probes go by too. Older nodes don't send it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// Of [`Task::Reseal`]: those that could be opened, sealed anew.
    Resealed {
        /// The secrets.
        secrets: Vec<BoundSecret>,
    },
    /// Of [`Task::NewIdentity`] and [`Task::RetireIdentities`].
    Done,
    /// The job could not be done.
    Failed {
        /// Why, in one sentence without secrets.
        reason: String,
    },
}

/// `POST /node/report`: counted traffic and the results of jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The node's unique name.
    pub ip: String,
    /// As at registration.
    #[serde(rename = "id_org", default, skip_serializing_if = "Option::is_none")]
    pub id_org: Option<OrgId>,
    /// A batch of traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageBatch>,
    /// Results of jobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<JobResult>,
    /// Keys of repositories that were used since the last report, each with its latest use; at most [`MAX_BATCH`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_uses: Vec<KeyUse>,
}

/// A numbered batch of counted traffic. A node sends batch n + 1 of a spool only after n was acknowledged; a batch
/// that arrives again is acknowledged and not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageBatch {
    /// Names the spool that the numbers belong to: a node begins another one, numbered from 1, at each start.
    pub spool: String,
    /// The batch's number, from 1.
    pub number: u64,
    /// At most [`MAX_BATCH`] rows.
    pub rows: Vec<UsageRow>,
}

/// What `/register`, `/node/status` and `/node/report` answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledged {
    /// Whether the message was taken.
    pub success: bool,
    /// A sentence.
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
            signing_input("POST", "/node/status", &message),
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

    #[test]
    fn a_task_reads_back_from_its_json() {
        let now = Timestamp::UNIX_EPOCH;
        let secret = |owner| BoundSecret {
            org_id: OrgId::new(now, [1; 10]),
            owner,
            secret: SealedSecret::from_text("sealed"),
        };
        let secrets = vec![
            secret(SecretOwner::Bucket(BucketId::new(now, [2; 10]))),
            secret(SecretOwner::RepositoryKey(RepoKeyId::new(now, [3; 10]))),
            secret(SecretOwner::Repository(RepoId::new(now, [4; 10]))),
        ];
        let task = Task::Reseal { secrets, recipients: vec!["age1x".into()] };
        let value = serde_json::to_value(&task).unwrap();
        assert_eq!(value["secrets"][0]["bucketId"], BucketId::new(now, [2; 10]).to_string());
        assert_eq!(value["secrets"][1]["keyId"], RepoKeyId::new(now, [3; 10]).to_string());
        assert_eq!(serde_json::from_value::<Task>(value).unwrap(), task);
    }
}
