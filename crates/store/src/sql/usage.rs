//! Traffic: each batch is added to minutes, days and totals in one transaction with its number.

use std::collections::BTreeMap;

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

macro_rules! add_counts {
    ($table:literal, $period:literal, $first:literal $(, $count:literal)*) => {
        Rows {
            before: concat!(
                "INSERT INTO ", $table, " (org_number, ", $period, ", series, ", $first, $(", ", $count,)* ") "
            ),
            columns: 3 + [$first, $($count),*].len(),
            after: concat!(
                " ON CONFLICT (org_number, ", $period, ", series) DO UPDATE SET ",
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

/// Number of the organization, minute or day, number of the series: as rows of traffic lie.
type Key = (i64, i64, i64);

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

fn bind_counts(values: RowValues, (key, counts): &(Key, UsageCounts)) -> RowValues {
    let (org_number, period, series) = *key;
    values
        .bind(org_number)
        .bind(period)
        .bind(series)
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
        let series = write.series_of(node_id, org_id, batch).await?;
        let mut minutes: BTreeMap<Key, UsageCounts> = BTreeMap::new();
        let mut days: BTreeMap<Key, UsageCounts> = BTreeMap::new();
        let mut totals: BTreeMap<BucketId, UsageCounts> = BTreeMap::new();
        let mut repo_totals: BTreeMap<(OrgId, RepoId), UsageCounts> = BTreeMap::new();
        for row in batch.rows.iter().filter(|row| row.is_sane()) {
            let Some(series) = series.get(&(row.bucket_id, row.repo_id)) else { continue };
            let day = row.minute.div_euclid(SECONDS_A_DAY);
            minutes.entry((series.org_number, row.minute, series.number)).or_default().add(row);
            days.entry((series.org_number, day, series.number)).or_default().add(row);
            totals.entry(row.bucket_id).or_default().add(row);
            if let Some(repo_id) = row.repo_id {
                repo_totals.entry((series.org_id, repo_id)).or_default().add(row);
            }
        }
        let minutes: Vec<_> = minutes.into_iter().collect();
        write.insert_rows(&MINUTES, &minutes, bind_counts).await?;
        let days: Vec<_> = days.into_iter().collect();
        write.insert_rows(&DAYS, &days, bind_counts).await?;
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
        let old = "SELECT 1 FROM usage_minutes WHERE org_number = $1 AND minute < $2 LIMIT 1";
        let remove = "DELETE FROM usage_minutes WHERE (org_number, minute, series) IN \
                      (SELECT org_number, minute, series FROM usage_minutes \
                      WHERE org_number = $1 AND minute < $2 LIMIT $3)";
        let at_most = u64::from(at_most);
        let mut removed = 0;
        // One after the other: the key begins with the organization, so that each one's old minutes lie together.
        for row in self.rows(query("SELECT number FROM usage_organizations")).await? {
            let org_number = Columns::of(&row).number()?;
            if removed < at_most && self.row(query(old).bind(org_number).bind(before)).await?.is_some() {
                let mut write = self.write().await?;
                let remove = query(remove).bind(org_number).bind(before).bind(stored(at_most - removed));
                removed += write.execute(remove).await?;
                write.commit().await?;
            }
        }
        Ok(removed)
    }
}
