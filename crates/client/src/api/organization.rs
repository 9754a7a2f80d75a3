//! The organization and its users.

use bucketry_api_types::inventory::{InventoryChanges, InventoryScheduleInfo, OrganizationInventory};
use bucketry_api_types::node::{NodeList, RegisteredNode};
use bucketry_api_types::organization::{OrganizationAnswer, OrganizationData};
use bucketry_api_types::organization_key::{OrganizationKeyInfo, OrganizationKeyList, OrganizationKeyMade};
use bucketry_api_types::organization_user::{
    NewUserRequest, OneOrgUser, OrgUser, OrgUserList, PasswordResetAnswer,
};
use bucketry_api_types::outcome::Message;
use bucketry_api_types::user::NewRole;
use bucketry_model::id::{NodeId, NodeKeyId, OrgId, UserId};
use bucketry_model::secret::Secret;
use serde_json::{Value, json};

use super::ApiClient;
use crate::error::ClientError;

impl ApiClient {
    /// Returns the caller's organization.
    pub async fn organization(&self, id: OrgId) -> Result<OrganizationData, ClientError> {
        self.get(&format!("/organization/{id}")).await.map(|own: OrganizationAnswer| own.data)
    }

    /// Returns when the lists of buckets without a separate setting are walked. `None` for never.
    pub async fn organization_inventory(
        &self,
        id: OrgId,
    ) -> Result<Option<InventoryScheduleInfo>, ClientError> {
        let path = format!("/organization/{id}/inventory");
        self.get(&path).await.map(|set: OrganizationInventory| set.schedule)
    }

    /// Sets when the lists of buckets without a separate setting are walked, or with the mode `OFF` that they
    /// aren't.
    pub async fn set_organization_inventory(
        &self,
        id: OrgId,
        changes: &InventoryChanges,
    ) -> Result<Option<InventoryScheduleInfo>, ClientError> {
        let path = format!("/organization/{id}/inventory");
        self.put(&path, changes).await.map(|set: OrganizationInventory| set.schedule)
    }

    /// Lists the keys of the organization's nodes, newest first.
    pub async fn organization_keys(&self, id: OrgId) -> Result<Vec<OrganizationKeyInfo>, ClientError> {
        self.get(&format!("/organization/{id}/key")).await.map(|list: OrganizationKeyList| list.data)
    }

    /// Creates a key for the organization's nodes. Its private half is returned only once.
    pub async fn create_organization_key(&self, id: OrgId) -> Result<OrganizationKeyMade, ClientError> {
        self.post_empty(&format!("/organization/{id}/key")).await
    }

    /// Deletes a key. Nodes that registered with it must register again with another one.
    pub async fn delete_organization_key(&self, id: OrgId, key: NodeKeyId) -> Result<(), ClientError> {
        self.delete(&format!("/organization/{id}/key/{key}")).await.map(|_: Value| ())
    }

    /// Deletes all keys of the organization's nodes. Returns a sentence with their number.
    pub async fn delete_organization_keys(&self, id: OrgId) -> Result<String, ClientError> {
        let path = format!("/organization/{id}/key");
        self.delete(&path).await.map(|deleted: Message| deleted.message.into_owned())
    }

    /// Lists the organization's own nodes, newest first.
    pub async fn organization_nodes(&self, id: OrgId) -> Result<Vec<RegisteredNode>, ClientError> {
        self.get(&format!("/organization/{id}/nodes")).await.map(|list: NodeList| list.data)
    }

    /// Deletes a node of the organization. It can't register again with a key that exists now.
    pub async fn delete_organization_node(&self, id: OrgId, node: NodeId) -> Result<(), ClientError> {
        self.delete(&format!("/organization/{id}/node/{node}")).await.map(|_: Value| ())
    }

    /// Lists the users of the organization.
    pub async fn org_users(&self) -> Result<Vec<OrgUser>, ClientError> {
        self.get("/organization/users").await.map(|list: OrgUserList| list.data)
    }

    /// Creates a user.
    pub async fn create_org_user(
        &self,
        user: &NewUserRequest,
        idempotency_key: Option<&str>,
    ) -> Result<OrgUser, ClientError> {
        self.post_once("/organization/users", user, idempotency_key).await.map(|one: OneOrgUser| one.data)
    }

    /// Changes a user's role in the organization.
    pub async fn change_org_role(&self, id: UserId, org_role: u8) -> Result<(), ClientError> {
        self.put(&format!("/user/{id}/role"), &NewRole { org_role: org_role.into() }).await.map(|_: Value| ())
    }

    /// Replaces a user's password with a one-time password, and returns it.
    pub async fn reset_password(&self, id: UserId) -> Result<Secret, ClientError> {
        let path = format!("/organization/users/{id}/reset-password");
        self.post(&path, &json!({})).await.map(|reset: PasswordResetAnswer| reset.password)
    }

    /// Removes a user.
    pub async fn delete_org_user(&self, id: UserId) -> Result<(), ClientError> {
        self.delete(&format!("/organization/users/{id}")).await.map(|_: Value| ())
    }
}
