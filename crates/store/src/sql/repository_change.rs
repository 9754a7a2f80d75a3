//! What every change of a repository, its buckets or its keys does.

use bucketry_model::id::{OrgId, RepoId};
use jiff::Timestamp;
use sqlx::query;

use super::statement::Write;
use crate::Result;
use crate::sync::Subject;

/// Raises a live repository's version and records the change. Returns whether there is such a repository.
pub(super) async fn note_change(
    write: &mut Write,
    org_id: OrgId,
    id: RepoId,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE repositories SET version = version + 1 \
               WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL";
    let raised = write.execute(query(sql).bind(id.to_string()).bind(org_id.to_string())).await? > 0;
    if raised {
        write.record_change(org_id, Subject::Repository(id), now);
    }
    Ok(raised)
}
