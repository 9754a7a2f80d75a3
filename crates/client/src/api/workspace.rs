//! Workspaces and their members.

use bucketry_api_types::workspace::{
    MemberRole, NewMember, NewWorkspaceRequest, OneFullWorkspace, OneWorkspace, WorkspaceChanges,
    WorkspaceInfo, WorkspaceList, WorkspaceWithMembers,
};
use bucketry_model::id::{UserId, WorkspaceId};
use bucketry_model::role::WorkspaceRole;
use serde_json::Value;

use super::ApiClient;
use crate::error::ClientError;

impl ApiClient {
    /// Lists the workspaces that the caller has access to.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceWithMembers>, ClientError> {
        self.get("/workspace").await.map(|list: WorkspaceList| list.workspaces)
    }

    /// Returns a workspace with its members.
    pub async fn workspace(&self, id: WorkspaceId) -> Result<WorkspaceWithMembers, ClientError> {
        self.get(&format!("/workspace/{id}")).await.map(|one: OneFullWorkspace| one.workspace)
    }

    /// Creates a workspace.
    pub async fn create_workspace(
        &self,
        name: &str,
        idempotency_key: Option<&str>,
    ) -> Result<WorkspaceInfo, ClientError> {
        let body = NewWorkspaceRequest { name: name.to_owned() };
        self.post_once("/workspace", &body, idempotency_key).await.map(|one: OneWorkspace| one.workspace)
    }

    /// Renames a workspace.
    pub async fn rename_workspace(&self, id: WorkspaceId, name: &str) -> Result<WorkspaceInfo, ClientError> {
        self.put(&format!("/workspace/{id}"), &WorkspaceChanges { name: Some(name.to_owned()) })
            .await
            .map(|one: OneWorkspace| one.workspace)
    }

    /// Deletes an empty workspace.
    pub async fn delete_workspace(&self, id: WorkspaceId) -> Result<(), ClientError> {
        self.delete(&format!("/workspace/{id}")).await.map(|_: Value| ())
    }

    /// Adds a user to a workspace.
    pub async fn add_member(
        &self,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
    ) -> Result<(), ClientError> {
        let body = NewMember { user_id: Some(user.to_string()), role };
        self.post(&format!("/workspace/{id}/users"), &body).await.map(|_: Value| ())
    }

    /// Changes a member's role.
    pub async fn change_member(
        &self,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
    ) -> Result<(), ClientError> {
        self.put(&format!("/workspace/{id}/users/{user}"), &MemberRole { role }).await.map(|_: Value| ())
    }

    /// Removes a user from a workspace.
    pub async fn remove_member(&self, id: WorkspaceId, user: UserId) -> Result<(), ClientError> {
        self.delete(&format!("/workspace/{id}/users/{user}")).await.map(|_: Value| ())
    }
}
