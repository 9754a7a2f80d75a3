//! Sessions and personal API tokens.

use bucketry_api_types::token::{NewTokenRequest, Token, TokenCreated, TokenList};
use bucketry_model::id::TokenId;
use serde_json::Value;

use super::ApiClient;
use crate::error::ClientError;

impl ApiClient {
    /// Lists the caller's sessions and personal API tokens.
    pub async fn tokens(&self) -> Result<Vec<Token>, ClientError> {
        self.get("/token").await.map(|list: TokenList| list.tokens)
    }

    /// Creates a personal API token.
    pub async fn create_token(&self, token: &NewTokenRequest) -> Result<TokenCreated, ClientError> {
        self.post("/token", token).await
    }

    /// Revokes a session or a personal API token.
    pub async fn revoke_token(&self, id: TokenId) -> Result<(), ClientError> {
        self.delete(&format!("/token/{id}")).await.map(|_: Value| ())
    }
}
