//! Lists of records, newest first. A page reads the records that it shows in the order of the index that fits the
//! filter best, and those that other filters leave out.

use std::fmt::Write as _;

use bucketry_model::audit::AuditRecord;
use bucketry_model::time::to_micros;
use sqlx::AssertSqlSafe;

use super::SqlStore;
use super::audit::record;
use super::audit_row::record_columns;
use super::columns::Columns;
use super::dialect::{Query, part_of_union};
use crate::Result;
use crate::audit::{AuditFilter, AuditQuery, AuditScope};

/// The largest number of workspaces whose records are merged. With more, the organization's records are read instead.
const MOST_MERGED: usize = 64;

const ORDER: &str = " ORDER BY at DESC, id DESC";

/// A parameter of a statement.
enum FilterValue {
    Text(String),
    Number(i64),
}

/// A condition that grows, with its parameters.
#[derive(Default)]
struct FilterSql {
    sql: String,
    parameters: Vec<FilterValue>,
}

impl FilterSql {
    /// Adds `before`, the next parameter, and `after`.
    fn add(&mut self, before: &str, parameter: FilterValue, after: &str) {
        self.parameters.push(parameter);
        // Writing to a string can't fail.
        _ = write!(self.sql, "{before}${}{after}", self.parameters.len());
    }

    fn text(&mut self, before: &str, text: impl ToString) {
        self.add(before, FilterValue::Text(text.to_string()), "");
    }

    fn number(&mut self, before: &str, number: i64) {
        self.add(before, FilterValue::Number(number), "");
    }

    fn query(self, sql: String) -> Query<'static> {
        self.parameters.into_iter().fold(
            sqlx::query(AssertSqlSafe(sql)),
            |query, parameter| match parameter {
                FilterValue::Text(text) => query.bind(text),
                FilterValue::Number(number) => query.bind(number),
            },
        )
    }
}

fn filter(conditions: &mut FilterSql, filter: &AuditFilter) {
    if let Some(kind) = filter.kind {
        conditions.number(" AND kind = ", kind.number());
    }
    if let Some(action) = filter.action {
        conditions.number(" AND action = ", action.number());
    }
    if let Some(user_id) = filter.user_id {
        conditions.text(" AND user_id = ", user_id);
    }
    if let Some(target_id) = &filter.target_id {
        conditions.text(" AND target_id = ", target_id);
    }
    if let Some(target_name) = &filter.target_name {
        conditions.text(" AND LOWER(target_name) = ", target_name);
    }
    if let Some(workspace_id) = filter.workspace_id {
        conditions.text(" AND workspace_id = ", workspace_id);
    }
    match filter.refused {
        None => {}
        Some(true) => conditions.sql.push_str(" AND status IS NOT NULL"),
        Some(false) => conditions.sql.push_str(" AND status IS NULL"),
    }
    if let Some(since) = filter.since {
        conditions.number(" AND at >= ", to_micros(since));
    }
    if let Some(until) = filter.until {
        conditions.number(" AND at < ", to_micros(until));
    }
    if filter.only_public {
        conditions.sql.push_str(" AND status IS NULL AND kind < 100 AND action < 100");
    }
    if let Some(user_id) = filter.unread_by {
        conditions.add(
            " AND NOT EXISTS (SELECT 1 FROM audit_reads r WHERE r.audit_id = audit.id AND r.user_id = ",
            FilterValue::Text(user_id.to_string()),
            ")",
        );
    }
}

/// The statement for a page of these columns, up to its order: one part for the whole organization, or one for the
/// user and one per workspace. The parts have no record in common.
fn page(query: &AuditQuery, columns: &str, rows: i64) -> (String, FilterSql) {
    let mut all = FilterSql::default();
    let (user_id, workspaces) = match &query.scope {
        AuditScope::Organization => (None, &[][..]),
        AuditScope::Own { user_id, workspaces } => (Some(*user_id), workspaces.as_slice()),
    };
    all.parameters.push(FilterValue::Number(rows));
    let is_merged = workspaces.len() <= MOST_MERGED;
    let parts = if is_merged { 1 + workspaces.len() } else { 1 };
    let mut merged = String::new();
    for part in 0..parts {
        all.text(" WHERE org_id = ", query.org_id);
        match (part.checked_sub(1).and_then(|index| workspaces.get(index)), user_id) {
            (Some(workspace), Some(user_id)) => {
                all.text(" AND workspace_id = ", workspace);
                all.text(" AND (user_id IS NULL OR user_id <> ", user_id);
                all.sql.push(')');
            }
            (_, Some(user_id)) if is_merged => all.text(" AND user_id = ", user_id),
            (_, Some(user_id)) => {
                all.text(" AND (user_id = ", user_id);
                for (index, workspace) in workspaces.iter().enumerate() {
                    all.text(if index == 0 { " OR workspace_id IN (" } else { ", " }, workspace);
                }
                all.sql.push_str("))");
            }
            (_, None) => {}
        }
        filter(&mut all, &query.filter);
        if let Some(after) = query.after {
            all.number(" AND (at, id) < (", to_micros(after.at));
            all.add(", ", FilterValue::Number(after.id), ")");
        }
        let select = format!("SELECT {columns} FROM audit{}", std::mem::take(&mut all.sql));
        merged.push_str(if part == 0 { "" } else { " UNION ALL " });
        merged.push_str(&if parts == 1 {
            select
        } else {
            part_of_union(&select, &format!("{ORDER} LIMIT $1"))
        });
    }
    merged.push_str(ORDER);
    merged.push_str(" LIMIT $1");
    (merged, all)
}

impl SqlStore {
    pub(super) async fn audit_page(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>> {
        // What is skipped is read, too, and left out here: a merged list would have to read it anyway.
        let rows = i64::from(query.skip) + i64::from(query.limit);
        let (sql, conditions) = page(query, record_columns!(), rows);
        let rows = self.rows(conditions.query(sql)).await?;
        rows.iter().skip(usize::try_from(query.skip).unwrap_or(usize::MAX)).map(record).collect()
    }

    pub(super) async fn audit_count(&self, query: &AuditQuery, at_most: u32) -> Result<u64> {
        let (sql, conditions) = page(query, "id, at", i64::from(at_most));
        let sql = format!("SELECT COUNT(*) FROM ({sql}) counted");
        self.row(conditions.query(sql)).await?.map_or(Ok(0), |row| Columns::of(&row).narrow())
    }
}
