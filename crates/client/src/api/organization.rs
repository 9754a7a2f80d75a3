//! The organization and its users.

use bucketry_model::id::{OrgId, UserId};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ApiClient;
use crate::error::ClientError;

/// An organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct Organization {
    pub id: OrgId,
    pub name: String,
    /// Time of creation.
    pub created_at: String,
    /// Number of registered buckets.
    pub bucket_count: u64,
    /// Maximum number of buckets; `None` means unlimited.
    #[serde(default)]
    pub bucket_quota: Option<u64>,
    /// External id that the trust policies of its AWS roles must require.
    pub aws_external_id: String,
}

/// A user of the organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct OrgUser {
    pub id: UserId,
    /// E-mail address that the user logs in with.
    pub email: String,
    /// First name.
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub last_name: Option<String>,
    pub org_id: OrgId,
    /// Role in the organization, as a number.
    pub org_role: u8,
    /// Name of the role.
    #[serde(default)]
    pub org_role_description: Option<String>,
    /// Whether the e-mail address is verified, so that the user may make changes.
    #[serde(default)]
    pub validated: bool,
}

/// A new user.
#[derive(Debug, Clone)]
pub struct NewOrgUser {
    /// E-mail address that the user logs in with.
    pub email: String,
    /// One-time password.
    pub password: Secret,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Role in the organization, as a number.
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
    /// Returns the caller's organization.
    pub async fn organization(&self, id: OrgId) -> Result<Organization, ClientError> {
        self.get(&format!("/organization/{id}")).await.map(|own: Own| own.data)
    }

    /// Lists the users of the organization.
    pub async fn org_users(&self) -> Result<Vec<OrgUser>, ClientError> {
        self.get("/organization/users").await.map(|all: All| all.data)
    }

    /// Creates a user.
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

    /// Changes a user's role in the organization.
    pub async fn change_org_role(&self, id: UserId, org_role: u8) -> Result<(), ClientError> {
        self.put(&format!("/user/{id}/role"), &json!({ "orgRole": org_role })).await.map(|_: Value| ())
    }

    /// Replaces a user's password with a one-time password, and returns it.
    pub async fn reset_password(&self, id: UserId) -> Result<Secret, ClientError> {
        let path = format!("/organization/users/{id}/reset-password");
        self.post(&path, &json!({})).await.map(|reset: Reset| reset.password)
    }

    /// Removes a user.
    pub async fn delete_org_user(&self, id: UserId) -> Result<(), ClientError> {
        self.delete(&format!("/organization/users/{id}")).await.map(|_: Value| ())
    }
}
