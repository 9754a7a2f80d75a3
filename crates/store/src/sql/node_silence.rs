//! The times in which nodes weren't connected.

use async_trait::async_trait;
use bucketry_model::id::NodeId;
use bucketry_model::node_silence::{NodeSilence, silent_since};
use bucketry_model::status::SILENCE;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::statement::Write;
use crate::Result;
use crate::node_silence::NodeSilenceStore;

/// Stores the silence of a live node that is heard from again, if it was silent. Must come before the node's row is
/// updated.
pub(super) async fn end_of_silence(write: &mut Write, id: &str, now: Timestamp) -> Result<()> {
    let silence = i64::try_from(SILENCE.as_micros()).unwrap_or(i64::MAX);
    let sql = "INSERT INTO node_silences (node_id, began_at, ended_at, was_removed) \
               SELECT n.id, n.last_seen + $2, $3, FALSE FROM nodes n \
               WHERE n.id = $1 AND n.removed_at IS NULL AND n.last_seen + $2 <= $3 \
               ON CONFLICT (node_id, began_at) DO NOTHING";
    write.execute(query(sql).bind(id).bind(silence).bind(to_micros(now))).await.map(|_| ())
}

/// Stores that a node was removed until now. Must come before the node's row is updated.
pub(super) async fn end_of_removal(write: &mut Write, id: &str, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO node_silences (node_id, began_at, ended_at, was_removed) \
               SELECT n.id, n.removed_at, $2, TRUE FROM nodes n WHERE n.id = $1 AND n.removed_at <= $2 \
               ON CONFLICT (node_id, began_at) DO NOTHING";
    write.execute(query(sql).bind(id).bind(to_micros(now))).await.map(|_| ())
}

impl SqlStore {
    /// The silence of a node that isn't connected now.
    async fn present_silence(&self, id: NodeId, now: Timestamp) -> Result<Option<NodeSilence>> {
        let sql = "SELECT n.last_seen, n.removed_at FROM nodes n WHERE n.id = $1";
        let Some(row) = self.row(query(sql).bind(id.to_string())).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        let (last_seen, removed_at) = (columns.time()?, columns.optional_time()?);
        let from = silent_since(last_seen, removed_at, now);
        Ok(from.map(|from| NodeSilence { node_id: id, from, until: None, was_removed: removed_at.is_some() }))
    }
}

#[async_trait]
impl NodeSilenceStore for SqlStore {
    async fn node_silences(
        &self,
        id: NodeId,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<NodeSilence>> {
        let sql = "SELECT s.began_at, s.ended_at, s.was_removed FROM node_silences s \
                   WHERE s.node_id = $1 AND s.ended_at > $2 ORDER BY s.began_at DESC LIMIT $3";
        let rows = query(sql).bind(id.to_string()).bind(to_micros(since)).bind(i64::from(limit));
        let mut silences = Vec::from_iter(self.present_silence(id, now).await?);
        for row in self.rows(rows).await? {
            let mut columns = Columns::of(&row);
            let (from, until) = (columns.time()?, Some(columns.time()?));
            silences.push(NodeSilence { node_id: id, from, until, was_removed: columns.flag()? });
        }
        Ok(silences)
    }

    async fn purge_node_silences(&self, before: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM node_silences WHERE (node_id, began_at) IN \
                   (SELECT s.node_id, s.began_at FROM node_silences s WHERE s.ended_at < $1 LIMIT $2)";
        let removed = write.execute(query(sql).bind(to_micros(before)).bind(i64::from(at_most))).await?;
        write.commit().await?;
        Ok(removed)
    }
}
