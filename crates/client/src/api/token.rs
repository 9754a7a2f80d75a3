//! Sessions and personal API tokens.

use bucketry_model::id::{TokenId, WorkspaceId};
use bucketry_model::role::WorkspaceRole;
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ApiClient;
use crate::error::ClientError;

/// The fields of a new personal API token.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewToken {
    /// A name to recognise the token by.
    pub name: String,
    /// Expiry in RFC 3339 format; `None` means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The only workspace that the token gives access to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
    /// The highest role that the token gives in a workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<WorkspaceRole>,
}

/// A personal API token. It is shown only once.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MadeToken {
    /// Id for revoking the token.
    #[serde(alias = "tokenId")]
    pub id: TokenId,
    /// Text of the token.
    pub token: Secret,
}

#[derive(Deserialize)]
struct All {
    tokens: Vec<Value>,
}

impl ApiClient {
    /// Lists the caller's sessions and personal API tokens, as the server returns them.
    pub async fn tokens(&self) -> Result<Vec<Value>, ClientError> {
        self.get("/token").await.map(|all: All| all.tokens)
    }

    /// Creates a personal API token.
    pub async fn create_token(&self, token: &NewToken) -> Result<MadeToken, ClientError> {
        self.post("/token", token).await
    }

    /// Revokes a session or a personal API token.
    pub async fn revoke_token(&self, id: TokenId) -> Result<(), ClientError> {
        self.delete(&format!("/token/{id}")).await.map(|_: Value| ())
    }
}
