//! Traffic: each batch is added to minutes, hours, days and totals in one transaction with its number. Apart from
//! minutes, hours and days that have ended, a batch changes only the rows of its series.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use async_trait::async_trait;
use bucketry_model::id::{BucketId, NodeId, OrgId, RepoId, WorkspaceId};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::time::to_micros;
use bucketry_model::usage::{UsageCounts, UsageRow, UsageTotals};
use jiff::{SignedDuration, Timestamp};
use sqlx::query;

use super::SqlStore;
use super::columns::{Columns, stored};
use super::dialect::{Row, for_update, is_unique_violation};
use super::row_values::RowValues;
use super::series::{Route, Series};
use super::statement::{InList, Rows, Write, texts};
use crate::bucket::BucketQuery;
use crate::usage::{
    BatchCounted, FailingMinute, HourPoint, HourQuery, ListedTotals, SeriesPoint, SeriesQuery, UsageStore,
};
use crate::{Result, StoreError};

/// The sum of a stored and an added value. Sizes come from providers, and a wrong one must not stop a whole node
/// from counting: a sum beyond 2^62 bytes no longer grows. One batch adds less than 2^62.
macro_rules! sum {
    ($stored:tt, $added:tt, "size_change") => {
        sum!(@bounded $stored, $added, "size_change")
    };
    ($stored:tt, $added:tt, "total_size_change") => {
        sum!(@bounded $stored, $added, "total_size_change")
    };
    (@bounded $stored:tt, $added:tt, $count:tt) => {
        concat!(
            $stored, ".", $count, " + CASE WHEN ABS(", $stored, ".", $count, ") < 4611686018427387904 THEN ", $added,
            ".", $count, " ELSE 0 END"
        )
    };
    ($stored:tt, $added:tt, $count:tt) => {
        concat!($stored, ".", $count, " + ", $added, ".", $count)
    };
}

macro_rules! add_counts {
    ($table:literal, ($key:literal $(, $further:literal)*), $first:tt $(, $count:tt)+) => {
        Rows {
            before: concat!(
                "INSERT INTO ", $table, " (", $key, $(", ", $further,)* ", ", $first, $(", ", $count,)+ ") "
            ),
            columns: [$key $(, $further)*].len() + [$first, $($count),+].len(),
            after: concat!(
                " ON CONFLICT (", $key, $(", ", $further,)* ") DO UPDATE SET ",
                $first, " = ", sum!($table, "excluded", $first),
                $(", ", $count, " = ", sum!($table, "excluded", $count),)+
            ),
        }
    };
    ($table:literal, $key:tt) => {
        add_counts!(
            $table, $key, "requests", "errors", "reads", "writes", "lists", "provider_errors", "upload_bytes",
            "download_bytes", "size_change", "latency_sum_ms", "first_byte_sum_ms"
        )
    };
}

const MINUTES: Rows<'static> = add_counts!("usage_minutes", ("org_number", "minute", "series"));
const DAYS: Rows<'static> = add_counts!("usage_days", ("org_number", "day", "series"));
const HOURS: Rows<'static> = add_counts!("usage_hours", ("org_number", "hour", "workspace_id", "node_id"));

/// Minutes that aren't stored yet, so no conflict has to be resolved.
const NEW_MINUTES: Rows<'static> = Rows { after: "", ..MINUTES };

/// Copies the latest day of each series to the past days. The rows are locked, because another spool of the node
/// may be adding to that day.
const CLOSE_DAYS: Rows<'static> = Rows {
    before: "WITH n (number, day) AS (",
    columns: 2,
    after: concat!(
        ") INSERT INTO usage_days (org_number, day, series, requests, errors, reads, writes, lists, provider_errors, \
         upload_bytes, download_bytes, size_change, latency_sum_ms, first_byte_sum_ms) \
         SELECT s.org_number, s.day, s.number, s.requests, s.errors, s.reads, s.writes, s.lists, s.provider_errors, \
         s.upload_bytes, s.download_bytes, s.size_change, s.latency_sum_ms, s.first_byte_sum_ms \
         FROM n JOIN usage_series s ON s.number = n.number AND s.day < n.day",
        for_update!("s")
    ),
};

/// Begins a new day for each series.
const OPEN_DAYS: Rows<'static> = Rows {
    before: "WITH n (number, day) AS (",
    columns: 2,
    after: ") UPDATE usage_series SET day = n.day, requests = 0, errors = 0, reads = 0, writes = 0, lists = 0, \
            provider_errors = 0, upload_bytes = 0, download_bytes = 0, size_change = 0, latency_sum_ms = 0, \
            first_byte_sum_ms = 0 FROM n WHERE usage_series.number = n.number AND usage_series.day < n.day",
};

macro_rules! add_to_series {
    ($($count:tt),*; $($total:tt),*) => {
        Rows {
            before: concat!("WITH n (number, day, minute", $(", ", $count,)* $(", ", $total,)* ") AS ("),
            columns: 3 + [$($count),*].len() + [$($total),*].len(),
            after: concat!(
                ") UPDATE usage_series SET \
                 minute = CASE WHEN n.minute > usage_series.minute THEN n.minute ELSE usage_series.minute END",
                $(", ", $count, " = ", sum!("usage_series", "n", $count),)*
                $(", ", $total, " = ", sum!("usage_series", "n", $total),)*
                " FROM n WHERE usage_series.number = n.number AND usage_series.day = n.day"
            ),
        }
    };
}

/// Adds to the latest day and to the totals.
const SERIES: Rows<'static> = add_to_series!(
    "requests", "errors", "reads", "writes", "lists", "provider_errors", "upload_bytes", "download_bytes",
    "size_change", "latency_sum_ms", "first_byte_sum_ms";
    "total_requests", "total_upload_bytes", "total_download_bytes", "total_size_change"
);

const SECONDS_A_DAY: i64 = 86_400;
const SECONDS_AN_HOUR: i64 = 3_600;

/// Organization number, minute or day, series number. This is the primary key of traffic rows.
type Key = (i64, i64, i64);

/// Organization number, start of the hour in Unix seconds, workspace. With the node, this is the primary key of traffic
/// by hour.
type HourKey = (i64, i64, WorkspaceId);

/// What a batch adds to a series.
struct Addition {
    series: Series,
    /// The latest day of the series after the addition.
    day: i64,
    minute: i64,
    of_day: UsageCounts,
    in_all: UsageCounts,
}

/// What a batch adds, in the order in which it is written.
#[derive(Default)]
struct Additions {
    series: BTreeMap<i64, Addition>,
    new_minutes: BTreeMap<Key, UsageCounts>,
    minutes: BTreeMap<Key, UsageCounts>,
    /// Days before the latest one of their series.
    days: BTreeMap<Key, UsageCounts>,
    hours: BTreeMap<HourKey, UsageCounts>,
}

impl Additions {
    fn of(rows: &[&UsageRow], known: &HashMap<Route, Series>, latest: &BTreeMap<Route, i64>) -> Self {
        let mut all = Self::default();
        for row in rows {
            let route = route(row);
            let Some(series) = known.get(&route) else { continue };
            let addition = all.series.entry(series.number).or_insert_with(|| Addition {
                series: *series,
                day: latest.get(&route).copied().unwrap_or_default().max(series.day),
                minute: series.minute,
                of_day: UsageCounts::default(),
                in_all: UsageCounts::default(),
            });
            addition.minute = addition.minute.max(row.minute);
            addition.in_all.add(row);
            let day = day(row);
            if day == addition.day {
                addition.of_day.add(row);
            } else {
                all.days.entry((series.org_number, day, series.number)).or_default().add(row);
            }
            if let Some(workspace) = series.workspace_id {
                let hour = row.minute.div_euclid(SECONDS_AN_HOUR) * SECONDS_AN_HOUR;
                all.hours.entry((series.org_number, hour, workspace)).or_default().add(row);
            }
            // A minute after the latest one can't be stored already.
            let minutes = if row.minute > series.minute { &mut all.new_minutes } else { &mut all.minutes };
            minutes.entry((series.org_number, row.minute, series.number)).or_default().add(row);
        }
        all
    }
}

fn day(row: &UsageRow) -> i64 {
    row.minute.div_euclid(SECONDS_A_DAY)
}

fn route(row: &UsageRow) -> Route {
    (row.bucket_id, row.repo_id)
}

/// Another spool of the same node was counted at the same time. A node has only one. If there are two, the later
/// report is rolled back and sent again.
#[derive(Debug, thiserror::Error)]
#[error("another report of the same node was counted at the same time: send this one again")]
struct Overtaken;

/// Translates a conflict with a row that didn't exist when the series were read.
fn overtaken(error: StoreError) -> StoreError {
    if is_unique_violation(&error) { StoreError::Unavailable(Box::new(Overtaken)) } else { error }
}

/// How long the last number of a spool is stored. A node begins a spool at each start. Batches of a spool that is
/// older could be counted twice.
const KEEP_SPOOLS: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The number of the spool's next batch. Batches of one spool wait for each other here.
async fn next_number(write: &mut Write, node: &str, spool: &str, now: Timestamp) -> Result<u64> {
    let sql =
        concat!("SELECT last_number FROM usage_spools WHERE node_id = $1 AND spool = $2", for_update!());
    let mut row = write.row(query(sql).bind(node).bind(spool)).await?;
    if row.is_none() {
        // A row that doesn't exist can't be locked, so two concurrent first batches would both be counted.
        let begin = "INSERT INTO usage_spools (node_id, spool, last_number, counted_at) VALUES ($1, $2, 0, $3) \
                     ON CONFLICT (node_id, spool) DO NOTHING";
        write.execute(query(begin).bind(node).bind(spool).bind(to_micros(now))).await?;
        row = write.row(query(sql).bind(node).bind(spool)).await?;
        let forget = "DELETE FROM usage_spools WHERE node_id = $1 AND counted_at < $2";
        write.execute(query(forget).bind(node).bind(to_micros(now - KEEP_SPOOLS))).await?;
    }
    let last: u64 = row.map_or(Ok(0), |row| Columns::of(&row).narrow())?;
    Ok(last.saturating_add(1))
}

fn bind_counts(values: RowValues, counts: &UsageCounts) -> RowValues {
    values
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

fn bind_row(values: RowValues, (key, counts): &(Key, UsageCounts)) -> RowValues {
    let (org_number, period, series) = *key;
    bind_counts(values.bind(org_number).bind(period).bind(series), counts)
}

fn bind_hour(values: RowValues, node: &str, (key, counts): &(HourKey, UsageCounts)) -> RowValues {
    let (org_number, hour, workspace) = *key;
    let values = values.bind(org_number).bind(hour).bind(workspace.to_string()).bind(node.to_owned());
    bind_counts(values, counts)
}

fn bind_day(values: RowValues, addition: &Addition) -> RowValues {
    values.bind(addition.series.number).bind(addition.day)
}

fn bind_addition(values: RowValues, addition: &Addition) -> RowValues {
    bind_counts(bind_day(values, addition).bind(addition.minute), &addition.of_day)
        .bind(addition.in_all.requests)
        .bind(addition.in_all.upload_bytes)
        .bind(addition.in_all.download_bytes)
        .bind(addition.in_all.size_change)
}

impl Write {
    async fn add(&mut self, node: &str, additions: Additions) -> Result<()> {
        let Additions { series, new_minutes, minutes, days, hours } = additions;
        let series: Vec<&Addition> = series.values().collect();
        let begun: Vec<&Addition> = series.iter().copied().filter(|one| one.series.day < one.day).collect();
        let closed = self
            .insert_rows(&CLOSE_DAYS, &begun, |values, one| bind_day(values, one))
            .await
            .map_err(overtaken)?;
        self.insert_rows(&OPEN_DAYS, &begun, |values, one| bind_day(values, one)).await?;
        let added = self.insert_rows(&SERIES, &series, |values, one| bind_addition(values, one)).await?;
        if closed != begun.len() as u64 || added != series.len() as u64 {
            return Err(StoreError::Unavailable(Box::new(Overtaken)));
        }
        let new_minutes: Vec<_> = new_minutes.into_iter().collect();
        self.insert_rows(&NEW_MINUTES, &new_minutes, bind_row).await.map_err(overtaken)?;
        let minutes: Vec<_> = minutes.into_iter().collect();
        self.insert_rows(&MINUTES, &minutes, bind_row).await?;
        let days: Vec<_> = days.into_iter().collect();
        self.insert_rows(&DAYS, &days, bind_row).await?;
        let hours: Vec<_> = hours.into_iter().collect();
        self.insert_rows(&HOURS, &hours, |values, hour| bind_hour(values, node, hour)).await?;
        Ok(())
    }
}

/// Reads a row of totals, and adds it to the entry of its key.
fn add_totals<K: FromStr + Ord>(counted: &mut BTreeMap<K, UsageTotals>, row: &Row) -> Result<()> {
    let mut columns = Columns::of(row);
    let totals = counted.entry(columns.parsed()?).or_default();
    for total in
        [&mut totals.requests, &mut totals.upload_bytes, &mut totals.download_bytes, &mut totals.size_change]
    {
        *total = total.saturating_add(columns.number()?);
    }
    Ok(())
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
        let rows: Vec<&UsageRow> = batch.rows.iter().filter(|row| row.is_sane()).collect();
        let mut latest: BTreeMap<Route, i64> = BTreeMap::new();
        for row in &rows {
            latest
                .entry(route(row))
                .and_modify(|known| *known = day(row).max(*known))
                .or_insert_with(|| day(row));
        }
        let known = write.series_of(node_id, org_id, latest.clone()).await?;
        write.add(&node, Additions::of(&rows, &known, &latest)).await?;
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
            "SELECT bucket_id, total_requests, total_upload_bytes, total_download_bytes, total_size_change \
             FROM usage_series WHERE bucket_id IN (",
            ")",
        );
        let mut counted: BTreeMap<BucketId, UsageTotals> = BTreeMap::new();
        for row in self.rows_in_list(&list, &texts(ids)).await? {
            add_totals(&mut counted, &row)?;
        }
        Ok(ids.iter().map(|id| (*id, counted.get(id).copied().unwrap_or_default())).collect())
    }

    async fn usage_totals_of_repositories(
        &self,
        org_id: OrgId,
        ids: &[RepoId],
    ) -> Result<Vec<(RepoId, UsageTotals)>> {
        // The index leaves out traffic through no repository.
        let list = InList::new(
            "SELECT repo_id, total_requests, total_upload_bytes, total_download_bytes, total_size_change \
             FROM usage_series WHERE org_id = $1 AND repo_id <> '' AND repo_id IN (",
            ")",
        )
        .text(org_id);
        let mut counted: BTreeMap<RepoId, UsageTotals> = BTreeMap::new();
        for row in self.rows_in_list(&list, &texts(ids)).await? {
            add_totals(&mut counted, &row)?;
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
        self.purge_by_organization(old, remove, before, at_most).await
    }

    async fn failing_minutes(&self, org_id: OrgId, first: i64, limit: u32) -> Result<Vec<FailingMinute>> {
        self.minutes_of_failing(org_id, first, limit).await
    }

    async fn usage_hours(&self, query: &HourQuery) -> Result<Vec<HourPoint>> {
        self.hours(query).await
    }

    async fn purge_usage_hours(&self, before: i64, at_most: u32) -> Result<u64> {
        let old = "SELECT 1 FROM usage_hours WHERE org_number = $1 AND hour < $2 LIMIT 1";
        let remove = "DELETE FROM usage_hours WHERE (org_number, hour, workspace_id, node_id) IN \
                      (SELECT org_number, hour, workspace_id, node_id FROM usage_hours \
                      WHERE org_number = $1 AND hour < $2 LIMIT $3)";
        self.purge_by_organization(old, remove, before, at_most).await
    }
}

impl SqlStore {
    /// Removes rows of a table whose primary key begins with the organization and the period, so that the old rows of
    /// an organization are adjacent. `old` finds out whether an organization has any.
    async fn purge_by_organization(
        &self,
        old: &'static str,
        remove: &'static str,
        before: i64,
        at_most: u32,
    ) -> Result<u64> {
        let at_most = u64::from(at_most);
        let mut removed = 0;
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
