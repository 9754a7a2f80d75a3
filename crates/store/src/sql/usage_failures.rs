//! The traffic of buckets whose requests fail.

use bucketry_model::id::{BucketId, OrgId};
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::Row;
use super::statement::{InList, texts};
use crate::Result;
use crate::usage::FailingMinute;

/// The most minutes with failures that are read to find buckets. Each bucket has one per minute, node and repository.
const LOOKED_AT: i64 = 20_000;

fn failing_minute(row: &Row) -> Result<FailingMinute> {
    let mut columns = Columns::of(row);
    Ok(FailingMinute {
        bucket_id: columns.parsed()?,
        minute: columns.number()?,
        requests: columns.narrow()?,
        failed: columns.narrow()?,
    })
}

impl SqlStore {
    pub(super) async fn minutes_of_failing(
        &self,
        org_id: OrgId,
        first: i64,
        limit: u32,
    ) -> Result<Vec<FailingMinute>> {
        let sql = "SELECT s.bucket_id FROM usage_minutes u JOIN usage_series s ON s.number = u.series \
                   WHERE u.org_number = (SELECT o.number FROM usage_organizations o WHERE o.org_id = $1) \
                   AND u.minute >= $2 AND u.provider_errors > 0 ORDER BY u.minute DESC LIMIT $3";
        let select = query(sql).bind(org_id.to_string()).bind(first).bind(LOOKED_AT);
        let mut failing: Vec<BucketId> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for row in self.rows(select).await? {
            let id = Columns::of(&row).parsed()?;
            if failing.len() < limit as usize && known.insert(id) {
                failing.push(id);
            }
        }
        if failing.is_empty() {
            return Ok(Vec::new());
        }
        let list = InList::new(
            "SELECT s.bucket_id, u.minute, u.requests, u.provider_errors FROM usage_series s \
             JOIN usage_minutes u ON u.series = s.number AND u.minute >= $1 WHERE s.bucket_id IN (",
            ")",
        )
        .number(first);
        self.rows_in_list(&list, &texts(&failing)).await?.iter().map(failing_minute).collect()
    }
}
