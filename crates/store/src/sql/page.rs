//! Pages of newest-first lists. A page reads only as many rows as it shows, in the order of an index: that of the
//! organization, of the workspace, or of several workspaces merged.

use std::cmp::Reverse;

use bucketry_model::id::{OrgId, WorkspaceId};
use bucketry_model::role::Visibility;
use bucketry_model::time::to_micros;
use sqlx::{AssertSqlSafe, query};

use super::SqlStore;
use super::dialect::{Row, part_of_union};
use crate::Result;
use crate::bucket::{BucketQuery, PageStart};

/// The largest number of workspaces that one statement merges. If there are more, the pages of several statements
/// are merged here.
pub(super) const MERGED_AT_ONCE: usize = 64;

/// What a list shows: the statement up to its conditions, the alias of the listed table, and the condition on its
/// rows apart from being live and visible.
#[derive(Clone, Copy)]
pub(super) struct Select {
    pub(super) sql: &'static str,
    pub(super) table: &'static str,
    pub(super) condition: &'static str,
}

/// Which part of the list to read.
pub(super) struct PageQuery<'a> {
    org_id: OrgId,
    visible: &'a Visibility,
    after: (i64, String),
    limit: u32,
}

impl<'a> PageQuery<'a> {
    pub(super) fn new<Id: ToString>(
        org_id: OrgId,
        visible: &'a Visibility,
        after: Option<&PageStart<Id>>,
        limit: u32,
    ) -> Self {
        // "~" sorts after every id, so this position is before the first page.
        let after = after
            .map_or((i64::MAX, "~".to_owned()), |start| (to_micros(start.created_at), start.id.to_string()));
        Self { org_id, visible, after, limit }
    }

    pub(super) fn of_buckets(query: &'a BucketQuery) -> Self {
        Self::new(query.org_id, &query.visible, query.after.as_ref(), query.limit)
    }
}

impl SqlStore {
    /// Reads a page. `sort_key` returns what the list is ordered by.
    pub(super) async fn page<T, K: Ord>(
        &self,
        select: Select,
        page: &PageQuery<'_>,
        read: impl Fn(&Row) -> Result<T>,
        sort_key: impl Fn(&T) -> K,
    ) -> Result<Vec<T>> {
        let after = &page.after;
        let workspaces = match page.visible {
            Visibility::Organization => {
                let statement = |limit: i64| {
                    let statement = query(AssertSqlSafe(of_org(select))).bind(after.0).bind(after.1.clone());
                    statement.bind(limit).bind(page.org_id.to_string())
                };
                return self.readable_page(page.limit, statement, read).await;
            }
            Visibility::Workspaces(workspaces) => workspaces,
        };
        let mut found = Vec::new();
        for merged in workspaces.chunks(MERGED_AT_ONCE) {
            let statement = |limit: i64| {
                let statement = query(AssertSqlSafe(of_workspaces(select, merged)))
                    .bind(after.0)
                    .bind(after.1.clone())
                    .bind(limit)
                    .bind(page.org_id.to_string());
                merged.iter().fold(statement, |statement, workspace| statement.bind(workspace.to_string()))
            };
            found.append(&mut self.readable_page(page.limit, statement, &read).await?);
        }
        if workspaces.len() > MERGED_AT_ONCE {
            found.sort_by_key(|one| Reverse(sort_key(one)));
            found.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        }
        Ok(found)
    }
}

fn of_org(Select { sql, table, condition }: Select) -> String {
    format!(
        "{sql} WHERE {table}.org_id = $4 AND {table}.deleted_at IS NULL{condition} \
         AND ({table}.created_at, {table}.id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3"
    )
}

// Each part is read in the order of its index, and no further than the merged page needs.
fn of_workspaces(Select { sql, table, condition }: Select, workspaces: &[WorkspaceId]) -> String {
    const ORDER: &str = " ORDER BY created_at DESC, id DESC LIMIT $3";
    let mut merged = String::new();
    for index in 0..workspaces.len() {
        let part = format!(
            "{sql} WHERE {table}.workspace_id = ${} AND {table}.deleted_at IS NULL{condition} \
             AND {table}.org_id = $4 AND ({table}.created_at, {table}.id) < ($1, $2)",
            index + 5
        );
        merged.push_str(if index == 0 { "" } else { " UNION ALL " });
        merged.push_str(&if workspaces.len() == 1 { part } else { part_of_union(&part, ORDER) });
    }
    merged.push_str(ORDER);
    merged
}
