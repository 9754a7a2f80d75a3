//! The names that buckets have at their providers, and their last use.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::time::Day;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::Row;
use super::readable::readable;
use super::statement::{InList, texts};
use crate::Result;
use crate::registration::{RegisteredName, RegisteredNames, RegistrationPosition, RegistrationStore};

fn registered_name(row: &Row) -> Result<RegisteredName> {
    let mut columns = Columns::of(row);
    Ok(RegisteredName { storage_type: columns.parsed()?, bucket: columns.text()?, id: columns.parsed()? })
}

fn position(row: &Row) -> Result<RegistrationPosition> {
    let mut columns = Columns::of(row);
    Ok(RegistrationPosition { storage_type: columns.text()?, bucket: columns.text()?, id: columns.parsed()? })
}

#[async_trait]
impl RegistrationStore for SqlStore {
    async fn registered_names(
        &self,
        org_id: OrgId,
        after: Option<&RegistrationPosition>,
        limit: u32,
    ) -> Result<RegisteredNames> {
        let sql = "SELECT b.storage_type, b.bucket, b.id FROM buckets b WHERE b.org_id = $1 AND b.deleted_at IS NULL \
                   AND (b.storage_type, b.bucket, b.id) > ($2, $3, $4) \
                   ORDER BY b.storage_type, b.bucket, b.id LIMIT $5";
        let (storage_type, bucket, id) = after.map_or_else(Default::default, |one| {
            (one.storage_type.clone(), one.bucket.clone(), one.id.to_string())
        });
        let select = query(sql)
            .bind(org_id.to_string())
            .bind(storage_type)
            .bind(bucket)
            .bind(id)
            .bind(i64::from(limit));
        let rows = self.rows(select).await?;
        let last = rows.last().filter(|_| rows.len() >= limit as usize);
        Ok(RegisteredNames {
            names: readable(&rows, registered_name)?,
            next: last.map(position).transpose()?,
        })
    }

    async fn last_days_of_use(&self, ids: &[BucketId]) -> Result<Vec<(BucketId, Day)>> {
        let list = InList::new(
            "SELECT s.bucket_id, s.day FROM usage_series s WHERE s.total_requests > 0 AND s.bucket_id IN (",
            ")",
        );
        let mut last: BTreeMap<BucketId, i64> = BTreeMap::new();
        for row in self.rows_in_list(&list, &texts(ids)).await? {
            let mut columns = Columns::of(&row);
            let (id, day) = (columns.parsed()?, columns.number()?);
            let known = last.entry(id).or_insert(day);
            *known = day.max(*known);
        }
        Ok(last.into_iter().map(|(id, day)| (id, Day::from_number(day))).collect())
    }
}
