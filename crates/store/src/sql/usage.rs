//! Traffic: each batch is added to minutes, days and totals in one transaction with its number.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use bucketry_model::id::{BucketId, NodeId, OrgId, RepoId};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::time::to_micros;
use bucketry_model::usage::{UsageCounts, UsageTotals};
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::bucket_list::totals;
use super::columns::{Columns, stored};
use super::dialect::{RowValues, for_update};
use super::rows::Rows;
use super::statement::{InList, Write, texts};
use crate::Result;
use crate::bucket::BucketQuery;
use crate::usage::{BatchCounted, ListedTotals, SeriesPoint, SeriesQuery, UsageStore};

// A row's organization is its bucket's, which stays what it is: rewriting it would rewrite the index by organization.
macro_rules! add_counts {
    ($table:literal, $period:literal, $first:literal $(, $count:literal)*) => {
        Rows {
            before: concat!(
                "INSERT INTO ", $table, " (bucket_id, ", $period, ", node_id, repo_id, org_id, ", $first,
                $(", ", $count,)* ") "
            ),
            columns: 5 + [$first, $($count),*].len(),
            after: concat!(
                " ON CONFLICT (bucket_id, ", $period, ", node_id, repo_id) DO UPDATE SET ",
                $first, " = ", $table, ".", $first, " + excluded.", $first,
                $(", ", $count, " = ", $table, ".", $count, " + excluded.", $count,)*
            ),
        }
    };
    ($table:literal, $period:literal) => {
        add_counts!(
            $table, $period, "requests", "errors", "reads", "writes", "lists", "provider_errors", "upload_bytes",
            "download_bytes", "size_change", "latency_sum_ms", "first_byte_sum_ms"
        )
    };
}

const MINUTES: Rows<'static> = add_counts!("usage_minutes", "minute");
const DAYS: Rows<'static> = add_counts!("usage_days", "day");
const TOTALS: Rows<'static> = Rows {
    before: "INSERT INTO usage_totals (bucket_id, requests, upload_bytes, download_bytes, size_change) ",
    columns: 5,
    after: " ON CONFLICT (bucket_id) DO UPDATE SET requests = usage_totals.requests + excluded.requests, \
            upload_bytes = usage_totals.upload_bytes + excluded.upload_bytes, \
            download_bytes = usage_totals.download_bytes + excluded.download_bytes, \
            size_change = usage_totals.size_change + excluded.size_change",
};

const REPO_TOTALS: Rows<'static> = Rows {
    before: "INSERT INTO usage_repo_totals \
             (org_id, repo_id, requests, upload_bytes, download_bytes, size_change) ",
    columns: 6,
    after: " ON CONFLICT (org_id, repo_id) DO UPDATE SET \
            requests = usage_repo_totals.requests + excluded.requests, \
            upload_bytes = usage_repo_totals.upload_bytes + excluded.upload_bytes, \
            download_bytes = usage_repo_totals.download_bytes + excluded.download_bytes, \
            size_change = usage_repo_totals.size_change + excluded.size_change",
};

const SECONDS_A_DAY: i64 = 86_400;

/// Bucket, minute or day, repository (empty for none), the bucket's organization.
type Key = (BucketId, i64, String, OrgId);

/// The number that the spool's next batch has. Batches of one spool wait for each other here.
async fn next_number(write: &mut Write, node: &str, spool: &str, now: Timestamp) -> Result<u64> {
    let sql =
        concat!("SELECT last_number FROM usage_spools WHERE node_id = $1 AND spool = $2", for_update!());
    let mut row = write.row(query(sql).bind(node).bind(spool)).await?;
    if row.is_none() {
        // A row that is not there can't be locked: two first batches at once would both be counted.
        let begin = "INSERT INTO usage_spools (node_id, spool, last_number, counted_at) VALUES ($1, $2, 0, $3) \
                     ON CONFLICT (node_id, spool) DO NOTHING";
        write.execute(query(begin).bind(node).bind(spool).bind(to_micros(now))).await?;
        row = write.row(query(sql).bind(node).bind(spool)).await?;
    }
    let last: u64 = row.map_or(Ok(0), |row| Columns::of(&row).narrow())?;
    Ok(last.saturating_add(1))
}

/// Those of the batch's buckets that the node serves, deleted ones too, with the organization of each.
async fn served(
    write: &mut Write,
    org_id: Option<OrgId>,
    batch: &UsageBatch,
) -> Result<HashMap<BucketId, OrgId>> {
    let list = InList::new("SELECT id, org_id FROM buckets WHERE id IN (", ")");
    let mut served = HashMap::new();
    for row in write.rows_in_list(&list, &texts(batch.rows.iter().map(|row| row.bucket_id))).await? {
        let mut columns = Columns::of(&row);
        let (id, bucket_org): (BucketId, OrgId) = (columns.parsed()?, columns.parsed()?);
        if org_id.is_none_or(|own| own == bucket_org) {
            served.insert(id, bucket_org);
        }
    }
    Ok(served)
}

fn bind_counts(values: RowValues, node: &str, (key, counts): &(Key, UsageCounts)) -> RowValues {
    let (bucket, period, repo, org) = key;
    values
        .bind(bucket.to_string())
        .bind(*period)
        .bind(node.to_owned())
        .bind(repo.clone())
        .bind(org.to_string())
        .bind(counts.requests)
        .bind(counts.errors)
        .bind(counts.reads)
        .bind(counts.writes)
        .bind(counts.lists)
        .bind(counts.provider_errors)
        .bind(counts.upload_bytes)
        .bind(counts.download_bytes)
        .bind(counts.size_change)
        .bind(counts.latency_sum_ms)
        .bind(counts.first_byte_sum_ms)
}

fn bind_totals(values: RowValues, counts: &UsageCounts) -> RowValues {
    values
        .bind(counts.requests)
        .bind(counts.upload_bytes)
        .bind(counts.download_bytes)
        .bind(counts.size_change)
}

fn bind_bucket_totals(values: RowValues, (bucket, counts): &(BucketId, UsageCounts)) -> RowValues {
    bind_totals(values.bind(bucket.to_string()), counts)
}

fn bind_repo_totals(values: RowValues, row: &((OrgId, RepoId), UsageCounts)) -> RowValues {
    let ((org, repo), counts) = row;
    bind_totals(values.bind(org.to_string()).bind(repo.to_string()), counts)
}

#[async_trait]
impl UsageStore for SqlStore {
    async fn add_usage(
        &self,
        node_id: NodeId,
        org_id: Option<OrgId>,
        batch: &UsageBatch,
        now: Timestamp,
    ) -> Result<BatchCounted> {
        let mut write = self.write().await?;
        let node = node_id.to_string();
        let expected = next_number(&mut write, &node, &batch.spool, now).await?;
        if batch.number < expected {
            return Ok(BatchCounted::Duplicate);
        }
        if batch.number > expected {
            return Ok(BatchCounted::OutOfOrder { expected });
        }
        let served = served(&mut write, org_id, batch).await?;
        let mut minutes: BTreeMap<Key, UsageCounts> = BTreeMap::new();
        let mut days: BTreeMap<Key, UsageCounts> = BTreeMap::new();
        let mut totals: BTreeMap<BucketId, UsageCounts> = BTreeMap::new();
        let mut repo_totals: BTreeMap<(OrgId, RepoId), UsageCounts> = BTreeMap::new();
        for row in batch.rows.iter().filter(|row| row.is_sane()) {
            let Some(org) = served.get(&row.bucket_id) else { continue };
            let repo = row.repo_id.map(|id| id.to_string()).unwrap_or_default();
            let day = row.minute.div_euclid(SECONDS_A_DAY);
            minutes.entry((row.bucket_id, row.minute, repo.clone(), *org)).or_default().add(row);
            days.entry((row.bucket_id, day, repo, *org)).or_default().add(row);
            totals.entry(row.bucket_id).or_default().add(row);
            if let Some(repo_id) = row.repo_id {
                repo_totals.entry((*org, repo_id)).or_default().add(row);
            }
        }
        let minutes: Vec<_> = minutes.into_iter().collect();
        write.insert_rows(&MINUTES, &minutes, |values, row| bind_counts(values, &node, row)).await?;
        let days: Vec<_> = days.into_iter().collect();
        write.insert_rows(&DAYS, &days, |values, row| bind_counts(values, &node, row)).await?;
        let totals: Vec<_> = totals.into_iter().collect();
        write.insert_rows(&TOTALS, &totals, bind_bucket_totals).await?;
        let repo_totals: Vec<_> = repo_totals.into_iter().collect();
        write.insert_rows(&REPO_TOTALS, &repo_totals, bind_repo_totals).await?;
        let note = "INSERT INTO usage_spools (node_id, spool, last_number, counted_at) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (node_id, spool) DO UPDATE SET last_number = excluded.last_number, \
                    counted_at = excluded.counted_at";
        let note = query(note)
            .bind(&node)
            .bind(batch.spool.as_str())
            .bind(stored(batch.number))
            .bind(to_micros(now));
        write.execute(note).await?;
        write.commit().await?;
        Ok(BatchCounted::Counted)
    }

    async fn usage_totals(&self, query: &BucketQuery) -> Result<Vec<ListedTotals>> {
        self.list_totals(query).await
    }

    async fn usage_totals_of(&self, ids: &[BucketId]) -> Result<Vec<(BucketId, UsageTotals)>> {
        let list = InList::new(
            "SELECT bucket_id, requests, upload_bytes, download_bytes, size_change FROM usage_totals \
             WHERE bucket_id IN (",
            ")",
        );
        let mut counted = BTreeMap::new();
        for row in self.rows_in_list(&list, &texts(ids)).await? {
            let mut columns = Columns::of(&row);
            counted.insert(columns.parsed::<BucketId>()?, totals(&mut columns)?);
        }
        Ok(ids.iter().map(|id| (*id, counted.get(id).copied().unwrap_or_default())).collect())
    }

    async fn usage_totals_of_repositories(
        &self,
        org_id: OrgId,
        ids: &[RepoId],
    ) -> Result<Vec<(RepoId, UsageTotals)>> {
        let list = InList::new(
            "SELECT repo_id, requests, upload_bytes, download_bytes, size_change FROM usage_repo_totals \
             WHERE org_id = $1 AND repo_id IN (",
            ")",
        )
        .text(org_id);
        let mut counted = BTreeMap::new();
        for row in self.rows_in_list(&list, &texts(ids)).await? {
            let mut columns = Columns::of(&row);
            counted.insert(columns.parsed::<RepoId>()?, totals(&mut columns)?);
        }
        Ok(ids.iter().map(|id| (*id, counted.get(id).copied().unwrap_or_default())).collect())
    }

    async fn usage_series(&self, query: &SeriesQuery) -> Result<Vec<SeriesPoint>> {
        self.series(query).await
    }

    async fn purge_usage_minutes(&self, before: i64, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM usage_minutes WHERE (bucket_id, minute, node_id, repo_id) IN \
                   (SELECT bucket_id, minute, node_id, repo_id FROM usage_minutes WHERE minute < $1 LIMIT $2)";
        let removed = write.execute(query(sql).bind(before).bind(i64::from(at_most))).await?;
        write.commit().await?;
        Ok(removed)
    }
}
