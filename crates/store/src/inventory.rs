//! How full buckets are: schedules, walks in progress, and results.
//!
//! A row of a walk has one time at which something is due: the walk begins, continues after a pause, or counts as
//! interrupted because its node has fallen silent. Every change names the time that it is based on, so of two nodes
//! that find the same walk due, one gets it.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::inventory::{Inventory, InventorySchedule, InventorySetting};
use jiff::Timestamp;

use crate::Result;

/// The size of a bucket as lists show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeasuredSize {
    /// Number of objects.
    pub objects: i64,
    /// Sum of their sizes.
    pub bytes: i64,
    /// When the walk ended that counted them.
    pub measured_at: Timestamp,
}

impl From<BucketSize> for MeasuredSize {
    fn from(size: BucketSize) -> Self {
        Self { objects: size.objects, bytes: size.bytes, measured_at: size.measured_at }
    }
}

/// The size of a bucket, from its latest complete walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketSize {
    /// Number of objects.
    pub objects: i64,
    /// Sum of their sizes.
    pub bytes: i64,
    /// When the walk began.
    pub started_at: Timestamp,
    /// When the walk ended.
    pub measured_at: Timestamp,
    /// The bucket's `UsageTotals::size_change` when the walk ended.
    pub size_change: i64,
}

/// What is stored about a bucket's walks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkPlan {
    /// The bucket.
    pub bucket_id: BucketId,
    /// Its organization.
    pub org_id: OrgId,
    /// The bucket's own setting. `None` if it has the organization's schedule.
    pub setting: Option<InventorySetting>,
    /// The schedule of the organization.
    pub org_schedule: Option<InventorySchedule>,
    /// When something is due. `None` if nothing is.
    pub due_at: Option<Timestamp>,
    /// Whether a user asked for a walk now, whatever the schedule.
    pub requested: bool,
    /// The walk in progress.
    pub walk: Option<StoredWalk>,
    /// How often in a row the bucket couldn't be listed.
    pub failures: u32,
    /// Why and when the bucket last couldn't be listed.
    pub error: Option<(String, Timestamp)>,
    /// When the last complete walk began.
    pub last_start: Option<Timestamp>,
}

/// A walk in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWalk {
    /// When it began.
    pub started_at: Timestamp,
    /// The node that it belongs to, or belonged to until it was interrupted. `None` while it is paused.
    pub node_id: Option<NodeId>,
    /// When the state was saved.
    pub saved_at: Timestamp,
    /// The state as JSON text. `None` before the first page.
    pub state: Option<String>,
}

/// A walk and the node that it belongs to.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkOwner {
    pub bucket_id: BucketId,
    pub node_id: NodeId,
    pub started_at: Timestamp,
}

/// What becomes of a walk that its node no longer runs.
#[derive(Debug, Clone)]
pub enum WalkOutcome {
    /// It waits for the time that is due, and continues from its state.
    Pause {
        /// The new state. `None` to keep the stored one.
        state: Option<String>,
    },
    /// As `Pause`, after a failure.
    Fail {
        /// The new state. `None` to keep the stored one.
        state: Option<String>,
        /// The reason.
        reason: String,
    },
    /// It is discarded after a failure.
    Abandon {
        /// The reason.
        reason: String,
    },
    /// It is complete.
    Finish {
        /// The result.
        inventory: Box<Inventory>,
        /// See [`BucketSize::size_change`].
        size_change: i64,
        /// How many results of the bucket to retain.
        keep: u32,
    },
}

/// Stores inventories.
#[async_trait]
pub trait InventoryStore {
    /// What is stored about a bucket's walks. `None` if nothing is.
    async fn walk_plan(&self, bucket_id: BucketId) -> Result<Option<WalkPlan>>;

    /// The size of a bucket. `None` if it was never measured.
    async fn bucket_size(&self, bucket_id: BucketId) -> Result<Option<BucketSize>>;

    /// The latest results of a bucket, newest first.
    async fn inventories(&self, bucket_id: BucketId, limit: u32) -> Result<Vec<Inventory>>;

    /// The schedule of an organization.
    async fn inventory_schedule(&self, org_id: OrgId) -> Result<Option<InventorySchedule>>;

    /// Changes the schedule of an organization. `None` removes it. Its buckets have to be planned again.
    async fn set_inventory_schedule(
        &self,
        org_id: OrgId,
        schedule: Option<&InventorySchedule>,
        audit: &AuditEntry,
    ) -> Result<()>;

    /// The organizations that have a schedule.
    async fn inventory_organizations(&self) -> Result<Vec<OrgId>>;

    /// Makes walks due for the next `at_most` buckets of an organization without a separate setting and no walk
    /// in progress. Looks at recent buckets again every time, and then plans only those that have no plan yet. Returns at
    /// how many buckets it looked.
    async fn plan_walks(&self, org_id: OrgId, now: Timestamp, at_most: u32) -> Result<u64>;

    /// Changes a live bucket's own setting, discards a walk in progress, and sets when the next one is due. Returns
    /// false if there is no such bucket.
    async fn set_inventory_setting(
        &self,
        org_id: OrgId,
        bucket_id: BucketId,
        setting: Option<&InventorySetting>,
        due_at: Option<Timestamp>,
        audit: &AuditEntry,
    ) -> Result<bool>;

    /// Makes a walk of a live bucket due at the time of the record, unless a node is running one. A paused walk continues. Returns false if
    /// there is no such bucket.
    async fn request_walk(&self, org_id: OrgId, bucket_id: BucketId, audit: &AuditEntry) -> Result<bool>;

    /// What is due at buckets of an organization (`None` means all), longest due first. With a node and its region, leaves
    /// out buckets that are pinned to others, so that they don't fill the result. A region whose name is contained in
    /// that of another is taken for it, so the caller has to check the pins of the result.
    async fn due_walks(
        &self,
        org_id: Option<OrgId>,
        node: Option<(NodeId, &str)>,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WalkPlan>>;

    /// The plans of an organization that something is wrong with: walks that have been due since before `due_before`, the
    /// longest due first, and those that could not be made. At most `limit` of each.
    async fn troubled_walks(&self, org_id: OrgId, due_before: Timestamp, limit: u32)
    -> Result<Vec<WalkPlan>>;

    /// Gives a walk that is due at `due_at` to a node, until `lease_until` unless it is saved before. Returns whether
    /// the node got it.
    async fn claim_walk(
        &self,
        owner: &WalkOwner,
        due_at: Timestamp,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool>;

    /// Changes when something is due, if it is still due at `seen`.
    async fn postpone_walk(
        &self,
        bucket_id: BucketId,
        seen: Timestamp,
        due_at: Option<Timestamp>,
    ) -> Result<()>;

    /// The walks that belong to a node.
    async fn walks_of_node(&self, node_id: NodeId) -> Result<Vec<WalkOwner>>;

    /// Saves a walk's state (`None` keeps the stored one) and extends its lease. Returns false if the walk doesn't
    /// belong to the node.
    async fn save_walk(
        &self,
        owner: &WalkOwner,
        state: Option<&str>,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool>;

    /// Takes a walk from its node. Returns false if it doesn't belong to the node.
    async fn end_walk(
        &self,
        owner: &WalkOwner,
        outcome: &WalkOutcome,
        due_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool>;
}
