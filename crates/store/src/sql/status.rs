//! Reading what nodes report about buckets.

use async_trait::async_trait;
use bucketry_model::id::BucketId;
use bucketry_model::latency::LatencyHistogram;
use bucketry_model::node::Node;
use bucketry_model::time::Day;
use bucketry_model::uptime::{DayRecord, ProbeSample};
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::Row;
use super::node::{self, node_columns};
use super::node_status::{failure, last_status, node_status_row};
use super::statement::{InList, texts};
use crate::Result;
use crate::bucket::NodeStatusRow;
use crate::status::{NodeDayHours, NodeDayRecord, ProbeBatch, StatusStore};

/// The columns of a day's record.
macro_rules! day_record_columns {
    () => {
        "d.observed_us, d.online_us, d.probes, d.failures, d.latency_sum_ms, d.latencies, d.last_at, \
         d.last_status, d.last_latency_ms, d.last_sample_failure, d.last_failure"
    };
}
pub(super) use day_record_columns;

/// Reads `day_record_columns!()`.
pub(super) fn day_record(columns: &mut Columns<'_>) -> Result<DayRecord> {
    Ok(DayRecord {
        observed_us: columns.number()?,
        online_us: columns.number()?,
        probes: columns.number()?,
        failures: columns.number()?,
        latency_sum_ms: columns.number()?,
        latencies: columns.read(LatencyHistogram::from_text)?,
        last: last_sample(columns)?,
        last_failure: failure(columns)?,
    })
}

fn last_sample(columns: &mut Columns<'_>) -> Result<Option<ProbeSample>> {
    let at = columns.optional_time()?;
    let status = last_status(columns)?;
    let latency_ms = columns.optional_narrow()?;
    let failure = failure(columns)?;
    Ok(at.zip(status).map(|(at, status)| ProbeSample { at, status, latency_ms, failure, version: None }))
}

#[async_trait]
impl StatusStore for SqlStore {
    async fn record_probes(&self, batch: &ProbeBatch) -> Result<usize> {
        self.record(batch).await
    }

    async fn node_statuses(&self, id: BucketId) -> Result<Vec<(Node, NodeStatusRow)>> {
        let sql = concat!(
            "SELECT ",
            node_columns!(),
            ", w.node_id, w.status, w.latency_ms, w.at, w.failure, w.since FROM bucket_words w \
             JOIN nodes n ON n.id = w.node_id WHERE w.bucket_id = $1 AND n.removed_at IS NULL"
        );
        let mut statuses = Vec::new();
        for row in self.rows(query(sql).bind(id.to_string())).await? {
            let mut columns = Columns::of(&row);
            statuses.push((node::read(&mut columns)?, node_status_row(&mut columns)?));
        }
        statuses.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(statuses)
    }

    async fn day_records(&self, id: BucketId, day: Day) -> Result<Vec<(Node, DayRecord)>> {
        let sql = concat!(
            "SELECT ",
            node_columns!(),
            ", ",
            day_record_columns!(),
            " FROM day_records d JOIN nodes n ON n.id = d.node_id \
             WHERE d.bucket_id = $1 AND d.day = $2 AND n.removed_at IS NULL"
        );
        let mut records = Vec::new();
        for row in self.rows(query(sql).bind(id.to_string()).bind(day.number())).await? {
            let mut columns = Columns::of(&row);
            records.push((node::read(&mut columns)?, day_record(&mut columns)?));
        }
        records.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(records)
    }

    async fn day_records_between(
        &self,
        ids: &[BucketId],
        first: Day,
        last: Day,
    ) -> Result<Vec<NodeDayRecord>> {
        let between = concat!(
            "SELECT d.bucket_id, d.day, d.node_id, ",
            day_record_columns!(),
            " FROM day_records d WHERE d.day >= $1 AND d.day <= $2 AND d.bucket_id IN ("
        );
        let list = InList::new(between, ")").number(first.number()).number(last.number());
        let read = |row: &Row| {
            let mut columns = Columns::of(row);
            Ok(NodeDayRecord {
                bucket_id: columns.parsed()?,
                day: Day::from_number(columns.number()?),
                node_id: columns.parsed()?,
                record: day_record(&mut columns)?,
            })
        };
        self.rows_in_list(&list, &texts(ids)).await?.iter().map(read).collect()
    }

    async fn hours_between(&self, ids: &[BucketId], first: Day, last: Day) -> Result<Vec<NodeDayHours>> {
        self.read_hours(ids, first, last).await
    }

    async fn purge_day_records(&self, before: Day, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM day_records WHERE (bucket_id, day, node_id) IN \
                   (SELECT bucket_id, day, node_id FROM day_records WHERE day < $1 LIMIT $2)";
        let removed = write.execute(query(sql).bind(before.number()).bind(i64::from(at_most))).await?;
        write.commit().await?;
        Ok(removed)
    }
}
