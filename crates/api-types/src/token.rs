//! Sessions and personal API tokens.

use bucketry_model::id::{TokenId, WorkspaceId};
use bucketry_model::role::WorkspaceRole;
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::secret::expose_optional;

/// An API token to create.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = NewToken))]
pub struct NewTokenRequest {
    /// The name of the token, as lists show it.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255, example = "nightly backup"))]
    pub name: String,
    /// When the token expires, as RFC 3339. If it is left out, the token gets the longest lifetime that the
    /// operator allows, or never expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub expires_at: Option<String>,
    /// The only workspace that the token may be used for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    pub workspace_id: Option<String>,
    /// The highest role that the token may use in any workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<WorkspaceRole>,
}

/// A new API token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenCreated {
    /// Always true.
    pub success: bool,
    /// The token's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: TokenId,
    /// The token itself, `bkt_…`. Returned only once: absent if the response is repeated for an
    /// `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose_optional")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub token: Option<Secret>,
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(feature = "openapi", schema(as = TokenKind))]
pub enum TokenType {
    /// A login session.
    Session,
    /// A personal API token.
    Api,
    /// A session of the dashboard in a browser.
    Browser,
}

/// A session or an API token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// The token's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: TokenId,
    /// Whether this is a session or an API token.
    #[serde(rename = "type")]
    pub kind: TokenType,
    /// The API token's name, or the session's device.
    pub name: String,
    /// The only workspace that the token may be used for.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub workspace_id: Option<WorkspaceId>,
    /// The highest role that the token may use in any workspace.
    pub role: Option<WorkspaceRole>,
    /// When the token was created.
    pub created_at: Moment,
    /// When the token was last refreshed or is known to have been used.
    pub last_used_at: Option<Moment>,
    /// When the token expires.
    pub expires_at: Option<Moment>,
    /// Whether this request was made with this token.
    pub current: bool,
}

/// A list of the caller's tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenList {
    /// Always true.
    pub success: bool,
    /// The tokens, newest first.
    pub tokens: Vec<Token>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
