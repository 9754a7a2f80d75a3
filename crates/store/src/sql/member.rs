//! Members of workspaces.

use std::cmp::Reverse;

use bucketry_model::id::{OrgId, UserId, WorkspaceId};
use bucketry_model::role::WorkspaceRole;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::columns::Columns;
use super::dialect::{Row, for_share};
use super::readable::readable;
use super::statement::{InList, Write, texts};
use super::{SqlStore, live_workspace, user};
use crate::Result;
use crate::workspace::{Member, MemberChanged};

/// Inserts a member. Returns false if the user is one already.
pub(super) async fn insert(
    write: &mut Write,
    id: WorkspaceId,
    user: UserId,
    role: WorkspaceRole,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO memberships (workspace_id, user_id, role, created_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (workspace_id, user_id) DO NOTHING";
    let insert =
        query(sql).bind(id.to_string()).bind(user.to_string()).bind(role.as_str()).bind(to_micros(now));
    Ok(write.execute(insert).await? > 0)
}

pub(super) async fn add(
    write: &mut Write,
    org_id: OrgId,
    id: WorkspaceId,
    user: UserId,
    role: WorkspaceRole,
    now: Timestamp,
) -> Result<MemberChanged> {
    if !live_workspace::lock(write, org_id, id).await? {
        return Ok(MemberChanged::WorkspaceNotFound);
    }
    let sql =
        concat!("SELECT id FROM users WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL", for_share!());
    if !write.finds(query(sql).bind(user.to_string()).bind(org_id.to_string())).await? {
        return Ok(MemberChanged::UserNotFound);
    }
    if insert(write, id, user, role, now).await? {
        Ok(MemberChanged::Changed)
    } else {
        Ok(MemberChanged::AlreadyAMember)
    }
}

pub(super) async fn set_role(
    write: &mut Write,
    org_id: OrgId,
    id: WorkspaceId,
    user: UserId,
    role: WorkspaceRole,
) -> Result<MemberChanged> {
    let refused = may_lose_admin(write, org_id, id, user, role < WorkspaceRole::Admin).await?;
    if refused != MemberChanged::Changed {
        return Ok(refused);
    }
    let sql = "UPDATE memberships SET role = $3 WHERE workspace_id = $1 AND user_id = $2";
    write.execute(query(sql).bind(id.to_string()).bind(user.to_string()).bind(role.as_str())).await?;
    Ok(MemberChanged::Changed)
}

pub(super) async fn remove(
    write: &mut Write,
    org_id: OrgId,
    id: WorkspaceId,
    user: UserId,
) -> Result<MemberChanged> {
    let refused = may_lose_admin(write, org_id, id, user, true).await?;
    if refused != MemberChanged::Changed {
        return Ok(refused);
    }
    let sql = "DELETE FROM memberships WHERE workspace_id = $1 AND user_id = $2";
    write.execute(query(sql).bind(id.to_string()).bind(user.to_string())).await?;
    Ok(MemberChanged::Changed)
}

/// Returns `Changed` if the member may be changed or, with `lowered`, may stop being ADMIN. Otherwise returns the
/// reason.
async fn may_lose_admin(
    write: &mut Write,
    org_id: OrgId,
    id: WorkspaceId,
    user: UserId,
    lowered: bool,
) -> Result<MemberChanged> {
    if !live_workspace::lock(write, org_id, id).await? {
        return Ok(MemberChanged::WorkspaceNotFound);
    }
    let sql = "SELECT role FROM memberships WHERE workspace_id = $1 AND user_id = $2";
    let Some(row) = write.row(query(sql).bind(id.to_string()).bind(user.to_string())).await? else {
        return Ok(MemberChanged::NotAMember);
    };
    let role: WorkspaceRole = Columns::of(&row).parsed()?;
    if !lowered || role < WorkspaceRole::Admin {
        return Ok(MemberChanged::Changed);
    }
    let sql =
        "SELECT 1 FROM memberships WHERE workspace_id = $1 AND role = 'ADMIN' AND user_id <> $2 LIMIT 1";
    let another = write.finds(query(sql).bind(id.to_string()).bind(user.to_string())).await?;
    Ok(if another { MemberChanged::Changed } else { MemberChanged::LastAdmin })
}

impl SqlStore {
    pub(super) async fn members_of(&self, workspaces: &[WorkspaceId]) -> Result<Vec<(WorkspaceId, Member)>> {
        let list = InList::new(
            "SELECT m.workspace_id, m.role, m.created_at, u.id, u.org_id, u.email, u.first_name, u.last_name, \
             u.org_role, u.validated, u.created_at \
             FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.workspace_id IN (",
            ")",
        );
        let read = |row: &Row| {
            let mut columns = Columns::of(row);
            let (workspace, role, since): (WorkspaceId, WorkspaceRole, Timestamp) =
                (columns.parsed()?, columns.parsed()?, columns.time()?);
            Ok((workspace, since, Member { user: user::read(&mut columns)?, role }))
        };
        let mut found = readable(&self.rows_in_list(&list, &texts(workspaces)).await?, read)?;
        found.sort_by_key(|(_, since, member)| Reverse((*since, member.user.id)));
        Ok(found.into_iter().map(|(workspace, _, member)| (workspace, member)).collect())
    }

    pub(super) async fn page_of_members(
        &self,
        id: WorkspaceId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Member>> {
        let id = id.to_string();
        let statement = |limit: i64| match after {
            None => {
                let sql = "SELECT m.role, u.id, u.org_id, u.email, u.first_name, u.last_name, u.org_role, u.validated, \
                           u.created_at FROM memberships m JOIN users u ON u.id = m.user_id \
                           WHERE m.workspace_id = $1 ORDER BY m.user_id DESC LIMIT $2";
                query(sql).bind(id.clone()).bind(limit)
            }
            Some(after) => {
                let sql = "SELECT m.role, u.id, u.org_id, u.email, u.first_name, u.last_name, u.org_role, u.validated, \
                           u.created_at FROM memberships m JOIN users u ON u.id = m.user_id \
                           WHERE m.workspace_id = $1 AND m.user_id < $3 ORDER BY m.user_id DESC LIMIT $2";
                query(sql).bind(id.clone()).bind(limit).bind(after.to_string())
            }
        };
        let read = |row: &Row| {
            let mut columns = Columns::of(row);
            let role = columns.parsed()?;
            Ok(Member { role, user: user::read(&mut columns)? })
        };
        self.readable_page(limit, statement, read).await
    }
}
