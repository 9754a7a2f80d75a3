//! Inventories: plans and results. Walks in progress are in `inventory_walk`.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::inventory::{Inventory, InventorySchedule, InventorySetting};
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use serde::Serialize;
use sqlx::query;

use super::columns::Columns;
use super::dialect::{Row, for_share, for_update};
use super::readable::readable;
use super::statement::{Rows, Write};
use super::{SqlStore, pin};
use crate::inventory::{
    BucketSize, InventoryStore, MeasuredSize, StoredWalk, WalkOutcome, WalkOwner, WalkPlan,
};
use crate::{Result, StoreError};

macro_rules! select_plan {
    () => {
        "SELECT w.bucket_id, w.org_id, w.setting, s.schedule, w.due_at, w.requested, w.failures, w.error, w.error_at, \
         z.started_at, w.started_at, w.node_id, w.saved_at, w.state FROM inventory_walks w \
         LEFT JOIN inventory_schedules s ON s.org_id = w.org_id LEFT JOIN bucket_sizes z ON z.bucket_id = w.bucket_id "
    };
}

/// Walks that are due, unless the bucket is pinned and the patterns `$3` of a node and `$4` of a region are both missing in its
/// pins. An engine can't turn this into a join, so it looks up the buckets of due walks only.
macro_rules! due_condition {
    () => {
        "WHERE w.due_at IS NOT NULL AND w.due_at <= $1 AND COALESCE((SELECT b.pinned_to IS NULL \
         OR LOWER(b.pinned_to) LIKE $3 OR LOWER(b.pinned_to) LIKE $4 FROM buckets b WHERE b.id = w.bucket_id), TRUE) "
    };
}

/// New walks, and those that wait for a time that may no longer be right.
const PLANNED: Rows<'static> = Rows {
    before: "INSERT INTO inventory_walks (bucket_id, org_id, due_at, requested, failures) ",
    columns: 5,
    after: " ON CONFLICT (bucket_id) DO UPDATE SET due_at = excluded.due_at \
            WHERE inventory_walks.setting IS NULL AND inventory_walks.started_at IS NULL",
};

/// New walks only.
const NEW: Rows<'static> = Rows { after: " ON CONFLICT (bucket_id) DO NOTHING", ..PLANNED };

/// How far planning goes back from the newest bucket, in microseconds: longer than a transaction takes, and than
/// clocks differ.
const OVERLAP: i64 = 600_000_000;

pub(super) use select_plan;

pub(super) fn plan(row: &Row) -> Result<WalkPlan> {
    let mut columns = Columns::of(row);
    Ok(WalkPlan {
        bucket_id: columns.parsed()?,
        org_id: columns.parsed()?,
        setting: columns.optional_read(serde_json::from_str)?,
        org_schedule: columns.optional_read(serde_json::from_str)?,
        due_at: columns.optional_time()?,
        requested: columns.flag()?,
        failures: columns.narrow()?,
        error: columns.optional_text()?.zip(columns.optional_time()?),
        last_start: columns.optional_time()?,
        walk: walk(&mut columns)?,
    })
}

fn walk(columns: &mut Columns<'_>) -> Result<Option<StoredWalk>> {
    let started_at = columns.optional_time()?;
    let node_id = columns.optional_parsed()?;
    let saved_at = columns.optional_time()?;
    let state = columns.optional_text()?;
    let walk = |(started_at, saved_at)| StoredWalk { started_at, node_id, saved_at, state };
    Ok(started_at.zip(saved_at).map(walk))
}

/// Reads a bucket's size for a list. Its columns are NULL where there is none.
pub(super) fn measured_size(columns: &mut Columns<'_>) -> Result<Option<MeasuredSize>> {
    let (objects, bytes) = (columns.optional_narrow()?, columns.optional_narrow()?);
    let measured_at = columns.optional_time()?;
    let size = || Some(MeasuredSize { objects: objects?, bytes: bytes?, measured_at: measured_at? });
    Ok(size())
}

fn bucket_size(row: &Row) -> Result<BucketSize> {
    let mut columns = Columns::of(row);
    Ok(BucketSize {
        objects: columns.number()?,
        bytes: columns.number()?,
        started_at: columns.time()?,
        measured_at: columns.time()?,
        size_change: columns.number()?,
    })
}

/// Domain types as the store writes them.
pub(super) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|_| StoreError::Damaged("value for the store".to_owned()))
}

/// Removes the sizes and results of a bucket, and the walk in progress, because they are of another place.
pub(super) async fn forget_sizes(write: &mut Write, id: BucketId) -> Result<()> {
    let reset = "UPDATE inventory_walks SET started_at = NULL, node_id = NULL, saved_at = NULL, state = NULL, \
                 failures = 0, error = NULL, error_at = NULL WHERE bucket_id = $1";
    for sql in [
        reset,
        "DELETE FROM bucket_sizes WHERE bucket_id = $1",
        "DELETE FROM inventories WHERE bucket_id = $1",
    ] {
        write.execute(query(sql).bind(id.to_string())).await?;
    }
    Ok(())
}

/// Removes everything about the inventories of a bucket that is removed.
pub(super) async fn forget_bucket(write: &mut Write, id: BucketId) -> Result<()> {
    forget_sizes(write, id).await?;
    let sql = "DELETE FROM inventory_walks WHERE bucket_id = $1";
    write.execute(query(sql).bind(id.to_string())).await.map(drop)
}

/// Whether a bucket is live. It stays so until the transaction ends.
async fn is_live(write: &mut Write, org_id: OrgId, id: BucketId) -> Result<bool> {
    let sql =
        concat!("SELECT id FROM buckets WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL", for_share!());
    write.finds(query(sql).bind(id.to_string()).bind(org_id.to_string())).await
}

#[async_trait]
impl InventoryStore for SqlStore {
    async fn walk_plan(&self, bucket_id: BucketId) -> Result<Option<WalkPlan>> {
        let sql = concat!(select_plan!(), "WHERE w.bucket_id = $1");
        self.row(query(sql).bind(bucket_id.to_string())).await?.as_ref().map(plan).transpose()
    }

    async fn bucket_size(&self, bucket_id: BucketId) -> Result<Option<BucketSize>> {
        let sql = "SELECT z.objects, z.bytes, z.started_at, z.measured_at, z.size_change FROM bucket_sizes z \
                   WHERE z.bucket_id = $1";
        self.row(query(sql).bind(bucket_id.to_string())).await?.as_ref().map(bucket_size).transpose()
    }

    async fn inventories(&self, bucket_id: BucketId, limit: u32) -> Result<Vec<Inventory>> {
        let sql = "SELECT result FROM inventories WHERE bucket_id = $1 ORDER BY finished_at DESC LIMIT $2";
        let rows = self.rows(query(sql).bind(bucket_id.to_string()).bind(i64::from(limit))).await?;
        rows.iter().map(|row| Columns::of(row).read(serde_json::from_str)).collect()
    }

    async fn inventory_schedule(&self, org_id: OrgId) -> Result<Option<InventorySchedule>> {
        let sql = "SELECT schedule FROM inventory_schedules WHERE org_id = $1";
        let row = self.row(query(sql).bind(org_id.to_string())).await?;
        row.map(|row| Columns::of(&row).read(serde_json::from_str)).transpose()
    }

    async fn set_inventory_schedule(
        &self,
        org_id: OrgId,
        schedule: Option<&InventorySchedule>,
        audit: &AuditEntry,
    ) -> Result<()> {
        let mut write = self.write_audited(audit).await?;
        let org = org_id.to_string();
        match schedule {
            None => {
                let sql = "DELETE FROM inventory_schedules WHERE org_id = $1";
                write.execute(query(sql).bind(org)).await?;
            }
            Some(schedule) => {
                let sql = "INSERT INTO inventory_schedules (org_id, schedule, planned_at, planned_id, is_planned) \
                           VALUES ($1, $2, $3, '', FALSE) ON CONFLICT (org_id) DO UPDATE SET \
                           schedule = excluded.schedule, planned_at = excluded.planned_at, \
                           planned_id = excluded.planned_id, is_planned = FALSE";
                write.execute(query(sql).bind(org).bind(json(schedule)?).bind(i64::MIN)).await?;
            }
        }
        write.commit().await
    }

    async fn inventory_organizations(&self) -> Result<Vec<OrgId>> {
        let rows = self.rows(query("SELECT org_id FROM inventory_schedules")).await?;
        rows.iter().map(|row| Columns::of(row).parsed()).collect()
    }

    async fn plan_walks(&self, org_id: OrgId, now: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let org = org_id.to_string();
        let cursor = concat!(
            "SELECT planned_at, planned_id, is_planned FROM inventory_schedules WHERE org_id = $1",
            for_update!()
        );
        let Some(row) = write.row(query(cursor).bind(&org)).await? else { return Ok(0) };
        let mut columns = Columns::of(&row);
        let (at, id, is_planned) = (columns.number()?, columns.text()?, columns.flag()?);
        let next = "SELECT b.id, b.created_at FROM buckets b WHERE b.org_id = $1 AND b.deleted_at IS NULL \
                    AND (b.created_at, b.id) > ($2, $3) ORDER BY b.created_at, b.id LIMIT $4";
        let next = query(next).bind(&org).bind(at).bind(id.as_str()).bind(i64::from(at_most));
        let mut buckets: Vec<(String, i64)> = Vec::new();
        for row in write.rows(next).await? {
            let mut columns = Columns::of(&row);
            buckets.push((columns.text()?, columns.number()?));
        }
        let rows = if is_planned { &NEW } else { &PLANNED };
        write
            .insert_rows(rows, &buckets, |values, (id, _)| {
                values.bind(id.as_str()).bind(org.as_str()).bind(to_micros(now)).bind(false).bind(0)
            })
            .await?;
        let is_end = buckets.len() < at_most as usize;
        let after = match buckets.last() {
            Some((last_id, last_at)) if !is_end => (*last_at, last_id.clone()),
            // A bucket may become visible after one that was created later.
            Some((_, last_at)) => (at, id).max((last_at.saturating_sub(OVERLAP), String::new())),
            None => (at, id),
        };
        let note = "UPDATE inventory_schedules SET planned_at = $2, planned_id = $3, is_planned = $4 WHERE org_id = $1";
        let note = query(note).bind(&org).bind(after.0).bind(after.1).bind(is_planned || is_end);
        write.execute(note).await?;
        write.commit().await?;
        Ok(buckets.len() as u64)
    }

    async fn set_inventory_setting(
        &self,
        org_id: OrgId,
        bucket_id: BucketId,
        setting: Option<&InventorySetting>,
        due_at: Option<Timestamp>,
        audit: &AuditEntry,
    ) -> Result<bool> {
        let mut write = self.write_audited(audit).await?;
        if !is_live(&mut write, org_id, bucket_id).await? {
            return Ok(false);
        }
        let sql = "INSERT INTO inventory_walks (bucket_id, org_id, setting, due_at, requested, failures) \
                   VALUES ($1, $2, $3, $4, FALSE, 0) ON CONFLICT (bucket_id) DO UPDATE SET \
                   setting = excluded.setting, due_at = excluded.due_at, requested = FALSE, started_at = NULL, \
                   node_id = NULL, saved_at = NULL, state = NULL, failures = 0";
        let sql = query(sql)
            .bind(bucket_id.to_string())
            .bind(org_id.to_string())
            .bind(setting.map(json).transpose()?)
            .bind(due_at.map(to_micros));
        write.execute(sql).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn request_walk(&self, org_id: OrgId, bucket_id: BucketId, audit: &AuditEntry) -> Result<bool> {
        let mut write = self.write_audited(audit).await?;
        if !is_live(&mut write, org_id, bucket_id).await? {
            return Ok(false);
        }
        // A walk that a node is running only becomes one that no longer ends with its window.
        let sql = "INSERT INTO inventory_walks (bucket_id, org_id, due_at, requested, failures) \
                   VALUES ($1, $2, $3, TRUE, 0) ON CONFLICT (bucket_id) DO UPDATE SET requested = TRUE, failures = 0, \
                   due_at = CASE WHEN inventory_walks.node_id IS NULL THEN excluded.due_at \
                   ELSE inventory_walks.due_at END";
        let sql = query(sql).bind(bucket_id.to_string()).bind(org_id.to_string()).bind(to_micros(audit.at));
        write.execute(sql).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn due_walks(
        &self,
        org_id: Option<OrgId>,
        node: Option<(NodeId, &str)>,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WalkPlan>> {
        let of_all = concat!(select_plan!(), due_condition!(), "ORDER BY w.due_at LIMIT $2");
        let of_org =
            concat!(select_plan!(), due_condition!(), "AND w.org_id = $5 ORDER BY w.due_at LIMIT $2");
        let everything = || "%".to_owned();
        let (node, region) = node.map_or_else(
            || (everything(), everything()),
            |(id, region)| (pin::node_pattern(id), pin::region_pattern(region)),
        );
        let sql = query(if org_id.is_some() { of_org } else { of_all });
        let sql = sql.bind(to_micros(now)).bind(i64::from(limit)).bind(node).bind(region);
        let sql = match org_id {
            Some(org_id) => sql.bind(org_id.to_string()),
            None => sql,
        };
        readable(&self.rows(sql).await?, plan)
    }

    async fn troubled_walks(
        &self,
        org_id: OrgId,
        due_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<WalkPlan>> {
        self.troubled(org_id, due_before, limit).await
    }

    async fn claim_walk(
        &self,
        owner: &WalkOwner,
        due_at: Timestamp,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        self.claim(owner, due_at, lease_until, now).await
    }

    async fn postpone_walk(
        &self,
        bucket_id: BucketId,
        seen: Timestamp,
        due_at: Option<Timestamp>,
    ) -> Result<()> {
        let mut write = self.write().await?;
        let sql =
            "UPDATE inventory_walks SET due_at = $3, node_id = NULL WHERE bucket_id = $1 AND due_at = $2";
        let sql = query(sql).bind(bucket_id.to_string()).bind(to_micros(seen)).bind(due_at.map(to_micros));
        write.execute(sql).await?;
        write.commit().await
    }

    async fn walks_of_node(&self, node_id: NodeId) -> Result<Vec<WalkOwner>> {
        let sql = "SELECT bucket_id, started_at FROM inventory_walks WHERE node_id = $1 AND node_id IS NOT NULL \
                   AND started_at IS NOT NULL";
        let owner = |row: &Row| {
            let mut columns = Columns::of(row);
            Ok(WalkOwner { bucket_id: columns.parsed()?, node_id, started_at: columns.time()? })
        };
        self.rows(query(sql).bind(node_id.to_string())).await?.iter().map(owner).collect()
    }

    async fn save_walk(
        &self,
        owner: &WalkOwner,
        state: Option<&str>,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        self.save(owner, state, lease_until, now).await
    }

    async fn end_walk(
        &self,
        owner: &WalkOwner,
        outcome: &WalkOutcome,
        due_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool> {
        self.end(owner, outcome, due_at, now).await
    }
}
