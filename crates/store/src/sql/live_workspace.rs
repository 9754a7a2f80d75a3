//! Whether a workspace exists, for statements about what is in it.

use bucketry_model::id::{OrgId, WorkspaceId};
use sqlx::query;

use super::dialect::{for_share, for_update};
use super::statement::Write;
use crate::Result;

/// Whether the workspace is live and belongs to the organization. It can't be removed before the transaction ends.
pub(super) async fn is_live(write: &mut Write, org_id: OrgId, id: WorkspaceId) -> Result<bool> {
    let sql = concat!(
        "SELECT id FROM workspaces WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL",
        for_share!()
    );
    write.finds(query(sql).bind(id.to_string()).bind(org_id.to_string())).await
}

/// The same, and locks the workspace so that decisions about it and its members wait for each other.
pub(super) async fn lock(write: &mut Write, org_id: OrgId, id: WorkspaceId) -> Result<bool> {
    let sql = concat!(
        "SELECT id FROM workspaces WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL",
        for_update!()
    );
    write.finds(query(sql).bind(id.to_string()).bind(org_id.to_string())).await
}
