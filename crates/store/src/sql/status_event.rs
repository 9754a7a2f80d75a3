//! Changes of the status of buckets. A page reads only as many rows as it shows, in the order of an index: that of
//! the bucket, or those of the statuses in the organization or in one or several workspaces, merged.

use std::cmp::Reverse;
use std::fmt::Write as _;

use async_trait::async_trait;
use bucketry_model::id::{BucketId, OrgId, WorkspaceId};
use bucketry_model::role::Visibility;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::status_event::StatusEvent;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, query};

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Row, part_of_union};
use super::node_status::{failure, failure_text, node_status};
use super::statement::{Rows, Write};
use crate::Result;
use crate::status_event::{EventPosition, EventQuery, EventScope, StatusEventStore};

/// The largest number of workspaces that one statement merges, each with two statuses. If there are more, the pages of several statements
/// are merged here.
const MERGED_AT_ONCE: usize = 32;

const COLUMNS: &str = "SELECT e.number, e.bucket_id, e.workspace_id, e.node_id, e.at, e.from_status, e.to_status, \
                       e.failure, e.version FROM status_events e WHERE ";
/// Newest first. The parameters are: latest position (time and number), earliest time, limit.
const RANGE: &str = " AND (e.at, e.number) < ($1, $2) AND e.at >= $3";
const ORDER: &str = " ORDER BY at DESC, number DESC LIMIT $4";

const INSERT: Rows<'static> = Rows {
    before: "INSERT INTO status_events (number, org_id, workspace_id, bucket_id, node_id, at, from_status, to_status, \
             failure, version) ",
    columns: 10,
    after: "",
};

/// A change of a bucket's status that isn't stored yet.
pub(super) struct NewStatusEvent {
    pub(super) org_id: OrgId,
    pub(super) workspace_id: WorkspaceId,
    pub(super) bucket_id: BucketId,
    pub(super) at: Timestamp,
    pub(super) from: Option<ProbedStatus>,
    pub(super) to: ProbedStatus,
    pub(super) failure: Option<ProbeFailure>,
    pub(super) version: i64,
}

/// Stores the changes that a node found. Locks the counter of numbers, so it must come after everything else that
/// the transaction locks, except its change events.
pub(super) async fn insert(write: &mut Write, node: &str, events: &[NewStatusEvent]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let sql = "INSERT INTO event_numbers (id, last_number) VALUES (1, $1) ON CONFLICT (id) DO UPDATE \
               SET last_number = event_numbers.last_number + excluded.last_number RETURNING last_number";
    let row = write.row(query(sql).bind(count)).await?;
    let last = row.map_or(Ok(count), |row| Columns::of(&row).number())?;
    let numbered: Vec<_> = (last - count + 1..).zip(events).collect();
    let bind = |values: super::row_values::RowValues, (number, event): &(i64, &NewStatusEvent)| {
        values
            .bind(*number)
            .bind(event.org_id.to_string())
            .bind(event.workspace_id.to_string())
            .bind(event.bucket_id.to_string())
            .bind(node.to_owned())
            .bind(to_micros(event.at))
            .bind(event.from.map(ProbedStatus::as_str))
            .bind(event.to.as_str())
            .bind(failure_text(event.failure.as_ref()))
            .bind(event.version)
    };
    write.insert_rows(&INSERT, &numbered, bind).await.map(|_| ())
}

fn event(row: &Row) -> Result<StatusEvent> {
    let mut columns = Columns::of(row);
    Ok(StatusEvent {
        number: columns.number()?,
        bucket_id: columns.parsed()?,
        workspace_id: columns.parsed()?,
        node_id: columns.parsed()?,
        at: columns.time()?,
        from: columns.optional_read(node_status)?,
        to: columns.read(node_status)?,
        failure: failure(&mut columns)?,
        version: columns.number()?,
    })
}

/// The first position that a page may contain.
fn latest(query: &EventQuery) -> EventPosition {
    let after = query.after.unwrap_or(EventPosition { at: i64::MAX, number: i64::MAX });
    let until = query.until.map_or(i64::MAX, |until| to_micros(until).saturating_add(1));
    after.min(EventPosition { at: until, number: i64::MIN })
}

/// The statement of a page for the conditions on the rows, one per index that is read.
fn page(conditions: &[String]) -> String {
    if let [condition] = conditions {
        return format!("{COLUMNS}{condition}{RANGE}{ORDER}");
    }
    let mut sql = String::new();
    for (index, condition) in conditions.iter().enumerate() {
        sql.push_str(if index == 0 { "" } else { " UNION ALL " });
        // Writing to a string can't fail.
        let _ = write!(sql, "{}", part_of_union(&format!("{COLUMNS}{condition}{RANGE}"), ORDER));
    }
    sql + ORDER
}

/// The conditions for each status that is listed. Except for that of a bucket, the indexes contain the status, so that a
/// list of a rare one doesn't read all others.
fn of_statuses(query: &EventQuery, conditions: &[String]) -> Vec<String> {
    let both = [ProbedStatus::Online, ProbedStatus::Offline];
    let statuses = match (&query.to, &query.scope) {
        (Some(to), _) => std::slice::from_ref(to),
        (None, EventScope::Bucket(_)) => return conditions.to_vec(),
        (None, EventScope::Visible(_)) => &both[..],
    };
    let with = |condition: &String| {
        statuses.iter().map(move |to| format!("{condition} AND e.to_status = '{}'", to.as_str())).collect()
    };
    conditions.iter().flat_map::<Vec<String>, _>(with).collect()
}

impl SqlStore {
    async fn event_page(
        &self,
        page_query: &EventQuery,
        conditions: &[String],
        values: &[String],
    ) -> Result<Vec<StatusEvent>> {
        let latest = latest(page_query);
        let conditions = of_statuses(page_query, conditions);
        let statement = |limit: i64| {
            let statement = query(AssertSqlSafe(page(&conditions)))
                .bind(latest.at)
                .bind(latest.number)
                .bind(page_query.since.map_or(i64::MIN, to_micros))
                .bind(limit)
                .bind(page_query.org_id.to_string());
            values.iter().fold(statement, |statement, value| statement.bind(value.clone()))
        };
        self.readable_page(page_query.limit, statement, event).await
    }
}

#[async_trait]
impl StatusEventStore for SqlStore {
    async fn status_events(&self, query: &EventQuery) -> Result<Vec<StatusEvent>> {
        let workspaces = match &query.scope {
            EventScope::Bucket(bucket) => {
                let condition = "e.org_id = $5 AND e.bucket_id = $6".to_owned();
                return self.event_page(query, &[condition], &[bucket.to_string()]).await;
            }
            EventScope::Visible(Visibility::Organization) => {
                return self.event_page(query, &["e.org_id = $5".to_owned()], &[]).await;
            }
            EventScope::Visible(Visibility::Workspaces(workspaces)) => workspaces,
        };
        let mut found = Vec::new();
        for merged in workspaces.chunks(MERGED_AT_ONCE) {
            let condition = |index: usize| format!("e.org_id = $5 AND e.workspace_id = ${}", index + 6);
            let conditions: Vec<String> = (0..merged.len()).map(condition).collect();
            let values: Vec<String> = merged.iter().map(ToString::to_string).collect();
            found.append(&mut self.event_page(query, &conditions, &values).await?);
        }
        if workspaces.len() > MERGED_AT_ONCE {
            found.sort_by_key(|event| Reverse(EventPosition::of(event)));
            found.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
        }
        Ok(found)
    }

    async fn purge_status_events(&self, before: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM status_events WHERE number IN \
                   (SELECT e.number FROM status_events e WHERE e.at < $1 LIMIT $2)";
        let removed = write.execute(query(sql).bind(to_micros(before)).bind(i64::from(at_most))).await?;
        write.commit().await?;
        Ok(removed)
    }
}
