//! Lists of buckets and of their totals. `page` completes the statements here with visibility, order and limit.

use std::collections::HashMap;

use bucketry_model::id::{BucketId, OrgId};
use jiff::Timestamp;

use super::SqlStore;
use super::bucket::{bucket_columns, location_columns, without_secret};
use super::columns::Columns;
use super::dialect::Row;
use super::inventory::measured_size;
use super::node_status::node_status_row;
use super::page::{PageQuery, Select};
use super::readable::readable;
use super::statement::{InList, texts};
use crate::Result;
use crate::bucket::{BucketQuery, ListedBucket, NodeStatusRow, PageStart};
use crate::usage::{ListedTotals, UsageStore as _};

macro_rules! select_listed_buckets {
    () => {
        concat!(
            "SELECT ",
            bucket_columns!(),
            ", b.sealed_to IS NOT NULL AS has_secret, z.objects, z.bytes, z.measured_at \
             FROM buckets b LEFT JOIN bucket_sizes z ON z.bucket_id = b.id"
        )
    };
}

const BUCKETS: Select = Select { sql: select_listed_buckets!(), table: "b", condition: "" };
const AVAILABLE: Select = Select {
    condition: " AND NOT EXISTS (SELECT 1 FROM repository_buckets p JOIN repositories r ON r.id = p.repo_id \
                WHERE p.bucket_id = b.id AND r.mode = 'MIRROR')",
    ..BUCKETS
};
const PAGE_STARTS: Select =
    Select { sql: "SELECT b.id, b.created_at FROM buckets b", table: "b", condition: "" };

impl SqlStore {
    /// A page of buckets with the reports of nodes.
    pub(super) async fn list(&self, page: &BucketQuery) -> Result<Vec<ListedBucket>> {
        let listed = self.page(BUCKETS, &PageQuery::of_buckets(page), listed_bucket, sort_key).await?;
        self.with_statuses(listed).await
    }

    /// A page of buckets that no repository of mode MIRROR contains, with the reports of nodes.
    pub(super) async fn list_available(&self, page: &BucketQuery) -> Result<Vec<ListedBucket>> {
        let listed = self.page(AVAILABLE, &PageQuery::of_buckets(page), listed_bucket, sort_key).await?;
        self.with_statuses(listed).await
    }

    /// The given buckets that are live and in the organization.
    pub(super) async fn list_among(&self, org_id: OrgId, ids: &[BucketId]) -> Result<Vec<ListedBucket>> {
        let among = concat!(select_listed_buckets!(), " WHERE b.deleted_at IS NULL AND b.id IN (");
        let rows = self.rows_in_list(&InList::new(among, ")"), &texts(ids)).await?;
        let mut listed = readable(&rows, listed_bucket)?;
        listed.retain(|one| one.bucket.org_id == org_id);
        self.with_statuses(listed).await
    }

    async fn with_statuses(&self, mut listed: Vec<ListedBucket>) -> Result<Vec<ListedBucket>> {
        let mut statuses = self.statuses_of(listed.iter().map(|one| one.bucket.id)).await?;
        for one in &mut listed {
            one.nodes = statuses.remove(&one.bucket.id).unwrap_or_default();
        }
        Ok(listed)
    }

    /// A page of totals.
    pub(super) async fn list_totals(&self, page: &BucketQuery) -> Result<Vec<ListedTotals>> {
        let sort_key = |one: &PageStart| (one.created_at, one.id);
        let starts = self.page(PAGE_STARTS, &PageQuery::of_buckets(page), page_start, sort_key).await?;
        let ids: Vec<BucketId> = starts.iter().map(|sort_key| sort_key.id).collect();
        let counted = self.usage_totals_of(&ids).await?;
        let with_totals = |(position, (_, totals))| ListedTotals { position, totals };
        Ok(starts.into_iter().zip(counted).map(with_totals).collect())
    }

    /// The latest report of each node on each of the buckets.
    pub(super) async fn statuses_of(
        &self,
        buckets: impl Iterator<Item = BucketId>,
    ) -> Result<HashMap<BucketId, Vec<NodeStatusRow>>> {
        let list = InList::new(
            "SELECT bucket_id, node_id, status, latency_ms, at, failure, since FROM bucket_words \
             WHERE bucket_id IN (",
            ")",
        );
        let mut statuses: HashMap<BucketId, Vec<NodeStatusRow>> = HashMap::new();
        let read = |row: &Row| {
            let mut columns = Columns::of(row);
            let bucket: BucketId = columns.parsed()?;
            Ok((bucket, node_status_row(&mut columns)?))
        };
        for (bucket, status) in readable(&self.rows_in_list(&list, &texts(buckets)).await?, read)? {
            statuses.entry(bucket).or_default().push(status);
        }
        Ok(statuses)
    }
}

fn sort_key(one: &ListedBucket) -> (Timestamp, BucketId) {
    (one.bucket.created_at, one.bucket.id)
}

fn listed_bucket(row: &Row) -> Result<ListedBucket> {
    let mut columns = Columns::of(row);
    Ok(ListedBucket {
        bucket: without_secret(&mut columns)?,
        has_secret: columns.flag()?,
        size: measured_size(&mut columns)?,
        nodes: Vec::new(),
    })
}

fn page_start(row: &Row) -> Result<PageStart> {
    let mut columns = Columns::of(row);
    Ok(PageStart { id: columns.parsed()?, created_at: columns.time()? })
}
