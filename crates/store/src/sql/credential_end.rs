//! Credentials that end, by organization and workspace.

use bucketry_model::id::OrgId;
use bucketry_model::role::Visibility;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::Row;
use crate::Result;
use crate::bucket::CredentialEnd;

const OF_ORG: &str = "SELECT b.id, b.name, b.workspace_id, b.secret_expires_at FROM buckets b \
                      WHERE b.org_id = $1 AND b.secret_expires_at IS NOT NULL AND b.secret_expires_at <= $2 \
                      ORDER BY b.secret_expires_at, b.id LIMIT $3";
const OF_WORKSPACE: &str = "SELECT b.id, b.name, b.workspace_id, b.secret_expires_at FROM buckets b \
                            WHERE b.workspace_id = $1 AND b.secret_expires_at IS NOT NULL \
                            AND b.secret_expires_at <= $2 ORDER BY b.secret_expires_at, b.id LIMIT $3";

fn credential_end(row: &Row) -> Result<CredentialEnd> {
    let mut columns = Columns::of(row);
    Ok(CredentialEnd {
        id: columns.parsed()?,
        name: columns.name()?,
        workspace_id: columns.parsed()?,
        expires_at: columns.time()?,
    })
}

impl SqlStore {
    /// Implements `BucketStore::credential_ends`. The secret of a removed bucket has no end.
    pub(super) async fn visible_credential_ends(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<CredentialEnd>> {
        let (sql, scopes) = match visible {
            Visibility::Organization => (OF_ORG, vec![org_id.to_string()]),
            Visibility::Workspaces(ids) => (OF_WORKSPACE, ids.iter().map(ToString::to_string).collect()),
        };
        let mut ends = Vec::new();
        for scope in scopes {
            let select = query(sql).bind(scope).bind(to_micros(until)).bind(i64::from(limit));
            for row in self.rows(select).await? {
                ends.push(credential_end(&row)?);
            }
        }
        ends.sort_by_key(|one| (one.expires_at, one.id));
        Ok(ends)
    }
}
