//! The last diagnosis of each bucket.

use async_trait::async_trait;
use bucketry_model::id::BucketId;
use bucketry_model::time::to_micros;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use crate::Result;
use crate::diagnosis::{DiagnosisRow, DiagnosisStore};

#[async_trait]
impl DiagnosisStore for SqlStore {
    async fn set_diagnosis(&self, id: BucketId, diagnosis: &DiagnosisRow) -> Result<()> {
        let mut write = self.write().await?;
        let sql = "INSERT INTO diagnoses (bucket_id, node_id, at, version, checks) \
                   SELECT b.id, $2, $3, $4, $5 FROM buckets b WHERE b.id = $1 AND b.deleted_at IS NULL \
                   ON CONFLICT (bucket_id) DO UPDATE SET node_id = excluded.node_id, at = excluded.at, \
                   version = excluded.version, checks = excluded.checks \
                   WHERE excluded.version >= diagnoses.version";
        let checks = serde_json::json!(diagnosis.checks).to_string();
        let statement = query(sql)
            .bind(id.to_string())
            .bind(diagnosis.node_id.to_string())
            .bind(to_micros(diagnosis.at))
            .bind(diagnosis.version)
            .bind(checks);
        write.execute(statement).await?;
        write.commit().await
    }

    async fn diagnosis(&self, id: BucketId) -> Result<Option<(DiagnosisRow, i64)>> {
        let sql = "SELECT d.node_id, d.at, d.version, d.checks, b.config_version FROM diagnoses d \
                   JOIN buckets b ON b.id = d.bucket_id WHERE d.bucket_id = $1 AND b.deleted_at IS NULL";
        let Some(row) = self.row(query(sql).bind(id.to_string())).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        let diagnosis = DiagnosisRow {
            node_id: columns.parsed()?,
            at: columns.time()?,
            version: columns.number()?,
            checks: columns.read(serde_json::from_str)?,
        };
        Ok(Some((diagnosis, columns.number()?)))
    }
}
