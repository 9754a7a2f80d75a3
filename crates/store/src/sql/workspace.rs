//! Workspaces. Their members are in `member`.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{OrgId, UserId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::role::{Visibility, WorkspaceRole};
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::columns::Columns;
use super::dialect::Row;
use super::statement::{InList, Write, texts};
use super::{SqlStore, live_workspace, member, notification_channel};
use crate::Result;
use crate::signal::Signal;
use crate::workspace::{Member, MemberChanged, NewWorkspace, Workspace, WorkspaceChanged, WorkspaceStore};

fn workspace(row: &Row) -> Result<Workspace> {
    let mut columns = Columns::of(row);
    Ok(Workspace {
        id: columns.parsed()?,
        org_id: columns.parsed()?,
        name: columns.name()?,
        created_at: columns.time()?,
    })
}

pub(super) async fn insert(
    write: &mut Write,
    org_id: OrgId,
    new: &NewWorkspace,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO workspaces (id, org_id, name, created_at) VALUES ($1, $2, $3, $4)";
    let insert = query(sql)
        .bind(new.id.to_string())
        .bind(org_id.to_string())
        .bind(new.name.as_str())
        .bind(to_micros(now));
    write.execute(insert).await.map(|_| ())
}

impl SqlStore {
    async fn workspaces_of_org(
        &self,
        org_id: OrgId,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<Workspace>> {
        let (org, limit) = (org_id.to_string(), i64::from(limit));
        let rows = match after {
            None => {
                let sql = "SELECT id, org_id, name, created_at FROM workspaces \
                           WHERE org_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $2";
                self.rows(query(sql).bind(org).bind(limit)).await?
            }
            Some(after) => {
                let sql = "SELECT id, org_id, name, created_at FROM workspaces \
                           WHERE org_id = $1 AND deleted_at IS NULL \
                           AND (created_at, id) < ((SELECT a.created_at FROM workspaces a WHERE a.id = $3), $3) \
                           ORDER BY created_at DESC, id DESC LIMIT $2";
                self.rows(query(sql).bind(org).bind(limit).bind(after.to_string())).await?
            }
        };
        rows.iter().map(workspace).collect()
    }

    /// A user is a member of few workspaces, so they are fetched by id and sorted here.
    async fn workspaces_among(
        &self,
        org_id: OrgId,
        ids: &[WorkspaceId],
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<Workspace>> {
        let after = match after {
            None => None,
            Some(id) => {
                let sql = "SELECT created_at FROM workspaces WHERE id = $1";
                let Some(row) = self.row(query(sql).bind(id.to_string())).await? else {
                    return Ok(Vec::new());
                };
                Some((Columns::of(&row).time()?, id))
            }
        };
        // The organization is compared here and not in the statement, where it could lead the engine to read all
        // the organization's workspaces instead of these.
        let list = InList::new(
            "SELECT id, org_id, name, created_at FROM workspaces WHERE deleted_at IS NULL AND id IN (",
            ")",
        );
        let rows = self.rows_in_list(&list, &texts(ids)).await?;
        let mut found: Vec<Workspace> = rows.iter().map(workspace).collect::<Result<_>>()?;
        found
            .retain(|one| one.org_id == org_id && after.is_none_or(|after| (one.created_at, one.id) < after));
        found.sort_by_key(|one| std::cmp::Reverse((one.created_at, one.id)));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }
}

#[async_trait]
impl WorkspaceStore for SqlStore {
    async fn insert_workspace(
        &self,
        org_id: OrgId,
        new: &NewWorkspace,
        creator: UserId,
        audit: &AuditEntry,
    ) -> Result<()> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        insert(&mut write, org_id, new, now).await?;
        member::insert(&mut write, new.id, creator, WorkspaceRole::Admin, now).await?;
        write.signal(Signal::CallersChanged);
        write.commit().await
    }

    async fn workspace(&self, org_id: OrgId, id: WorkspaceId) -> Result<Option<Workspace>> {
        let sql = "SELECT id, org_id, name, created_at FROM workspaces \
                   WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL";
        let row = self.row(query(sql).bind(id.to_string()).bind(org_id.to_string())).await?;
        row.as_ref().map(workspace).transpose()
    }

    async fn workspaces(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<Workspace>> {
        match visible {
            Visibility::Organization => self.workspaces_of_org(org_id, after, limit).await,
            Visibility::Workspaces(ids) => self.workspaces_among(org_id, ids, after, limit).await,
        }
    }

    async fn rename_workspace(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        name: &Name,
        audit: &AuditEntry,
    ) -> Result<WorkspaceChanged> {
        let mut write = self.write_audited(audit).await?;
        let sql = "UPDATE workspaces SET name = $3 WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL";
        let update = query(sql).bind(id.to_string()).bind(org_id.to_string()).bind(name.as_str());
        let changed = write.execute(update).await?;
        write.commit_if(changed > 0).await?;
        Ok(if changed > 0 { WorkspaceChanged::Changed } else { WorkspaceChanged::NotFound })
    }

    async fn delete_workspace(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        audit: &AuditEntry,
    ) -> Result<WorkspaceChanged> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        if !live_workspace::lock(&mut write, org_id, id).await? {
            return Ok(WorkspaceChanged::NotFound);
        }
        let (workspace_id, id, now) = (id, id.to_string(), to_micros(now));
        for holds in [
            "SELECT 1 FROM buckets WHERE workspace_id = $1 AND deleted_at IS NULL LIMIT 1",
            "SELECT 1 FROM repositories WHERE workspace_id = $1 AND deleted_at IS NULL LIMIT 1",
        ] {
            if write.finds(query(holds).bind(&id)).await? {
                return Ok(WorkspaceChanged::InUse);
            }
        }
        let remove = "UPDATE workspaces SET deleted_at = $2 WHERE id = $1";
        write.execute(query(remove).bind(&id).bind(now)).await?;
        let dismiss = "DELETE FROM memberships WHERE workspace_id = $1";
        write.execute(query(dismiss).bind(&id)).await?;
        let revoke = "UPDATE tokens SET revoked_at = $2 WHERE scope_workspace_id = $1 AND revoked_at IS NULL";
        write.execute(query(revoke).bind(&id).bind(now)).await?;
        notification_channel::delete_of_workspace(&mut write, workspace_id, org_id, now).await?;
        write.signal(Signal::CallersChanged);
        write.commit().await?;
        Ok(WorkspaceChanged::Changed)
    }

    async fn members(&self, workspaces: &[WorkspaceId]) -> Result<Vec<(WorkspaceId, Member)>> {
        self.members_of(workspaces).await
    }

    async fn member_page(&self, id: WorkspaceId, after: Option<UserId>, limit: u32) -> Result<Vec<Member>> {
        self.page_of_members(id, after, limit).await
    }

    async fn add_member(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
        audit: &AuditEntry,
    ) -> Result<MemberChanged> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let added = member::add(&mut write, org_id, id, user, role, now).await?;
        write.signal(Signal::CallersChanged);
        write.commit_if(added == MemberChanged::Changed).await?;
        Ok(added)
    }

    async fn set_member_role(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
        audit: &AuditEntry,
    ) -> Result<MemberChanged> {
        let mut write = self.write_audited(audit).await?;
        let changed = member::set_role(&mut write, org_id, id, user, role).await?;
        write.signal(Signal::CallersChanged);
        write.commit_if(changed == MemberChanged::Changed).await?;
        Ok(changed)
    }

    async fn remove_member(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        user: UserId,
        audit: &AuditEntry,
    ) -> Result<MemberChanged> {
        let mut write = self.write_audited(audit).await?;
        let removed = member::remove(&mut write, org_id, id, user).await?;
        write.signal(Signal::CallersChanged);
        write.commit_if(removed == MemberChanged::Changed).await?;
        Ok(removed)
    }
}
