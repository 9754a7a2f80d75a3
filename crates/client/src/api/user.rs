//! Logging in and out, and who one is.

use bucketry_model::id::{OrgId, UserId};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ApiClient;
use crate::error::ClientError;

/// A login, or its renewal.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Opens the API for an hour.
    pub access_token: Secret,
    /// Renews the session once; the answer has the next one.
    pub refresh_token: Secret,
    /// The session's id, as told at login.
    #[serde(default)]
    pub token_id: Option<String>,
    /// When the access token expires, in Unix seconds.
    pub expires_at: i64,
}

/// The caller's own account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
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
    /// The organization.
    pub org_id: OrgId,
    /// The role in the organization, as its number.
    pub org_role: u8,
    /// The role's name.
    #[serde(default)]
    pub org_role_description: Option<String>,
    /// Whether the password must be changed before anything else can be done.
    #[serde(default)]
    pub must_change_password: bool,
}

#[derive(Deserialize)]
struct ProfileAnswer {
    data: Profile,
}

impl ApiClient {
    /// Logs in. The client itself keeps no token: make one with [`ApiClient::with_token`].
    pub async fn login(&self, email: &str, password: &Secret) -> Result<Session, ClientError> {
        self.post("/user/login", &json!({ "email": email, "password": password.expose() })).await
    }

    /// Renews a session. The refresh token is used up by it.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Session, ClientError> {
        self.post("/user/refresh", &json!({ "refreshToken": refresh_token.expose() })).await
    }

    /// Ends a session.
    pub async fn logout(&self, refresh_token: &Secret) -> Result<(), ClientError> {
        self.post("/user/logout", &json!({ "refreshToken": refresh_token.expose() })).await.map(|_: Value| ())
    }

    /// Changes the caller's own password. The current one may be left out within five minutes of signing in.
    pub async fn change_password(
        &self,
        id: UserId,
        new: &Secret,
        current: Option<&Secret>,
    ) -> Result<(), ClientError> {
        let body = json!({ "password": new.expose(), "currentPassword": current.map(Secret::expose) });
        self.put(&format!("/user/{id}"), &body).await.map(|_: Value| ())
    }

    /// Tells who the token belongs to.
    pub async fn profile(&self) -> Result<Profile, ClientError> {
        self.get("/user/profile").await.map(|answer: ProfileAnswer| answer.data)
    }
}
