//! Inventories that are late or can't be made.

use bucketry_model::id::OrgId;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::inventory::{plan, select_plan};
use super::readable::readable;
use crate::Result;
use crate::inventory::WalkPlan;

impl SqlStore {
    /// Implements `InventoryStore::troubled_walks`.
    pub(super) async fn troubled(
        &self,
        org_id: OrgId,
        due_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<WalkPlan>> {
        let late = concat!(
            select_plan!(),
            "WHERE w.due_at IS NOT NULL AND w.org_id = $1 AND w.due_at < $2 ORDER BY w.due_at LIMIT $3"
        );
        let late = query(late).bind(org_id.to_string()).bind(to_micros(due_before)).bind(i64::from(limit));
        let failed = concat!(
            select_plan!(),
            "WHERE w.error_at IS NOT NULL AND w.org_id = $1 ORDER BY w.error_at DESC LIMIT $2"
        );
        let failed = query(failed).bind(org_id.to_string()).bind(i64::from(limit));
        let mut plans = readable(&self.rows(late).await?, plan)?;
        for plan in readable(&self.rows(failed).await?, plan)? {
            // A late one may have failed, too.
            if plan.due_at.is_none_or(|due_at| due_at >= due_before) {
                plans.push(plan);
            }
        }
        Ok(plans)
    }
}
