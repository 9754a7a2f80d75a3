//! Logging in, refreshing sessions, registering organizations.

use bucketry_model::canonical_text::CompactText;
use bucketry_model::id::{OrgId, TokenId, UserId};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::secret::{expose, expose_optional};

/// The largest `deviceInfo`, in bytes.
const DEVICE_INFO_LIMIT: usize = 4 << 10;

/// Credentials to log in with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// The user's e-mail address.
    #[cfg_attr(feature = "openapi", schema(max_length = 254, example = "owner@example.com"))]
    pub email: String,
    /// The user's password.
    #[serde(serialize_with = "expose")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, format = Password, write_only, max_length = 1024)
    )]
    pub password: Secret,
    /// The session's name in the list of tokens: any JSON value of at most 4 KiB. A string is used without its
    /// quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub device_info: Option<CompactText<DEVICE_INFO_LIMIT>>,
}

/// The account that a session belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionUser {
    /// The user's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: UserId,
    /// The user's e-mail address.
    pub email: String,
    /// First name.
    pub name: String,
    /// Last name.
    pub last_name: String,
    /// The organization that the user belongs to.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub org_id: OrgId,
    /// The role in the organization: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    pub org_role: u8,
}

/// A session and its tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Always true.
    pub success: bool,
    /// The token for the header `Authorization: Bearer …`.
    #[serde(serialize_with = "expose")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub access_token: Secret,
    /// The token to exchange at `/user/refresh` once the access token has expired. It can be used once.
    #[serde(serialize_with = "expose")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub refresh_token: Secret,
    /// The session's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub token_id: TokenId,
    /// When the access token expires, in Unix seconds.
    pub expires_at: i64,
    /// The user who logged in.
    pub user: SessionUser,
}

/// A refreshed session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefreshedSession {
    /// The same as `accessToken`, under the name that the public client reads.
    #[serde(serialize_with = "expose")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub token: Secret,
    #[expect(missing_docs, reason = "the document describes the members, not the field")]
    #[serde(flatten)]
    pub session: Session,
}

/// A refresh token, under either of its names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefreshToken {
    /// The refresh token.
    #[serde(
        rename = "refreshToken",
        skip_serializing_if = "Option::is_none",
        serialize_with = "expose_optional"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = Password, write_only))]
    pub refresh_token: Option<Secret>,
    /// The same, under the name that the public client sends.
    #[serde(
        rename = "refresh_token",
        skip_serializing_if = "Option::is_none",
        serialize_with = "expose_optional"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = Password, write_only))]
    pub refresh_token_again: Option<Secret>,
}

/// An organization to register, with its owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = NewOrganization))]
pub struct NewOrganizationRequest {
    /// The owner's e-mail address.
    #[cfg_attr(feature = "openapi", schema(max_length = 254, example = "owner@example.com"))]
    pub email: String,
    /// The owner's password: at least 8 characters, with upper-case and lower-case letters and digits.
    #[serde(serialize_with = "expose")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, format = Password, write_only, min_length = 8, max_length = 1024)
    )]
    pub password: Secret,
    /// The owner's first name.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub first_name: String,
    /// The owner's last name.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub last_name: String,
    /// The organization's name.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub company_name: String,
}
