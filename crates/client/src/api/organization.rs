//! The organization's accounts.

use bucketry_model::id::{OrgId, UserId};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ApiClient;
use crate::error::ClientError;

/// The organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: String,
    /// How many buckets it has.
    pub bucket_count: u64,
    /// How many buckets it may have; none where there is no limit.
    #[serde(default)]
    pub bucket_quota: Option<u64>,
    /// What the trust policies of its AWS roles must ask for.
    pub aws_external_id: String,
}

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
struct Own {
    data: Organization,
}

#[derive(Deserialize)]
struct One {
    data: OrgUser,
}

#[derive(Deserialize)]
struct Reset {
    password: Secret,
}

#[derive(Deserialize)]
struct All {
    data: Vec<OrgUser>,
}

impl ApiClient {
    /// The caller's organization.
    pub async fn organization(&self, id: OrgId) -> Result<Organization, ClientError> {
        self.get(&format!("/organization/{id}")).await.map(|own: Own| own.data)
    }

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

    /// Replaces an account's password by a one-time password, and answers it.
    pub async fn reset_password(&self, id: UserId) -> Result<Secret, ClientError> {
        let path = format!("/organization/users/{id}/reset-password");
        self.post(&path, &json!({})).await.map(|reset: Reset| reset.password)
    }

    /// Removes an account.
    pub async fn delete_org_user(&self, id: UserId) -> Result<(), ClientError> {
        self.delete(&format!("/organization/users/{id}")).await.map(|_: Value| ())
    }
}
