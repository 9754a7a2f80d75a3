//! The pins of buckets: reading them, and what a change of them does to reports and repositories.

use std::collections::HashMap;

use async_trait::async_trait;
use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::pinning::BucketPins;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::report_withdrawal::note_withdrawals;
use super::statement::{InList, Write, texts};
use crate::pin::PinStore;
use crate::{Result, StoreError};

/// Pins as they are stored: `None` for none.
pub(super) fn text(pins: &BucketPins) -> Result<Option<String>> {
    if pins.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(pins);
    text.map(Some).map_err(|_| StoreError::Damaged("value for the store".to_owned()))
}

/// A pattern for `LIKE` that the pins of a bucket match if they name the node.
pub(super) fn node_pattern(id: NodeId) -> String {
    format!("%{}%", id.to_string().to_ascii_lowercase())
}

/// A pattern for `LIKE` that pins in lower case match if they name the region, and some others. Characters that the engines
/// or JSON treat in a special way match anything.
pub(super) fn region_pattern(region: &str) -> String {
    if region.is_empty() {
        return String::new();
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ' ');
    let plain = region.to_ascii_lowercase().replace(|c| !is_plain(c), "%");
    format!("%{plain}%")
}

/// Whether the bucket currently has other pins than these.
pub(super) async fn is_pinned_otherwise(write: &mut Write, id: BucketId, pins: &BucketPins) -> Result<bool> {
    let sql = "SELECT b.pinned_to FROM buckets b WHERE b.id = $1";
    let Some(row) = write.row(query(sql).bind(id.to_string())).await? else { return Ok(false) };
    Ok(Columns::of(&row).pins()? != *pins)
}

/// Removes the reports of nodes that no longer serve the bucket.
pub(super) async fn withdraw_excluded(
    write: &mut Write,
    id: BucketId,
    pins: &BucketPins,
    now: Timestamp,
) -> Result<()> {
    let bucket = id.to_string();
    let sql = "SELECT w.node_id, n.region FROM bucket_words w LEFT JOIN nodes n ON n.id = w.node_id \
               WHERE w.bucket_id = $1";
    let mut excluded = Vec::new();
    for row in write.rows(query(sql).bind(&bucket)).await? {
        let mut columns = Columns::of(&row);
        let (node, region): (NodeId, Option<String>) = (columns.parsed()?, columns.optional_text()?);
        if !pins.admit(node, &region.unwrap_or_default()) {
            excluded.push(node);
        }
    }
    for node in excluded {
        let node = node.to_string();
        let remove = "DELETE FROM bucket_words WHERE bucket_id = $1 AND node_id = $2";
        write.execute(query(remove).bind(&bucket).bind(&node)).await?;
        note_withdrawals(write, &node, std::slice::from_ref(&bucket), now).await?;
    }
    Ok(())
}

#[async_trait]
impl PinStore for SqlStore {
    async fn pins_of(&self, ids: &[BucketId]) -> Result<HashMap<BucketId, BucketPins>> {
        let list = InList::new(
            "SELECT b.id, b.pinned_to FROM buckets b \
             WHERE b.pinned_to IS NOT NULL AND b.deleted_at IS NULL AND b.id IN (",
            ")",
        );
        let mut pins = HashMap::new();
        for row in self.rows_in_list(&list, &texts(ids)).await? {
            let mut columns = Columns::of(&row);
            pins.insert(columns.parsed()?, columns.pins()?);
        }
        Ok(pins)
    }
}
