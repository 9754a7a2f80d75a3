//! The users of an organization.

use std::borrow::Cow;

use bucketry_model::id::{OrgId, UserId};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::secret::expose;

/// A user of the organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrgUser {
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
    /// The name of the role.
    #[cfg_attr(feature = "openapi", schema(example = "USER"))]
    pub org_role_description: Cow<'static, str>,
    /// The numbers of the role and of all lower roles.
    pub org_roles: Vec<u8>,
    /// Whether the e-mail address is verified.
    pub validated: bool,
    /// Always null: removed users are not shown.
    pub deleted_at: Option<Moment>,
}

/// A list of users.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrgUserList {
    /// Always true.
    pub success: bool,
    /// The users, newest first.
    pub data: Vec<OrgUser>,
    /// The number of users. Absent in pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A user to create.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = NewUser))]
pub struct NewUserRequest {
    /// The e-mail address to log in with.
    #[cfg_attr(feature = "openapi", schema(max_length = 254, example = "ada@example.com"))]
    pub email: String,
    /// A one-time password: at least 8 characters, with upper-case and lower-case letters and digits. The user must
    /// change it at the first login.
    #[serde(serialize_with = "expose")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, format = Password, write_only, min_length = 8, max_length = 1024)
    )]
    pub password: Secret,
    /// First name.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub first_name: String,
    /// Last name.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub last_name: String,
    /// The role in the organization: 0 USER (the default), 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = 0))]
    pub org_role: Option<i64>,
}

/// A response with a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OneOrgUser {
    /// Always true.
    pub success: bool,
    /// The user.
    pub data: OrgUser,
    /// What was done.
    pub message: Cow<'static, str>,
}

/// Changes to a user. Absent fields stay unchanged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = UserChanges))]
pub struct OrgUserChanges {
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub name: Option<String>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub last_name: Option<String>,
    /// The role in the organization: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_role: Option<i64>,
}

/// The result of a password reset.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PasswordResetAnswer {
    /// Always true.
    pub success: bool,
    /// What was done.
    pub message: Cow<'static, str>,
    /// The one-time password. It is shown only in this response.
    #[serde(serialize_with = "expose")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password, read_only))]
    pub password: Secret,
}
