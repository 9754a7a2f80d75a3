//! Login, logout, and the caller's own account.

use bucketry_model::id::{OrgId, UserId};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ApiClient;
use crate::error::ClientError;

/// The tokens of a session, from a login or a refresh.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Gives access to the API for an hour.
    pub access_token: Secret,
    /// Renews the session once. The response contains the next one.
    pub refresh_token: Secret,
    /// Id of the session, returned at login.
    #[serde(default)]
    pub token_id: Option<String>,
    /// Expiry of the access token, in Unix seconds.
    pub expires_at: i64,
}

/// The caller's own account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct Profile {
    /// Id of the user.
    pub id: UserId,
    /// First name.
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub last_name: Option<String>,
    /// E-mail address that the user logs in with.
    pub email: String,
    pub org_id: OrgId,
    /// Role in the organization, as a number.
    pub org_role: u8,
    /// Name of the role.
    #[serde(default)]
    pub org_role_description: Option<String>,
    /// Whether the password must be changed before anything else.
    #[serde(default)]
    pub must_change_password: bool,
}

#[derive(Deserialize)]
struct ProfileAnswer {
    data: Profile,
}

impl ApiClient {
    /// Logs in. The client doesn't store the token: pass it to [`ApiClient::with_token`].
    pub async fn login(&self, email: &str, password: &Secret) -> Result<Session, ClientError> {
        self.post("/user/login", &json!({ "email": email, "password": password.expose() })).await
    }

    /// Renews a session. The refresh token can't be used again.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Session, ClientError> {
        self.post("/user/refresh", &json!({ "refreshToken": refresh_token.expose() })).await
    }

    /// Ends a session.
    pub async fn logout(&self, refresh_token: &Secret) -> Result<(), ClientError> {
        self.post("/user/logout", &json!({ "refreshToken": refresh_token.expose() })).await.map(|_: Value| ())
    }

    /// Changes the caller's password. The current one is optional within 5 minutes of signing in.
    pub async fn change_password(
        &self,
        id: UserId,
        new: &Secret,
        current: Option<&Secret>,
    ) -> Result<(), ClientError> {
        let body = json!({ "password": new.expose(), "currentPassword": current.map(Secret::expose) });
        self.put(&format!("/user/{id}"), &body).await.map(|_: Value| ())
    }

    /// Returns the account that the token belongs to.
    pub async fn profile(&self) -> Result<Profile, ClientError> {
        self.get("/user/profile").await.map(|answer: ProfileAnswer| answer.data)
    }
}
