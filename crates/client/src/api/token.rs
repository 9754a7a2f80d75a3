//! Sessions and personal API tokens.

use bucketry_model::id::{TokenId, WorkspaceId};
use bucketry_model::role::WorkspaceRole;
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ApiClient;
use crate::error::ClientError;

/// What a personal API token is made with.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// Until when it holds, RFC 3339; none for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The only workspace that it opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
    /// The most that it may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<WorkspaceRole>,
}

/// A personal API token, shown this once.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MadeToken {
    /// Its id, which it is revoked by.
    #[serde(alias = "tokenId")]
    pub id: TokenId,
    /// The token.
    pub token: Secret,
}

#[derive(Deserialize)]
struct All {
    tokens: Vec<Value>,
}

impl ApiClient {
    /// The caller's sessions and personal API tokens, as the server tells them.
    pub async fn tokens(&self) -> Result<Vec<Value>, ClientError> {
        self.get("/token").await.map(|all: All| all.tokens)
    }

    /// Makes a personal API token.
    pub async fn create_token(&self, token: &NewToken) -> Result<MadeToken, ClientError> {
        self.post("/token", token).await
    }

    /// Revokes a session or a personal API token.
    pub async fn revoke_token(&self, id: TokenId) -> Result<(), ClientError> {
        self.delete(&format!("/token/{id}")).await.map(|_: Value| ())
    }
}
