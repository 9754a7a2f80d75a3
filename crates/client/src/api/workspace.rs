//! Workspaces and their members.

use bucketry_model::id::{OrgId, UserId, WorkspaceId};
use bucketry_model::role::WorkspaceRole;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ApiClient;
use crate::error::ClientError;

/// A workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// Its organization.
    pub org_id: OrgId,
    /// Its members, where the call tells them.
    #[serde(default)]
    pub users: Vec<Member>,
}

/// A member of a workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The account.
    pub user_id: UserId,
    /// The role in the workspace.
    pub role: WorkspaceRole,
    /// Who that is.
    #[serde(default)]
    pub user: Option<MemberAccount>,
}

/// Who a member is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberAccount {
    /// The account.
    pub id: UserId,
    /// First name.
    #[serde(default)]
    pub name: Option<String>,
    /// Last name.
    #[serde(default)]
    pub last_name: Option<String>,
    /// The address that logs in.
    pub email: String,
}

#[derive(Deserialize)]
struct One {
    workspace: Workspace,
}

#[derive(Deserialize)]
struct All {
    workspaces: Vec<Workspace>,
}

impl ApiClient {
    /// The workspaces that the caller may enter.
    pub async fn workspaces(&self) -> Result<Vec<Workspace>, ClientError> {
        self.get("/workspace").await.map(|all: All| all.workspaces)
    }

    /// One workspace with its members.
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Workspace, ClientError> {
        self.get(&format!("/workspace/{id}")).await.map(|one: One| one.workspace)
    }

    /// Makes a workspace.
    pub async fn create_workspace(
        &self,
        name: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Workspace, ClientError> {
        let body = json!({ "name": name });
        self.post_once("/workspace", &body, idempotency_key).await.map(|one: One| one.workspace)
    }

    /// Renames a workspace.
    pub async fn rename_workspace(&self, id: WorkspaceId, name: &str) -> Result<Workspace, ClientError> {
        self.put(&format!("/workspace/{id}"), &json!({ "name": name })).await.map(|one: One| one.workspace)
    }

    /// Removes an empty workspace.
    pub async fn delete_workspace(&self, id: WorkspaceId) -> Result<(), ClientError> {
        self.delete(&format!("/workspace/{id}")).await.map(|_: Value| ())
    }

    /// Makes an account a member of a workspace.
    pub async fn add_member(
        &self,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
    ) -> Result<(), ClientError> {
        let body = json!({ "userId": user, "role": role });
        self.post(&format!("/workspace/{id}/users"), &body).await.map(|_: Value| ())
    }

    /// Changes a member's role.
    pub async fn change_member(
        &self,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
    ) -> Result<(), ClientError> {
        self.put(&format!("/workspace/{id}/users/{user}"), &json!({ "role": role })).await.map(|_: Value| ())
    }

    /// Ends a membership.
    pub async fn remove_member(&self, id: WorkspaceId, user: UserId) -> Result<(), ClientError> {
        self.delete(&format!("/workspace/{id}/users/{user}")).await.map(|_: Value| ())
    }
}
