//! How full a bucket is.

use bucketry_model::id::BucketId;
use bucketry_model::inventory::DailyWindow;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::moment::Moment;

/// Where a schedule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum InventoryMode {
    /// The bucket has a separate schedule.
    Own,
    /// The bucket follows the organization's schedule, if there is one.
    Organization,
    /// The bucket is not walked on a schedule.
    Off,
}

/// How often and how fast buckets are measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InventoryScheduleInfo {
    /// Hours from the start of a walk to the start of the next one.
    #[cfg_attr(feature = "openapi", schema(example = 24))]
    pub every_hours: u16,
    /// Requests for pages per second, at most.
    #[cfg_attr(feature = "openapi", schema(example = 5))]
    pub requests_per_second: u16,
    /// When walks may run, in UTC. Absent for always.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "01:00-05:00"))]
    pub window: Option<DailyWindow>,
}

/// A bucket's inventory setting.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InventoryChanges {
    /// `OWN` with `everyHours`, `ORGANIZATION` or `OFF`. The default is `OWN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<InventoryMode>,
    /// Hours from the start of a walk to the start of the next one: 1 to 8784.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = 24))]
    pub every_hours: Option<i64>,
    /// Requests for pages per second, at most: 1 to 100. The default is 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = 5))]
    pub requests_per_second: Option<i64>,
    /// When walks may run, in UTC, such as `01:00-05:00`. Without it, they may always run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "01:00-05:00"))]
    pub window: Option<String>,
}

/// The schedule for the buckets of an organization that have no separate setting.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrganizationInventory {
    /// Always true.
    pub success: bool,
    /// The schedule; null if there is none.
    pub schedule: Option<InventoryScheduleInfo>,
}

/// Whether a size was counted at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum SizeSource {
    /// Counted by a walk, and not changed by traffic since.
    Measured,
    /// Counted by a walk, plus the size changes of the gateway's traffic since. Changes that other programs made
    /// directly at the provider are missing until the next walk.
    Estimated,
}

/// How full a bucket is now.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CurrentSizeInfo {
    /// Stored bytes.
    pub stored_bytes: Count,
    /// Whether `storedBytes` was measured or estimated.
    pub source: SizeSource,
    /// The number of objects at the end of the last walk.
    pub objects: Count,
    /// The end of the last walk.
    pub inventory_at: Moment,
}

/// The objects of a storage class.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct StorageClassSize {
    /// The provider's name of the class. `OTHER` also counts the classes after the first 15.
    #[cfg_attr(feature = "openapi", schema(example = "STANDARD"))]
    pub storage_class: String,
    /// Number of objects.
    pub objects: Count,
    /// Sum of the objects' sizes, in bytes.
    pub bytes: Count,
}

/// The objects below a prefix.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PrefixSize {
    /// The key up to its first slash, cut to 256 bytes. Empty for objects without a slash in their key.
    #[cfg_attr(feature = "openapi", schema(example = "2026/"))]
    pub prefix: String,
    /// Number of objects; a lower bound if `errorBytes` isn't 0.
    pub objects: Count,
    /// Sum of the objects' sizes, in bytes; a lower bound if `errorBytes` isn't 0.
    pub bytes: Count,
    /// By how much the true sum may be larger. 0 wherever the provider lists keys in order; at most 1/64 of the
    /// bucket's bytes otherwise.
    pub error_bytes: Count,
}

/// The result of a walk through the whole list of a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InventoryResult {
    /// When the walk began.
    pub started_at: Moment,
    /// When it ended.
    pub finished_at: Moment,
    /// Number of objects.
    pub objects: Count,
    /// Sum of the objects' sizes, in bytes.
    pub stored_bytes: Count,
    /// Objects and bytes by storage class, largest first. Empty if the provider's list doesn't contain classes.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub storage_classes: Vec<StorageClassSize>,
    /// The prefixes of depth 1 with the most bytes, largest first, at most 20.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub largest_prefixes: Vec<PrefixSize>,
    /// Whether the provider listed the keys in order. If so, the sums by prefix are exact.
    pub ordered: bool,
    /// Requests for pages, including repeated ones.
    pub requests: Count,
    /// Time spent walking, in milliseconds, without interruptions and pauses.
    pub active_ms: Count,
    /// How often the walk had to start over.
    pub restarts: u32,
}

/// The walk that is in progress.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InventoryProgress {
    /// When the walk began; null if it waits for a node.
    pub started_at: Option<Moment>,
    /// The node that is running it; null while it waits.
    pub node: Option<String>,
    /// The earliest time at which it continues; null while it is running.
    pub continues_at: Option<Moment>,
    /// The objects that were counted so far.
    pub objects: Count,
    /// Sum of the objects' sizes, in bytes.
    pub bytes: Count,
    /// Requests for pages so far.
    pub requests: Count,
    /// When these figures were saved; null if they weren't yet.
    pub saved_at: Option<Moment>,
}

/// Why a bucket couldn't be listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InventoryError {
    /// When it failed.
    pub at: Moment,
    /// The reason as a sentence.
    pub message: String,
}

/// Everything about the inventories of a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BucketInventory {
    /// Always true.
    pub success: bool,
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// The bucket's setting.
    pub mode: InventoryMode,
    /// The schedule that applies; null if there is none.
    pub schedule: Option<InventoryScheduleInfo>,
    /// When the next walk is due; null if none is planned, or while one is in progress.
    pub next_at: Option<Moment>,
    /// The walk in progress; null if there is none.
    pub progress: Option<InventoryProgress>,
    /// How full the bucket is; null if it was never measured.
    pub current: Option<CurrentSizeInfo>,
    /// The latest results, newest first. The operator sets how many are retained.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub results: Vec<InventoryResult>,
    /// Why the bucket last couldn't be listed; null if it could.
    pub last_error: Option<InventoryError>,
}
