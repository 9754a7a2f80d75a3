//! Login, logout, and the caller's own account.

use bucketry_api_types::session::{Login, RefreshToken, Session};
use bucketry_api_types::user::{AccountChanges, Profile, ProfileAnswer};
use bucketry_model::id::UserId;
use bucketry_model::secret::Secret;
use serde_json::Value;

use super::ApiClient;
use crate::error::ClientError;

fn presented(refresh_token: &Secret) -> RefreshToken {
    RefreshToken { refresh_token: Some(refresh_token.clone()), refresh_token_again: None }
}

impl ApiClient {
    /// Logs in. The client doesn't store the token: pass it to [`ApiClient::with_token`].
    pub async fn login(&self, email: &str, password: &Secret) -> Result<Session, ClientError> {
        let login = Login { email: email.to_owned(), password: password.clone(), device_info: None };
        self.post("/user/login", &login).await
    }

    /// Renews a session. The refresh token can't be used again.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Session, ClientError> {
        self.post("/user/refresh", &presented(refresh_token)).await
    }

    /// Ends a session.
    pub async fn logout(&self, refresh_token: &Secret) -> Result<(), ClientError> {
        self.post("/user/logout", &presented(refresh_token)).await.map(|_: Value| ())
    }

    /// Changes the caller's password. The current one is optional within 5 minutes of signing in.
    pub async fn change_password(
        &self,
        id: UserId,
        new: &Secret,
        current: Option<&Secret>,
    ) -> Result<(), ClientError> {
        let body = AccountChanges {
            name: None,
            last_name: None,
            password: Some(new.clone()),
            current_password: current.cloned(),
        };
        self.put(&format!("/user/{id}"), &body).await.map(|_: Value| ())
    }

    /// Returns the account that the token belongs to.
    pub async fn profile(&self) -> Result<Profile, ClientError> {
        self.get("/user/profile").await.map(|answer: ProfileAnswer| answer.data)
    }
}
