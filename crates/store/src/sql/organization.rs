//! Organizations.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::OrgId;
use bucketry_model::role::{OrgRole, WorkspaceRole};
use bucketry_model::time::to_micros;
use sqlx::query;

use super::SqlStore;
use super::columns::{Columns, stored};
use super::dialect::Row;
use super::{member, user, workspace};
use crate::Result;
use crate::organization::{NewOrganization, Organization, OrganizationInserted, OrganizationStore};
use crate::user::NewUser;

fn organization(row: &Row) -> Result<Organization> {
    let mut columns = Columns::of(row);
    Ok(Organization {
        id: columns.parsed()?,
        name: columns.name()?,
        bucket_quota: columns.optional_narrow()?,
        bucket_count: columns.narrow()?,
        repo_quota: columns.optional_narrow()?,
        repo_count: columns.narrow()?,
        created_at: columns.time()?,
    })
}

#[async_trait]
impl OrganizationStore for SqlStore {
    async fn insert_organization(
        &self,
        new: &NewOrganization,
        audit: &AuditEntry,
    ) -> Result<OrganizationInserted> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        // Which organization is the first must not depend on clocks, because its owners have more rights than
        // others.
        let latest = "SELECT created_at FROM organizations ORDER BY created_at DESC, id DESC LIMIT 1";
        let latest: Option<i64> =
            write.row(query(latest)).await?.map(|row| Columns::of(&row).number()).transpose()?;
        let created_at = latest.map_or(to_micros(now), |latest| to_micros(now).max(latest.saturating_add(1)));
        let insert = "INSERT INTO organizations (id, name, bucket_quota, bucket_count, repo_quota, repo_count, \
                      created_at) VALUES ($1, $2, $3, 0, $4, 0, $5)";
        write
            .execute(
                query(insert)
                    .bind(new.id.to_string())
                    .bind(new.name.as_str())
                    .bind(new.bucket_quota.map(stored))
                    .bind(new.repo_quota.map(stored))
                    .bind(created_at),
            )
            .await?;
        let owner = NewUser { org_role: OrgRole::Owner, ..new.owner.clone() };
        if !user::insert(&mut write, new.id, &owner, now).await? {
            return Ok(OrganizationInserted::EmailTaken);
        }
        workspace::insert(&mut write, new.id, &new.workspace, now).await?;
        member::insert(&mut write, new.workspace.id, owner.id, WorkspaceRole::Admin, now).await?;
        write.commit().await?;
        Ok(OrganizationInserted::Inserted)
    }

    async fn organization(&self, id: OrgId) -> Result<Option<Organization>> {
        let sql = "SELECT id, name, bucket_quota, bucket_count, repo_quota, repo_count, created_at FROM organizations WHERE id = $1";
        self.row(query(sql).bind(id.to_string())).await?.as_ref().map(organization).transpose()
    }

    async fn organizations(&self, limit: u32) -> Result<Vec<Organization>> {
        let sql = "SELECT id, name, bucket_quota, bucket_count, repo_quota, repo_count, created_at FROM organizations \
                   ORDER BY created_at, id LIMIT $1";
        self.rows(query(sql).bind(i64::from(limit))).await?.iter().map(organization).collect()
    }

    async fn aws_external_id(&self, id: OrgId, new: &str) -> Result<Option<String>> {
        let sql = "SELECT aws_external_id FROM organizations WHERE id = $1";
        let Some(row) = self.row(query(sql).bind(id.to_string())).await? else { return Ok(None) };
        if let Some(known) = Columns::of(&row).optional_text()? {
            return Ok(Some(known));
        }
        let mut write = self.write().await?;
        let sql = "UPDATE organizations SET aws_external_id = COALESCE(aws_external_id, $2) WHERE id = $1 \
                   RETURNING aws_external_id";
        let row = write.row(query(sql).bind(id.to_string()).bind(new)).await?;
        write.commit().await?;
        row.map(|row| Columns::of(&row).text()).transpose()
    }

    async fn set_bucket_quota(&self, id: OrgId, quota: Option<u64>) -> Result<bool> {
        let mut write = self.write().await?;
        let sql = "UPDATE organizations SET bucket_quota = $2 WHERE id = $1";
        let changed = write.execute(query(sql).bind(id.to_string()).bind(quota.map(stored))).await?;
        write.commit().await?;
        Ok(changed > 0)
    }

    async fn set_repo_quota(&self, id: OrgId, quota: Option<u64>) -> Result<bool> {
        let mut write = self.write().await?;
        let sql = "UPDATE organizations SET repo_quota = $2 WHERE id = $1";
        let changed = write.execute(query(sql).bind(id.to_string()).bind(quota.map(stored))).await?;
        write.commit().await?;
        Ok(changed > 0)
    }
}
