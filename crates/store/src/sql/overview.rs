//! Counts and sums for overviews and charts.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::role::Visibility;
use bucketry_model::status::Status;
use bucketry_model::time::Day;
use bucketry_model::usage::UsageCounts;
use sqlx::{AssertSqlSafe, query};

use super::SqlStore;
use super::columns::Columns;
use super::dialect::Row;
use super::statement::{InList, texts};
use super::usage_series::counts;
use crate::Result;
use crate::overview::{BucketCounts, HourSum, OverviewStore, StoredSum};

/// Columns of `UsageCounts`, summed. PostgreSQL's sums are NUMERIC.
const SUMS: &str = "CAST(SUM(u.requests) AS BIGINT), CAST(SUM(u.errors) AS BIGINT), CAST(SUM(u.reads) AS BIGINT), \
                    CAST(SUM(u.writes) AS BIGINT), CAST(SUM(u.lists) AS BIGINT), \
                    CAST(SUM(u.provider_errors) AS BIGINT), CAST(SUM(u.upload_bytes) AS BIGINT), \
                    CAST(SUM(u.download_bytes) AS BIGINT), CAST(SUM(u.size_change) AS BIGINT), \
                    CAST(SUM(u.latency_sum_ms) AS BIGINT), CAST(SUM(u.first_byte_sum_ms) AS BIGINT)";

/// The columns of `UsageCounts`.
const COUNTS: &str = "u.requests, u.errors, u.reads, u.writes, u.lists, u.provider_errors, u.upload_bytes, \
                      u.download_bytes, u.size_change, u.latency_sum_ms, u.first_byte_sum_ms";

/// Sums the measured sizes of live buckets. The sum of none is NULL, and PostgreSQL's sums are NUMERIC.
macro_rules! sum_sizes {
    () => {
        "SELECT COUNT(*), CAST(COALESCE(SUM(z.bytes), 0) AS BIGINT) FROM bucket_facets f \
         JOIN bucket_sizes z ON z.bucket_id = f.bucket_id WHERE "
    };
}

#[async_trait]
impl OverviewStore for SqlStore {
    async fn count_buckets(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        connected: &[NodeId],
    ) -> Result<BucketCounts> {
        let rows = match visible {
            Visibility::Organization => {
                let sql =
                    "SELECT f.facet, COUNT(*) FROM bucket_facets f WHERE f.org_id = $1 GROUP BY f.facet";
                self.rows(query(sql).bind(org_id.to_string())).await?
            }
            Visibility::Workspaces(workspaces) => {
                let list = InList::new(
                    "SELECT f.facet, COUNT(*) FROM bucket_facets f WHERE f.workspace_id IN (",
                    ") GROUP BY f.workspace_id, f.facet",
                );
                self.rows_in_list(&list, &texts(workspaces)).await?
            }
        };
        let mut by_facet: HashMap<i64, i64> = HashMap::new();
        for row in rows {
            let mut columns = Columns::of(&row);
            // Apart, because the right side of `+=` is evaluated first.
            let (facet, count) = (columns.number()?, columns.number()?);
            *by_facet.entry(facet).or_default() += count;
        }
        let mut total = BucketCounts::default();
        for (facet, status) in self.facet_statuses(org_id, connected).await? {
            let count = u64::try_from(by_facet.remove(&facet).unwrap_or_default()).unwrap_or_default();
            match status {
                Status::Online => total.online += count,
                Status::Offline => total.offline += count,
                Status::Disconnected => total.disconnected += count,
            }
        }
        Ok(total)
    }

    async fn stored_sum(&self, org_id: OrgId, visible: &Visibility) -> Result<StoredSum> {
        let rows = match visible {
            Visibility::Organization => {
                let sql = concat!(sum_sizes!(), "f.org_id = $1");
                self.rows(query(sql).bind(org_id.to_string())).await?
            }
            Visibility::Workspaces(workspaces) => {
                let list =
                    InList::new(concat!(sum_sizes!(), "f.workspace_id IN ("), ") GROUP BY f.workspace_id");
                self.rows_in_list(&list, &texts(workspaces)).await?
            }
        };
        let mut sum = StoredSum::default();
        for row in &rows {
            let mut columns = Columns::of(row);
            sum.measured += u64::try_from(columns.number()?).unwrap_or_default();
            sum.bytes = sum.bytes.saturating_add(columns.number()?);
        }
        Ok(sum)
    }

    async fn traffic_hours(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        first: i64,
        last: i64,
    ) -> Result<Vec<HourSum>> {
        let rows = match visible {
            Visibility::Organization => {
                let sql = format!(
                    "SELECT u.hour, {SUMS} FROM usage_hours u WHERE u.org_number = \
                     (SELECT o.number FROM usage_organizations o WHERE o.org_id = $1) \
                     AND u.hour >= $2 AND u.hour <= $3 GROUP BY u.hour"
                );
                let statement = query(AssertSqlSafe(sql)).bind(org_id.to_string()).bind(first).bind(last);
                self.rows(statement).await?
            }
            Visibility::Workspaces(workspaces) => {
                let before = format!(
                    "SELECT u.hour, {SUMS} FROM usage_hours u WHERE u.hour >= $1 AND u.hour <= $2 \
                     AND u.workspace_id IN ("
                );
                let list =
                    InList::new(&before, ") GROUP BY u.workspace_id, u.hour").number(first).number(last);
                self.rows_in_list(&list, &texts(workspaces)).await?
            }
        };
        merged(&rows, 1)
    }

    async fn traffic_hours_of_bucket(&self, id: BucketId, first: i64, last: i64) -> Result<Vec<HourSum>> {
        let sql = format!(
            "SELECT u.minute / 3600, {SUMS} FROM usage_series s JOIN usage_minutes u ON u.series = s.number \
             WHERE s.bucket_id = $1 AND s.minute >= $2 AND u.minute >= $2 AND u.minute <= $3 \
             GROUP BY u.series, u.minute / 3600"
        );
        let statement = query(AssertSqlSafe(sql)).bind(id.to_string()).bind(first).bind(last);
        merged(&self.rows(statement).await?, 3_600)
    }

    async fn busiest_buckets(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        since: Day,
        limit: u32,
    ) -> Result<Vec<(BucketId, UsageCounts)>> {
        // What is counted today is in the series themselves, earlier days are in their own table.
        let sql = format!(
            "SELECT s.bucket_id, s.workspace_id, {SUMS} FROM \
             (SELECT u.number AS series, {COUNTS} FROM usage_series u WHERE u.org_number = \
              (SELECT o.number FROM usage_organizations o WHERE o.org_id = $1) AND u.day >= $2 \
              UNION ALL SELECT u.series, {COUNTS} FROM usage_days u WHERE u.org_number = \
              (SELECT o.number FROM usage_organizations o WHERE o.org_id = $1) AND u.day >= $2) u \
             JOIN usage_series s ON s.number = u.series GROUP BY s.bucket_id, s.workspace_id"
        );
        let statement = query(AssertSqlSafe(sql)).bind(org_id.to_string()).bind(since.number());
        let mut busiest: HashMap<BucketId, UsageCounts> = HashMap::new();
        for row in self.rows(statement).await? {
            let mut columns = Columns::of(&row);
            let (bucket, workspace) = (columns.parsed()?, columns.text()?);
            let is_visible = match visible {
                Visibility::Organization => true,
                Visibility::Workspaces(all) => workspace.parse().is_ok_and(|id| all.contains(&id)),
            };
            if is_visible {
                busiest.entry(bucket).or_default().merge(&counts(&mut columns)?);
            }
        }
        let mut busiest: Vec<(BucketId, UsageCounts)> = busiest.into_iter().collect();
        busiest.sort_by_key(|(id, counts)| {
            (std::cmp::Reverse(counts.upload_bytes.saturating_add(counts.download_bytes)), *id)
        });
        busiest.truncate(limit as usize);
        Ok(busiest)
    }
}

/// The rows (period and counts) by period, earliest first.
fn merged(rows: &[Row], seconds: i64) -> Result<Vec<HourSum>> {
    let mut by_hour: BTreeMap<i64, UsageCounts> = BTreeMap::new();
    for row in rows {
        let mut columns = Columns::of(row);
        let at = columns.number()? * seconds;
        by_hour.entry(at).or_default().merge(&counts(&mut columns)?);
    }
    Ok(by_hour.into_iter().map(|(at, counts)| HourSum { at, counts }).collect())
}
