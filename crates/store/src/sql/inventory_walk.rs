//! Walks in progress: given to a node, saved, and ended. Each statement changes a walk only if it still belongs to the
//! node.

use bucketry_model::inventory::Inventory;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::{Columns, stored};
use super::inventory::json;
use super::statement::Write;
use crate::Result;
use crate::inventory::{WalkOutcome, WalkOwner};

impl SqlStore {
    /// Implements `InventoryStore::claim_walk`.
    pub(super) async fn claim(
        &self,
        owner: &WalkOwner,
        due_at: Timestamp,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        let sql = "UPDATE inventory_walks SET due_at = $3, node_id = $4, started_at = $5, \
                   saved_at = CASE WHEN started_at IS NULL THEN $6 ELSE saved_at END \
                   WHERE bucket_id = $1 AND due_at = $2";
        let sql = query(sql)
            .bind(owner.bucket_id.to_string())
            .bind(to_micros(due_at))
            .bind(to_micros(lease_until))
            .bind(owner.node_id.to_string())
            .bind(to_micros(owner.started_at))
            .bind(to_micros(now));
        let claimed = write.execute(sql).await? > 0;
        write.commit_if(claimed).await?;
        Ok(claimed)
    }

    /// Implements `InventoryStore::save_walk`.
    pub(super) async fn save(
        &self,
        owner: &WalkOwner,
        state: Option<&str>,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        let sql = "UPDATE inventory_walks SET due_at = $4, state = CASE WHEN $5 THEN $6 ELSE state END, \
                   saved_at = CASE WHEN $5 THEN $7 ELSE saved_at END \
                   WHERE bucket_id = $1 AND node_id = $2 AND started_at = $3";
        let sql = query(sql)
            .bind(owner.bucket_id.to_string())
            .bind(owner.node_id.to_string())
            .bind(to_micros(owner.started_at))
            .bind(to_micros(lease_until))
            .bind(state.is_some())
            .bind(state)
            .bind(to_micros(now));
        let saved = write.execute(sql).await? > 0;
        write.commit_if(saved).await?;
        Ok(saved)
    }

    /// Implements `InventoryStore::end_walk`.
    pub(super) async fn end(
        &self,
        owner: &WalkOwner,
        outcome: &WalkOutcome,
        due_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        if !release(&mut write, owner, due_at).await? {
            return Ok(false);
        }
        match outcome {
            WalkOutcome::Pause { state } => keep_state(&mut write, owner, state.as_deref(), now).await?,
            WalkOutcome::Fail { state, reason } => {
                keep_state(&mut write, owner, state.as_deref(), now).await?;
                note_failure(&mut write, owner, reason, now).await?;
            }
            WalkOutcome::Abandon { reason } => {
                note_failure(&mut write, owner, reason, now).await?;
                discard(&mut write, owner).await?;
            }
            WalkOutcome::Finish { inventory, size_change, keep } => {
                discard(&mut write, owner).await?;
                forgive(&mut write, owner).await?;
                store_result(&mut write, owner, inventory, *size_change).await?;
                drop_older(&mut write, owner, *keep).await?;
            }
        }
        write.commit().await?;
        Ok(true)
    }
}

async fn release(write: &mut Write, owner: &WalkOwner, due_at: Option<Timestamp>) -> Result<bool> {
    let sql = "UPDATE inventory_walks SET due_at = $4, node_id = NULL \
               WHERE bucket_id = $1 AND node_id = $2 AND started_at = $3";
    let sql = query(sql)
        .bind(owner.bucket_id.to_string())
        .bind(owner.node_id.to_string())
        .bind(to_micros(owner.started_at))
        .bind(due_at.map(to_micros));
    Ok(write.execute(sql).await? > 0)
}

async fn keep_state(write: &mut Write, owner: &WalkOwner, state: Option<&str>, now: Timestamp) -> Result<()> {
    let Some(state) = state else { return Ok(()) };
    let sql = "UPDATE inventory_walks SET state = $2, saved_at = $3 WHERE bucket_id = $1";
    write
        .execute(query(sql).bind(owner.bucket_id.to_string()).bind(state).bind(to_micros(now)))
        .await
        .map(drop)
}

async fn note_failure(write: &mut Write, owner: &WalkOwner, reason: &str, now: Timestamp) -> Result<()> {
    let sql =
        "UPDATE inventory_walks SET error = $2, error_at = $3, failures = failures + 1 WHERE bucket_id = $1";
    write
        .execute(query(sql).bind(owner.bucket_id.to_string()).bind(reason).bind(to_micros(now)))
        .await
        .map(drop)
}

async fn discard(write: &mut Write, owner: &WalkOwner) -> Result<()> {
    let sql = "UPDATE inventory_walks SET requested = FALSE, started_at = NULL, saved_at = NULL, state = NULL \
               WHERE bucket_id = $1";
    write.execute(query(sql).bind(owner.bucket_id.to_string())).await.map(drop)
}

async fn forgive(write: &mut Write, owner: &WalkOwner) -> Result<()> {
    let sql = "UPDATE inventory_walks SET failures = 0, error = NULL, error_at = NULL WHERE bucket_id = $1";
    write.execute(query(sql).bind(owner.bucket_id.to_string())).await.map(drop)
}

async fn store_result(
    write: &mut Write,
    owner: &WalkOwner,
    inventory: &Inventory,
    size_change: i64,
) -> Result<()> {
    let bucket = owner.bucket_id.to_string();
    let finished = to_micros(inventory.finished_at);
    let insert = "INSERT INTO inventories (bucket_id, finished_at, result) VALUES ($1, $2, $3) \
                  ON CONFLICT (bucket_id, finished_at) DO UPDATE SET result = excluded.result";
    write.execute(query(insert).bind(&bucket).bind(finished).bind(json(inventory)?)).await?;
    let size = "INSERT INTO bucket_sizes (bucket_id, objects, bytes, started_at, measured_at, size_change) \
                VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (bucket_id) DO UPDATE SET objects = excluded.objects, \
                bytes = excluded.bytes, started_at = excluded.started_at, measured_at = excluded.measured_at, \
                size_change = excluded.size_change";
    let size = query(size)
        .bind(&bucket)
        .bind(stored(inventory.objects))
        .bind(stored(inventory.bytes))
        .bind(to_micros(inventory.started_at))
        .bind(finished)
        .bind(size_change);
    write.execute(size).await?;
    let owner = "SELECT org_id FROM inventory_walks WHERE bucket_id = $1";
    if let Some(row) = write.row(query(owner).bind(&bucket)).await? {
        write.bump_generation(Some(Columns::of(&row).parsed()?));
    }
    Ok(())
}

async fn drop_older(write: &mut Write, owner: &WalkOwner, keep: u32) -> Result<()> {
    let sql = "DELETE FROM inventories WHERE bucket_id = $1 AND finished_at IN (SELECT i.finished_at \
               FROM inventories i WHERE i.bucket_id = $1 ORDER BY i.finished_at DESC LIMIT 1000 OFFSET $2)";
    write.execute(query(sql).bind(owner.bucket_id.to_string()).bind(i64::from(keep.max(1)))).await.map(drop)
}
