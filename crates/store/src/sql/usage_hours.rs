//! Pages of traffic by hour, newest first. A page is read in the order of an index: that of the organization, or that
//! of the visible workspaces, merged.

use std::cmp::Reverse;
use std::fmt::Write as _;

use bucketry_model::id::WorkspaceId;
use bucketry_model::role::Visibility;
use sqlx::{AssertSqlSafe, query};

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Row, part_of_union};
use super::usage_series::counts;
use crate::Result;
use crate::usage::{HourPoint, HourPosition, HourQuery};

/// The largest number of workspaces that one statement merges. If there are more, the pages of several statements are
/// merged here.
const MERGED_AT_ONCE: usize = 64;

const COLUMNS: &str = "SELECT u.hour, u.workspace_id, u.node_id, \
                       (SELECT n.name FROM nodes n WHERE n.id = u.node_id) AS host, \
                       u.requests, u.errors, u.reads, u.writes, u.lists, u.provider_errors, u.upload_bytes, \
                       u.download_bytes, u.size_change, u.latency_sum_ms, u.first_byte_sum_ms FROM usage_hours u WHERE ";
/// The parameters are: first hour, last hour, previous position (hour, workspace, node), limit.
const RANGE: &str =
    " AND u.hour >= $1 AND u.hour <= $2 AND (u.hour, u.workspace_id, u.node_id) < ($3, $4, $5)";
const ORDER: &str = " ORDER BY hour DESC, workspace_id DESC, node_id DESC LIMIT $6";

/// The condition on an organization.
const OF_ORGANIZATION: &str =
    "u.org_number = (SELECT o.number FROM usage_organizations o WHERE o.org_id = $7)";

/// The statement of a page for as many workspaces.
fn sql_of_workspaces(count: usize) -> String {
    let part = |index: usize| format!("{COLUMNS}u.workspace_id = ${}{RANGE}", index + 7);
    if count == 1 {
        return part(0) + ORDER;
    }
    let mut sql = String::new();
    for index in 0..count {
        let union = if index == 0 { "" } else { " UNION ALL " };
        // Writing to a string can't fail.
        let _ = write!(sql, "{union}{}", part_of_union(&part(index), ORDER));
    }
    sql + ORDER
}

impl SqlStore {
    /// Implements `UsageStore::usage_hours`.
    pub(super) async fn hours(&self, page: &HourQuery) -> Result<Vec<HourPoint>> {
        let workspaces = match &page.visible {
            Visibility::Organization => {
                let sql = format!("{COLUMNS}{OF_ORGANIZATION}{RANGE}{ORDER}");
                return self.hour_page(page, sql, &[page.org_id.to_string()]).await;
            }
            Visibility::Workspaces(workspaces) => workspaces,
        };
        let mut found = Vec::new();
        for merged in workspaces.chunks(MERGED_AT_ONCE) {
            let values: Vec<String> = merged.iter().map(WorkspaceId::to_string).collect();
            found.append(&mut self.hour_page(page, sql_of_workspaces(merged.len()), &values).await?);
        }
        if workspaces.len() > MERGED_AT_ONCE {
            found.sort_by_key(|point| Reverse(point.position));
            found.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        }
        Ok(found)
    }

    async fn hour_page(&self, page: &HourQuery, sql: String, of: &[String]) -> Result<Vec<HourPoint>> {
        // The first page begins after the end of time.
        let (at, workspace, node) = page.after.map_or((i64::MAX, String::new(), String::new()), |after| {
            (after.at, after.workspace_id.to_string(), after.node_id.to_string())
        });
        // Also stated apart from the row comparison, because every index can use it in this form.
        let last = page.last.min(at);
        let mut statement = query(AssertSqlSafe(sql))
            .bind(page.first)
            .bind(last)
            .bind(at)
            .bind(workspace)
            .bind(node)
            .bind(i64::from(page.limit));
        for value in of {
            statement = statement.bind(value.clone());
        }
        self.rows(statement).await?.iter().map(point).collect()
    }
}

fn point(row: &Row) -> Result<HourPoint> {
    let mut columns = Columns::of(row);
    Ok(HourPoint {
        position: HourPosition {
            at: columns.number()?,
            workspace_id: columns.parsed()?,
            node_id: columns.parsed()?,
        },
        host: columns.optional_text()?.unwrap_or_default(),
        counts: counts(&mut columns)?,
    })
}
