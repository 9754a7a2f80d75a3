//! What the rules look at: everything in an organization that may need attention, and little else.

use std::collections::BTreeSet;

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, NodeId, WorkspaceId};
use bucketry_model::node::WaitingBatches;
use bucketry_model::node_clock::ClockDisagreement;
use bucketry_model::node_processes::NodeProcesses;
use bucketry_model::pinning::BucketPins;
use bucketry_model::provider::Provider;
use bucketry_model::status::{ProbeFailure, ProbedStatus, Status};
use bucketry_model::time::Day;
use bucketry_store::bucket::CredentialEnd;
use bucketry_store::freshness::{AbandonedUploads, StoredFreshness};
use bucketry_store::key_check::BroadKey;
use bucketry_store::listing::FacetCount;
use bucketry_store::organization::Organization;
use bucketry_store::usage::FailingMinute;
use jiff::{SignedDuration, Timestamp};

use crate::server_certificates::ServerCertificate;

/// The values at one moment, limited to what a list of findings can show.
#[derive(Debug, Clone, Default)]
pub(super) struct Observations {
    pub(super) now: Timestamp,
    /// How long a condition has to last until it is shown.
    pub(super) delay: SignedDuration,
    /// The nodes that serve the organization.
    pub(super) nodes: Vec<ObservedNode>,
    /// Some of the buckets that aren't ONLINE.
    pub(super) unreachable: Vec<UnreachableBucket>,
    /// The numbers of all buckets that aren't ONLINE.
    pub(super) counts: Vec<FacetCount>,
    /// The nodes that reach a bucket. Known only while several buckets are OFFLINE.
    pub(super) reaching: BTreeSet<NodeId>,
    /// The credentials that have ended or end soon, the earliest first.
    pub(super) credentials: Vec<CredentialEnd>,
    /// The organization with its quotas, if the whole organization is visible.
    pub(super) organization: Option<Organization>,
    /// The buckets whose inventories are late or failed.
    pub(super) inventories: Vec<TroubledInventory>,
    /// The freshness rules whose prefixes are stale.
    pub(super) stale: Vec<(ObservedBucket, StoredFreshness)>,
    /// The multipart uploads that nobody completed.
    pub(super) uploads: Vec<(ObservedBucket, AbandonedUploads)>,
    /// The buckets whose keys open other buckets too.
    pub(super) broad_keys: Vec<(ObservedBucket, BroadKey)>,
    /// The buckets that nodes reach, but with requests that failed lately.
    pub(super) failing: Vec<FailingBucket>,
    /// From how many per cent of failed requests on a bucket is reported.
    pub(super) error_rate: Option<u8>,
    /// The visible registrations of each bucket that is registered more than once, oldest first.
    pub(super) registrations: Vec<Vec<ObservedBucket>>,
    /// Some of the buckets that nobody uses, each with its last day of use.
    pub(super) unused: Vec<(ObservedBucket, Option<Day>)>,
    /// How many there are, if the whole organization is visible.
    pub(super) unused_count: u64,
    /// After how many days without use a bucket counts as unused.
    pub(super) unused_after_days: i64,
    /// The state of the deployment, in the first organization if the whole of it is visible.
    pub(super) deployment: Option<DeploymentState>,
}

/// A bucket by its id and names.
#[derive(Debug, Clone)]
pub(super) struct ObservedBucket {
    pub(super) id: BucketId,
    pub(super) name: String,
    pub(super) workspace_id: WorkspaceId,
}

/// A bucket that nodes reach, with its requests of the last minutes.
#[derive(Debug, Clone)]
pub(super) struct FailingBucket {
    pub(super) bucket: ObservedBucket,
    /// Since when it is ONLINE, if that is known.
    pub(super) online_since: Option<Timestamp>,
    pub(super) minutes: Vec<FailingMinute>,
}

/// A bucket whose inventory is late, or could not be made.
#[derive(Debug, Clone)]
pub(super) struct TroubledInventory {
    pub(super) bucket: ObservedBucket,
    /// When the last complete walk began.
    pub(super) last_start: Option<Timestamp>,
    /// Since when a walk has been due. `None` while one is running or waits for its time.
    pub(super) due_at: Option<Timestamp>,
    pub(super) every_hours: u16,
    /// Why and when the bucket last couldn't be listed.
    pub(super) error: Option<(String, Timestamp)>,
}

/// What the operators of a deployment take care of.
#[derive(Debug, Clone, Default)]
pub(super) struct DeploymentState {
    /// The space on the disk of the data directory.
    pub(super) disk: Option<DiskSpace>,
    /// How old a backup may become, if that is checked.
    pub(super) backup_max_age: Option<SignedDuration>,
    pub(super) last_backup: Option<Timestamp>,
    /// How often a backup is made, if that is scheduled.
    pub(super) backup_interval: Option<SignedDuration>,
    /// Why the last scheduled backup failed.
    pub(super) backup_failure: Option<String>,
    /// When the first organization was created.
    pub(super) created_at: Timestamp,
    /// The certificates that this server uses.
    pub(super) certificates: Vec<ServerCertificate>,
}

/// The space on a disk.
#[derive(Debug, Clone)]
pub(super) struct DiskSpace {
    pub(super) directory: String,
    pub(super) free_bytes: u64,
    pub(super) all_bytes: u64,
    /// With as much free space, nothing is reported.
    pub(super) enough_bytes: u64,
}

/// A node that serves the organization.
#[derive(Debug, Clone)]
pub(super) struct ObservedNode {
    pub(super) id: NodeId,
    pub(super) name: String,
    pub(super) region: String,
    pub(super) connected: bool,
    pub(super) last_seen: Timestamp,
    /// What waits to be reported, if the node said so.
    pub(super) waiting: Option<WaitingBatches>,
    /// The processes that report as this node. `None` for older nodes.
    pub(super) processes: Option<NodeProcesses>,
    /// Whose clock is probably wrong, if this process lately refused the node's messages because of their time.
    pub(super) clock: Option<ClockDisagreement>,
}

/// A bucket that is OFFLINE or DISCONNECTED.
#[derive(Debug, Clone)]
pub(super) struct UnreachableBucket {
    pub(super) id: BucketId,
    pub(super) name: String,
    pub(super) workspace_id: WorkspaceId,
    pub(super) provider: Provider,
    pub(super) storage_type: StorageType,
    pub(super) status: Status,
    /// Since when it is OFFLINE, if that is known.
    pub(super) since: Option<Timestamp>,
    /// When its location or secret last changed, or its name.
    pub(super) updated_at: Timestamp,
    /// Why it is OFFLINE.
    pub(super) failure: Option<ProbeFailure>,
    /// What each node last reported, in the order of their ids.
    pub(super) reports: Vec<(NodeId, ProbedStatus)>,
    /// The host that requests to it go to, without the bucket's name.
    pub(super) endpoint: String,
    /// The names of the repositories that use it.
    pub(super) repositories: Vec<String>,
    pub(super) pinned_to: BucketPins,
}

impl Observations {
    pub(super) fn is_connected(&self, id: NodeId) -> bool {
        self.nodes.iter().any(|node| node.id == id && node.connected)
    }

    pub(super) fn node_name(&self, id: NodeId) -> &str {
        self.nodes.iter().find(|node| node.id == id).map_or("(unknown)", |node| &node.name)
    }

    /// Whether a connected node is among the reporters.
    pub(super) fn has_connected(&self, reports: &[(NodeId, ProbedStatus)]) -> bool {
        reports.iter().any(|(node, _)| self.is_connected(*node))
    }

    /// How many OFFLINE buckets were looked at one by one.
    pub(super) fn offline_looked_at(&self) -> u64 {
        self.unreachable.iter().filter(|bucket| bucket.status == Status::Offline).count() as u64
    }

    /// How many buckets of the selected kinds there are.
    pub(super) fn count(&self, selects: impl Fn(&FacetCount) -> bool) -> u64 {
        self.counts.iter().filter(|count| selects(count)).map(|count| count.buckets).sum()
    }
}
