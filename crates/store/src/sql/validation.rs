//! Validations that any control plane may show.

use async_trait::async_trait;
use bucketry_model::id::{OrgId, ValidationId};
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::{Columns, stored};
use crate::Result;
use crate::signal::Signal;
use crate::validation::{StoredValidation, ValidationStore};

#[async_trait]
impl ValidationStore for SqlStore {
    async fn add_validation(&self, validation: &StoredValidation, at_most: u32) -> Result<()> {
        let mut write = self.write().await?;
        let sql =
            "INSERT INTO validations (id, org_id, revision, state, valid_until) VALUES ($1, $2, $3, $4, $5)";
        let insert = query(sql).bind(validation.id.to_string()).bind(validation.org_id.to_string());
        let insert = insert.bind(stored(validation.revision)).bind(validation.state.as_str());
        write.execute(insert.bind(to_micros(validation.valid_until))).await?;
        let trim = "DELETE FROM validations WHERE id IN (SELECT v.id FROM validations v WHERE v.org_id = $1 \
                    ORDER BY v.id DESC LIMIT 1000 OFFSET $2)";
        let of_org = query(trim).bind(validation.org_id.to_string());
        write.execute(of_org.bind(i64::from(at_most))).await?;
        write.commit().await
    }

    async fn update_validation(&self, validation: &StoredValidation) -> Result<()> {
        let mut write = self.write().await?;
        let sql = "UPDATE validations SET revision = $2, state = $3, valid_until = $4 \
                   WHERE id = $1 AND revision <= $2";
        let update = query(sql).bind(validation.id.to_string()).bind(stored(validation.revision));
        let update = update.bind(validation.state.as_str()).bind(to_micros(validation.valid_until));
        let updated = write.execute(update).await?;
        write.signal(Signal::ValidationMoved(validation.id));
        write.commit_if(updated > 0).await
    }

    async fn validation(&self, org_id: OrgId, id: ValidationId) -> Result<Option<StoredValidation>> {
        let sql =
            "SELECT v.revision, v.state, v.valid_until FROM validations v WHERE v.id = $1 AND v.org_id = $2";
        let row = self.row(query(sql).bind(id.to_string()).bind(org_id.to_string())).await?;
        let Some(row) = row else { return Ok(None) };
        let mut columns = Columns::of(&row);
        Ok(Some(StoredValidation {
            id,
            org_id,
            revision: columns.narrow()?,
            state: columns.text()?,
            valid_until: columns.time()?,
        }))
    }

    async fn purge_validations(&self, before: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM validations WHERE id IN (SELECT v.id FROM validations v WHERE v.valid_until < $1 \
                   ORDER BY v.valid_until LIMIT $2)";
        let removed = write.execute(query(sql).bind(to_micros(before)).bind(i64::from(at_most))).await?;
        write.commit_if(removed > 0).await?;
        Ok(removed)
    }
}
