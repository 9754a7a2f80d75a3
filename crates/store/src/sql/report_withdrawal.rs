//! Reports of nodes that stopped to probe a bucket.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::node_silence::NodeSilence;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::columns::Columns;
use super::probe::is_registered;
use super::statement::{InList, Rows, Write, texts};
use super::{SqlStore, facets};
use crate::Result;
use crate::report_withdrawal::ReportWithdrawalStore;

const WITHDRAWALS: Rows<'static> = Rows {
    before: "INSERT INTO report_withdrawals (bucket_id, at, node_id) ",
    columns: 3,
    after: " ON CONFLICT (bucket_id, at, node_id) DO NOTHING",
};

/// Stores that a node's reports on these buckets have ended.
pub(super) async fn note_withdrawals(
    write: &mut Write,
    node: &str,
    buckets: &[String],
    now: Timestamp,
) -> Result<()> {
    write
        .insert_rows(&WITHDRAWALS, buckets, |values, id| {
            values.bind(id.clone()).bind(to_micros(now)).bind(node.to_owned())
        })
        .await
        .map(drop)
}

#[async_trait]
impl ReportWithdrawalStore for SqlStore {
    async fn reported_buckets(
        &self,
        node: NodeId,
        after: Option<BucketId>,
        until: Option<BucketId>,
        limit: u32,
    ) -> Result<Vec<BucketId>> {
        let sql = "SELECT w.bucket_id FROM bucket_words w WHERE w.node_id = $1 AND w.bucket_id > $2 \
                   AND w.bucket_id <= $3 ORDER BY w.bucket_id LIMIT $4";
        let reported = query(sql)
            .bind(node.to_string())
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(until.map_or_else(|| "~".to_owned(), |id| id.to_string()))
            .bind(i64::from(limit));
        self.rows(reported).await?.iter().map(|row| Columns::of(row).parsed()).collect()
    }

    async fn withdraw_reports(&self, node: NodeId, ids: &[BucketId], now: Timestamp) -> Result<usize> {
        if ids.is_empty() {
            return Ok(0);
        }
        let mut write = self.write().await?;
        if !is_registered(&mut write, node).await? {
            return Ok(0);
        }
        let node = node.to_string();
        let ids = texts(ids);
        facets::lock(&mut write, &ids).await?;
        let list = InList::new(
            "DELETE FROM bucket_words WHERE node_id = $1 AND bucket_id IN (",
            ") RETURNING bucket_id",
        );
        let mut withdrawn = Vec::new();
        for row in write.rows_in_list(&list.text(&node), &ids).await? {
            withdrawn.push(Columns::of(&row).text()?);
        }
        if withdrawn.is_empty() {
            return Ok(0);
        }
        withdrawn.sort_unstable();
        note_withdrawals(&mut write, &node, &withdrawn, now).await?;
        facets::refresh(&mut write, &withdrawn, now).await?;
        let list = InList::new("SELECT b.org_id FROM buckets b WHERE b.id IN (", ")");
        for row in write.rows_in_list(&list, &withdrawn).await? {
            write.bump_generation(Some(Columns::of(&row).parsed::<OrgId>()?));
        }
        write.commit().await?;
        Ok(withdrawn.len())
    }

    async fn report_withdrawals(
        &self,
        id: BucketId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<NodeSilence>> {
        let sql = "SELECT r.at, r.node_id FROM report_withdrawals r WHERE r.bucket_id = $1 AND r.at >= $2 \
                   ORDER BY r.at DESC, r.node_id DESC LIMIT $3";
        let rows = query(sql).bind(id.to_string()).bind(to_micros(since)).bind(i64::from(limit));
        let mut withdrawals = Vec::new();
        for row in self.rows(rows).await? {
            let mut columns = Columns::of(&row);
            let at = columns.time()?;
            let node_id = columns.parsed()?;
            withdrawals.push(NodeSilence { node_id, from: at, until: Some(at), was_removed: true });
        }
        Ok(withdrawals)
    }

    async fn purge_report_withdrawals(&self, before: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM report_withdrawals WHERE (bucket_id, at, node_id) IN \
                   (SELECT r.bucket_id, r.at, r.node_id FROM report_withdrawals r WHERE r.at < $1 LIMIT $2)";
        let removed = write.execute(query(sql).bind(to_micros(before)).bind(i64::from(at_most))).await?;
        write.commit().await?;
        Ok(removed)
    }
}
