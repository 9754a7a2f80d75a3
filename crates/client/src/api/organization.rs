//! The organization's accounts.

use bucketry_model::id::{OrgId, UserId};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ApiClient;
use crate::error::ClientError;

/// An account of the organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrgUser {
    /// Its id.
    pub id: UserId,
    /// The address that logs in.
    pub email: String,
    /// First name.
    #[serde(default)]
    pub name: Option<String>,
    /// Last name.
    #[serde(default)]
    pub last_name: Option<String>,
    /// The organization.
    pub org_id: OrgId,
    /// The role in the organization, as its number.
    pub org_role: u8,
    /// The role's name.
    #[serde(default)]
    pub org_role_description: Option<String>,
    /// Whether the account may write.
    #[serde(default)]
    pub validated: bool,
}

/// A new account.
#[derive(Debug, Clone)]
pub struct NewOrgUser {
    /// The address that logs in.
    pub email: String,
    /// The first password.
    pub password: Secret,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// The role in the organization, as its number.
    pub org_role: u8,
}

#[derive(Deserialize)]
struct One {
    data: OrgUser,
}

#[derive(Deserialize)]
struct All {
    data: Vec<OrgUser>,
}

impl ApiClient {
    /// The organization's accounts.
    pub async fn org_users(&self) -> Result<Vec<OrgUser>, ClientError> {
        self.get("/organization/users").await.map(|all: All| all.data)
    }

    /// Makes an account.
    pub async fn create_org_user(
        &self,
        user: &NewOrgUser,
        idempotency_key: Option<&str>,
    ) -> Result<OrgUser, ClientError> {
        let body = json!({
            "email": user.email,
            "password": user.password.expose(),
            "firstName": user.first_name,
            "lastName": user.last_name,
            "orgRole": user.org_role,
            "sendInvite": false,
        });
        self.post_once("/organization/users", &body, idempotency_key).await.map(|one: One| one.data)
    }

    /// Changes an account's role in the organization.
    pub async fn change_org_role(&self, id: UserId, org_role: u8) -> Result<(), ClientError> {
        self.put(&format!("/user/{id}/role"), &json!({ "orgRole": org_role })).await.map(|_: Value| ())
    }

    /// Removes an account.
    pub async fn delete_org_user(&self, id: UserId) -> Result<(), ClientError> {
        self.delete(&format!("/organization/users/{id}")).await.map(|_: Value| ())
    }
}
