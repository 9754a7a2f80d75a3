//! Workspaces of the caller's organization, and their members.

use std::collections::HashMap;

use bucketry_model::audit::{AuditAction, AuditEntry, AuditKind};
use bucketry_model::id::{UserId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::role::{Caller, OrgRole, WorkspaceRole};
use bucketry_store::workspace::{Member, MemberChanged, NewWorkspace, Workspace, WorkspaceChanged};

use crate::access::{log_resource, validated};
use crate::audit::Described;
use crate::users::parse_name;
use crate::{Control, Error, ResourceKind, Result};

/// A workspace with its members.
#[derive(Debug, Clone)]
pub struct WorkspaceView {
    /// The workspace as stored.
    pub workspace: Workspace,
    /// Explicit members, without owners and administrators of the organization.
    pub members: Vec<Member>,
}

impl Control {
    /// Creates a workspace with the caller as its ADMIN.
    pub async fn create_workspace(&self, caller: &Caller, name: &str) -> Result<Workspace> {
        Self::authorize_workspace(caller)?;
        let mut wrong = Vec::new();
        let Some(name) = parse_name("name", name, &mut wrong) else { return Err(Error::Invalid(wrong)) };
        let new = NewWorkspace { id: self.inner.environment.id(WorkspaceId::new)?, name };
        let audit = self
            .audit_of_workspace(caller, new.id, &new.name, AuditAction::Created)
            .after(new.name.described());
        log_resource(new.id, new.name.as_str());
        self.inner.store.insert_workspace(caller.org_id, &new, caller.user_id, &audit).await?;
        self.inner.callers.forget_all();
        Ok(Workspace { id: new.id, org_id: caller.org_id, name: new.name, created_at: audit.at })
    }

    /// Checks whether the caller may create workspaces.
    pub fn authorize_workspace(caller: &Caller) -> Result<()> {
        if !caller.may_in_org(OrgRole::Workspaces) {
            let message = "creating a workspace needs the organization role WORKSPACES or higher";
            return Err(Error::Forbidden(message.to_owned()));
        }
        validated(caller)
    }

    /// Returns a page of the workspaces that the caller has access to, newest first, with their members.
    pub async fn workspaces(
        &self,
        caller: &Caller,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<WorkspaceView>> {
        let page = self.inner.store.workspaces(caller.org_id, &caller.visibility(), after, limit).await?;
        let ids: Vec<WorkspaceId> = page.iter().map(|workspace| workspace.id).collect();
        let mut members: HashMap<WorkspaceId, Vec<Member>> = HashMap::new();
        for (id, member) in self.inner.store.members(&ids).await? {
            members.entry(id).or_default().push(member);
        }
        let view = |workspace: Workspace| WorkspaceView {
            members: members.remove(&workspace.id).unwrap_or_default(),
            workspace,
        };
        Ok(page.into_iter().map(view).collect())
    }

    /// Returns one workspace.
    pub async fn workspace(&self, caller: &Caller, id: WorkspaceId) -> Result<WorkspaceView> {
        let workspace = self.enter(caller, id, WorkspaceRole::Read).await?;
        let members = self.inner.store.members(&[id]).await?;
        Ok(WorkspaceView { workspace, members: members.into_iter().map(|(_, member)| member).collect() })
    }

    /// Returns a page of the workspaces that the caller has access to, newest first, without their members.
    pub async fn list_workspaces(
        &self,
        caller: &Caller,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<Workspace>> {
        Ok(self.inner.store.workspaces(caller.org_id, &caller.visibility(), after, limit).await?)
    }

    /// Returns one workspace with a page of its members, the newest accounts first.
    pub async fn workspace_with_members(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<WorkspaceView> {
        let workspace = self.enter(caller, id, WorkspaceRole::Read).await?;
        Ok(WorkspaceView { workspace, members: self.inner.store.member_page(id, after, limit).await? })
    }

    /// Renames a workspace.
    pub async fn rename_workspace(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        name: Option<&str>,
    ) -> Result<Workspace> {
        let workspace = self.administer(caller, id).await?;
        let Some(name) = name else { return Ok(workspace) };
        let mut wrong = Vec::new();
        let Some(name) = parse_name("name", name, &mut wrong) else { return Err(Error::Invalid(wrong)) };
        let audit = self
            .audit_of_workspace(caller, id, &name, AuditAction::Updated)
            .before(workspace.name.described())
            .after(name.described());
        workspace_changed(self.inner.store.rename_workspace(caller.org_id, id, &name, &audit).await?)?;
        Ok(Workspace { name, ..workspace })
    }

    /// Deletes a workspace without buckets and repositories.
    pub async fn delete_workspace(&self, caller: &Caller, id: WorkspaceId) -> Result<()> {
        let workspace = self.administer(caller, id).await?;
        let audit = self
            .audit_of_workspace(caller, id, &workspace.name, AuditAction::Deleted)
            .before(workspace.name.described());
        let changed = self.inner.store.delete_workspace(caller.org_id, id, &audit).await?;
        workspace_changed(changed)?;
        self.inner.callers.forget_all();
        Ok(())
    }

    /// Adds a member.
    pub async fn add_member(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
    ) -> Result<()> {
        self.administer(caller, id).await?;
        let added = self.inner.store.user(caller.org_id, user).await?;
        let email = added.as_ref().map_or("", |user| user.email.as_str());
        let audit =
            self.audit_of_member(caller, id, AuditAction::Created).of(user, email).after(role.described());
        let changed = self.inner.store.add_member(caller.org_id, id, user, role, &audit).await?;
        member_changed(changed)?;
        self.inner.callers.forget_all();
        Ok(())
    }

    /// Adds the user of the organization with this e-mail address as a member.
    ///
    /// An ADMIN of a workspace may add anyone by id and then reads the address in the list of members, so nothing is
    /// revealed that the caller could not learn anyway.
    pub async fn add_member_by_email(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        email: &str,
        role: WorkspaceRole,
    ) -> Result<()> {
        self.administer(caller, id).await?;
        if email.trim().is_empty() {
            return Err(Error::field("email", "is required"));
        }
        match self.user_of_organization(caller, email).await? {
            Some(user) => self.add_member(caller, id, user.id, role).await,
            None => Err(Error::field(
                "email",
                "is not that of a user of your organization: a user with the role WORKSPACES or higher can create the account",
            )),
        }
    }

    /// Changes a member's role.
    pub async fn set_member_role(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
    ) -> Result<()> {
        self.administer(caller, id).await?;
        let audit = self.audit_of_existing_member(caller, id, user, AuditAction::Updated).await?;
        let audit = audit.after(role.described());
        let changed = self.inner.store.set_member_role(caller.org_id, id, user, role, &audit).await?;
        member_changed(changed)?;
        self.inner.callers.forget_all();
        Ok(())
    }

    /// Removes a member.
    pub async fn remove_member(&self, caller: &Caller, id: WorkspaceId, user: UserId) -> Result<()> {
        self.administer(caller, id).await?;
        let audit = self.audit_of_existing_member(caller, id, user, AuditAction::Deleted).await?;
        let changed = self.inner.store.remove_member(caller.org_id, id, user, &audit).await?;
        member_changed(changed)?;
        self.inner.callers.forget_all();
        Ok(())
    }

    async fn administer(&self, caller: &Caller, id: WorkspaceId) -> Result<Workspace> {
        let workspace = self.enter(caller, id, WorkspaceRole::Admin).await?;
        log_resource(id, workspace.name.as_str());
        validated(caller)?;
        Ok(workspace)
    }

    fn audit_of_workspace(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        name: &Name,
        action: AuditAction,
    ) -> AuditEntry {
        self.audit_of(caller, AuditKind::Workspace, action).of(id, name).in_workspace(id)
    }

    fn audit_of_member(&self, caller: &Caller, id: WorkspaceId, action: AuditAction) -> AuditEntry {
        self.audit_of(caller, AuditKind::WorkspaceUser, action).in_workspace(id)
    }

    async fn audit_of_existing_member(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        user: UserId,
        action: AuditAction,
    ) -> Result<AuditEntry> {
        let members = self.inner.store.members(&[id]).await?;
        let audit = self.audit_of_member(caller, id, action);
        Ok(match members.into_iter().find(|(_, member)| member.user.id == user) {
            Some((_, member)) => audit.of(user, &member.user.email).before(member.role.described()),
            None => audit.of(user, ""),
        })
    }
}

fn workspace_changed(changed: WorkspaceChanged) -> Result<()> {
    match changed {
        WorkspaceChanged::Changed => Ok(()),
        WorkspaceChanged::NotFound => Err(Error::NotFound(ResourceKind::Workspace)),
        WorkspaceChanged::InUse => Err(Error::Rule {
            code: "WORKSPACE_NOT_EMPTY",
            message: "the workspace still contains buckets or repositories: move or delete them first"
                .to_owned(),
        }),
    }
}

fn member_changed(changed: MemberChanged) -> Result<()> {
    match changed {
        MemberChanged::Changed => Ok(()),
        MemberChanged::WorkspaceNotFound => Err(Error::NotFound(ResourceKind::Workspace)),
        MemberChanged::UserNotFound => Err(Error::NotFound(ResourceKind::User)),
        MemberChanged::NotAMember => Err(Error::NotFound(ResourceKind::Member)),
        MemberChanged::AlreadyAMember => Err(Error::Rule {
            code: "ALREADY_A_MEMBER",
            message: "this user is already a member: change the role instead".to_owned(),
        }),
        MemberChanged::LastAdmin => Err(Error::Rule {
            code: "LAST_ADMIN",
            message: "this is the last ADMIN of the workspace: make another member an ADMIN first".to_owned(),
        }),
    }
}
