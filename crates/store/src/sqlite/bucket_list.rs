//! Pages of buckets and of their totals, newest first. A page reads as many rows as it shows, in the order of an
//! index: of the organization, of the workspace, or of several workspaces merged.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;

use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::role::Visibility;
use bucketry_model::time::to_micros;
use bucketry_model::usage::UsageTotals;
use sqlx::{AssertSqlSafe, query};

use super::SqliteStore;
use super::bucket::{bucket_columns, location_columns, without_secret};
use super::columns::Columns;
use super::dialect::Row;
use super::statement::{InList, texts};
use super::status::{failure, node_status};
use crate::Result;
use crate::bucket::{BucketQuery, ListedBucket, NodeWord, PageStart};
use crate::usage::ListedTotals;

/// The most workspaces that one statement merges; the pages of more statements are merged here.
const MERGED_AT_ONCE: usize = 64;

const BUCKETS: &str =
    concat!("SELECT ", bucket_columns!(), ", b.sealed_to IS NOT NULL AS has_secret FROM buckets b");
const TOTALS: &str = "SELECT b.id, b.created_at, COALESCE(t.requests, 0) AS requests, \
    COALESCE(t.upload_bytes, 0) AS upload_bytes, COALESCE(t.download_bytes, 0) AS download_bytes, \
    COALESCE(t.size_change, 0) AS size_change FROM buckets b LEFT JOIN usage_totals t ON t.bucket_id = b.id";

impl SqliteStore {
    /// A page of buckets with what nodes say of them.
    pub(super) async fn list(&self, page: &BucketQuery) -> Result<Vec<ListedBucket>> {
        let mut listed =
            self.page(BUCKETS, page, listed_bucket, |one| (one.bucket.created_at, one.bucket.id)).await?;
        let mut words = self.words_of(listed.iter().map(|one| one.bucket.id)).await?;
        for one in &mut listed {
            one.nodes = words.remove(&one.bucket.id).unwrap_or_default();
        }
        Ok(listed)
    }

    /// A page of totals.
    pub(super) async fn list_totals(&self, page: &BucketQuery) -> Result<Vec<ListedTotals>> {
        self.page(TOTALS, page, listed_totals, |one| (one.position.created_at, one.position.id)).await
    }

    async fn page<T, K: Ord>(
        &self,
        select: &str,
        page: &BucketQuery,
        read: impl Fn(&Row) -> Result<T>,
        place: impl Fn(&T) -> K,
    ) -> Result<Vec<T>> {
        // "~" sorts after every id, so the first page begins after the end of time.
        let after = page
            .after
            .map_or((i64::MAX, "~".to_owned()), |start| (to_micros(start.created_at), start.id.to_string()));
        let limit = i64::from(page.limit);
        let workspaces = match &page.visible {
            Visibility::Organization => {
                let sql = AssertSqlSafe(of_org(select));
                let statement =
                    query(sql).bind(after.0).bind(after.1).bind(limit).bind(page.org_id.to_string());
                return self.rows(statement).await?.iter().map(read).collect();
            }
            Visibility::Workspaces(workspaces) => workspaces,
        };
        let mut found = Vec::new();
        for merged in workspaces.chunks(MERGED_AT_ONCE) {
            let mut statement = query(AssertSqlSafe(of_workspaces(select, merged)))
                .bind(after.0)
                .bind(after.1.clone())
                .bind(limit)
                .bind(page.org_id.to_string());
            for workspace in merged {
                statement = statement.bind(workspace.to_string());
            }
            for row in self.rows(statement).await? {
                found.push(read(&row)?);
            }
        }
        if workspaces.len() > MERGED_AT_ONCE {
            found.sort_by_key(|one| Reverse(place(one)));
            found.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        }
        Ok(found)
    }

    async fn words_of(
        &self,
        buckets: impl Iterator<Item = BucketId>,
    ) -> Result<HashMap<BucketId, Vec<NodeWord>>> {
        let list = InList::new(
            "SELECT bucket_id, node_id, status, latency_ms, at, failure FROM bucket_words WHERE bucket_id IN (",
            ")",
        );
        let mut words: HashMap<BucketId, Vec<NodeWord>> = HashMap::new();
        for row in self.rows_in_list(&list, &texts(buckets)).await? {
            let mut columns = Columns::of(&row);
            let bucket = columns.parsed()?;
            words.entry(bucket).or_default().push(node_word(&mut columns)?);
        }
        Ok(words)
    }
}

fn of_org(select: &str) -> String {
    format!(
        "{select} WHERE b.org_id = $4 AND b.deleted_at IS NULL AND (b.created_at, b.id) < ($1, $2) \
         ORDER BY created_at DESC, id DESC LIMIT $3"
    )
}

// Each part is read in the order of its index and no further than the merged page needs.
fn of_workspaces(select: &str, workspaces: &[WorkspaceId]) -> String {
    let mut sql = String::new();
    for index in 0..workspaces.len() {
        let union = if index == 0 { "" } else { " UNION ALL " };
        // Writing to a string can't fail.
        let _ = write!(
            sql,
            "{union}{select} WHERE b.workspace_id = ${} AND b.deleted_at IS NULL AND b.org_id = $4 \
             AND (b.created_at, b.id) < ($1, $2)",
            index + 5
        );
    }
    sql.push_str(" ORDER BY created_at DESC, id DESC LIMIT $3");
    sql
}

fn listed_bucket(row: &Row) -> Result<ListedBucket> {
    let mut columns = Columns::of(row);
    Ok(ListedBucket { bucket: without_secret(&mut columns)?, has_secret: columns.flag()?, nodes: Vec::new() })
}

fn listed_totals(row: &Row) -> Result<ListedTotals> {
    let mut columns = Columns::of(row);
    let id = columns.parsed()?;
    let position = PageStart { id, created_at: columns.time()? };
    Ok(ListedTotals { position, totals: totals(&mut columns)? })
}

/// Reads `requests, upload_bytes, download_bytes, size_change`.
pub(super) fn totals(columns: &mut Columns<'_>) -> Result<UsageTotals> {
    Ok(UsageTotals {
        requests: columns.number()?,
        upload_bytes: columns.number()?,
        download_bytes: columns.number()?,
        size_change: columns.number()?,
    })
}

/// Reads `node_id, status, latency_ms, at, failure`.
pub(super) fn node_word(columns: &mut Columns<'_>) -> Result<NodeWord> {
    Ok(NodeWord {
        node_id: columns.parsed()?,
        status: columns.read(node_status)?,
        latency_ms: columns.optional_narrow()?,
        at: columns.time()?,
        failure: failure(columns)?,
    })
}
