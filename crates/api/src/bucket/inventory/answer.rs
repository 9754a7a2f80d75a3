//! The representation of inventories in responses.

use bucketry_api_types::count::Count;
use bucketry_api_types::inventory::{
    BucketInventory, CurrentSizeInfo, InventoryError, InventoryMode, InventoryProgress, InventoryResult,
    InventoryScheduleInfo, PrefixSize, SizeSource, StorageClassSize,
};
use bucketry_api_types::moment::Moment;
use bucketry_control::inventories::{CurrentSize, InventoryView, WalkProgress};
use bucketry_model::id::BucketId;
use bucketry_model::inventory::{ClassSum, Inventory, InventorySchedule, InventorySetting, PrefixSum};

fn count(number: u64) -> Count {
    Count(i64::try_from(number).unwrap_or(i64::MAX))
}

pub(super) fn schedule_info(schedule: InventorySchedule) -> InventoryScheduleInfo {
    let InventorySchedule { every_hours, requests_per_second, window } = schedule;
    InventoryScheduleInfo { every_hours, requests_per_second, window }
}

/// How full a bucket is now.
pub(crate) fn current_size(current: CurrentSize) -> CurrentSizeInfo {
    CurrentSizeInfo {
        stored_bytes: Count(current.bytes),
        source: if current.is_measured { SizeSource::Measured } else { SizeSource::Estimated },
        objects: Count(current.measured.objects),
        inventory_at: Moment(current.measured.measured_at),
    }
}

fn class_size(sum: ClassSum) -> StorageClassSize {
    StorageClassSize { storage_class: sum.class, objects: count(sum.objects), bytes: count(sum.bytes) }
}

fn prefix_size(sum: PrefixSum) -> PrefixSize {
    PrefixSize {
        prefix: sum.prefix,
        objects: count(sum.objects),
        bytes: count(sum.bytes),
        error_bytes: count(sum.error_bytes),
    }
}

fn result(inventory: Inventory) -> InventoryResult {
    InventoryResult {
        started_at: Moment(inventory.started_at),
        finished_at: Moment(inventory.finished_at),
        objects: count(inventory.objects),
        stored_bytes: count(inventory.bytes),
        storage_classes: inventory.classes.into_iter().map(class_size).collect(),
        largest_prefixes: inventory.prefixes.into_iter().map(prefix_size).collect(),
        ordered: inventory.is_ordered,
        requests: count(inventory.requests),
        active_ms: count(inventory.active_ms),
        restarts: inventory.restarts,
    }
}

fn progress(walk: WalkProgress) -> InventoryProgress {
    InventoryProgress {
        started_at: walk.started_at.map(Moment),
        node: walk.node,
        continues_at: walk.continues_at.map(Moment),
        objects: count(walk.objects),
        bytes: count(walk.bytes),
        requests: count(walk.requests),
        saved_at: walk.saved_at.map(Moment),
    }
}

pub(super) fn bucket_inventory(bucket_id: BucketId, view: InventoryView) -> BucketInventory {
    BucketInventory {
        success: true,
        bucket_id,
        mode: match view.setting {
            None => InventoryMode::Organization,
            Some(InventorySetting::Off) => InventoryMode::Off,
            Some(InventorySetting::Own(_)) => InventoryMode::Own,
        },
        schedule: view.schedule.map(schedule_info),
        next_at: view.next_at.map(Moment),
        progress: view.progress.map(progress),
        current: view.current.map(current_size),
        results: view.results.into_iter().map(result).collect(),
        last_error: view.last_error.map(|(message, at)| InventoryError { at: Moment(at), message }),
    }
}
