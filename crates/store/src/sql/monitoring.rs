//! Reading buckets for metrics.

use async_trait::async_trait;
use bucketry_model::id::WorkspaceId;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::Row;
use crate::Result;
use crate::monitoring::{MonitoredBucket, MonitoringStore};

macro_rules! select_monitored_buckets {
    () => {
        "SELECT b.id, b.name, w.name AS workspace, b.storage_type, b.endpoint \
         FROM buckets b JOIN workspaces w ON w.id = b.workspace_id WHERE b.deleted_at IS NULL"
    };
}

fn monitored_bucket(row: &Row) -> Result<MonitoredBucket> {
    let mut columns = Columns::of(row);
    Ok(MonitoredBucket {
        id: columns.parsed()?,
        name: columns.name()?,
        workspace: columns.name()?,
        storage_type: columns.parsed()?,
        endpoint: columns.optional_parsed()?,
        nodes: Vec::new(),
    })
}

#[async_trait]
impl MonitoringStore for SqlStore {
    async fn monitored_buckets(
        &self,
        workspace: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<MonitoredBucket>> {
        let statement = |limit: i64| {
            let select = match workspace {
                // Every id is greater than the empty text. With the condition, the list is read from an index.
                None => {
                    let sql = concat!(select_monitored_buckets!(), " AND b.id > $1 ORDER BY b.id LIMIT $2");
                    query(sql).bind("")
                }
                Some(id) => {
                    let sql = concat!(
                        select_monitored_buckets!(),
                        " AND b.workspace_id = $1 ORDER BY b.created_at, b.id LIMIT $2"
                    );
                    query(sql).bind(id.to_string())
                }
            };
            select.bind(limit)
        };
        let mut buckets = self.readable_page(limit, statement, monitored_bucket).await?;
        let mut statuses = self.statuses_of(buckets.iter().map(|bucket| bucket.id)).await?;
        for bucket in &mut buckets {
            bucket.nodes = statuses.remove(&bucket.id).unwrap_or_default();
        }
        Ok(buckets)
    }

    async fn has_workspace(&self, id: WorkspaceId) -> Result<bool> {
        let sql = "SELECT w.deleted_at IS NULL AS is_live FROM workspaces w WHERE w.id = $1";
        let row = self.row(query(sql).bind(id.to_string())).await?;
        row.map_or(Ok(false), |row| Columns::of(&row).flag())
    }
}
