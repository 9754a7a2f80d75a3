//! Workspaces and their members.

use bucketry_model::id::{OrgId, UserId, WorkspaceId};
use bucketry_model::role::WorkspaceRole;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ApiClient;
use crate::error::ClientError;

/// A workspace with its members.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct Workspace {
    pub id: WorkspaceId,
    pub name: String,
    pub org_id: OrgId,
    /// Members; empty if the call doesn't return them.
    #[serde(default)]
    pub users: Vec<Member>,
}

/// A member of a workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct Member {
    pub user_id: UserId,
    /// Role in the workspace.
    pub role: WorkspaceRole,
    /// Names and address of the user.
    #[serde(default)]
    pub user: Option<MemberAccount>,
}

/// The names and the address of a member.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct MemberAccount {
    pub id: UserId,
    /// First name.
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub last_name: Option<String>,
    /// E-mail address that the user logs in with.
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
    /// Lists the workspaces that the caller has access to.
    pub async fn workspaces(&self) -> Result<Vec<Workspace>, ClientError> {
        self.get("/workspace").await.map(|all: All| all.workspaces)
    }

    /// Returns a workspace with its members.
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Workspace, ClientError> {
        self.get(&format!("/workspace/{id}")).await.map(|one: One| one.workspace)
    }

    /// Creates a workspace.
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

    /// Removes a user from a workspace.
    pub async fn remove_member(&self, id: WorkspaceId, user: UserId) -> Result<(), ClientError> {
        self.delete(&format!("/workspace/{id}/users/{user}")).await.map(|_: Value| ())
    }
}
