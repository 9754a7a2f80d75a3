//! The last diagnosis of a bucket.

use bucketry_model::id::BucketId;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_store::diagnosis::DiagnosisRow;

use super::validate::ValidationReport;
use crate::{Control, Result};

/// The last diagnosis of a bucket, as a caller may see it.
#[derive(Debug, Clone)]
pub struct DiagnosisView {
    /// The diagnosis.
    pub row: DiagnosisRow,
    /// The name of the node. `None` if the node was removed.
    pub node_name: Option<String>,
    /// Whether location or secret of the bucket have changed since.
    pub outdated: bool,
}

impl Control {
    /// Returns the last diagnosis of a bucket. `None` if it has never been validated.
    pub async fn bucket_diagnosis(&self, caller: &Caller, id: BucketId) -> Result<Option<DiagnosisView>> {
        self.reach_bucket(caller, id, WorkspaceRole::Read).await?;
        let Some((row, current)) = self.inner.store.diagnosis(id).await? else { return Ok(None) };
        let nodes = self.known_nodes().await?;
        let node_name = nodes.iter().find(|node| node.id == row.node_id).map(|node| node.name.clone());
        Ok(Some(DiagnosisView { outdated: row.version < current, node_name, row }))
    }

    /// Stores a diagnosis as the bucket's last one. A failure is logged, because the caller has the result anyway.
    pub(super) async fn remember_diagnosis(&self, id: BucketId, version: i64, report: &ValidationReport) {
        let row = DiagnosisRow {
            node_id: report.node_id(),
            at: report.at(),
            version,
            checks: report.diagnosis.checks.clone(),
        };
        if let Err(error) = self.inner.store.set_diagnosis(id, &row).await {
            tracing::warn!(
                bucket_id = %id,
                error = &error as &dyn std::error::Error,
                "the diagnosis of a bucket could not be stored"
            );
        }
    }
}
