//! The caller's own account, and roles in the organization.

use std::borrow::Cow;

use bucketry_model::id::{OrgId, UserId};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::secret::expose_optional;

/// The caller's account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProfileAnswer {
    /// Always true.
    pub success: bool,
    /// The account.
    pub data: Profile,
}

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The user's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: UserId,
    /// First name.
    pub name: String,
    /// Last name.
    pub last_name: String,
    /// E-mail address.
    pub email: String,
    /// The organization that the user belongs to.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub org_id: OrgId,
    /// The role in the organization: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    pub org_role: u8,
    /// The name of the role.
    #[cfg_attr(feature = "openapi", schema(example = "OWNER"))]
    pub org_role_description: Cow<'static, str>,
    /// The numbers of the role and of all lower roles.
    pub org_roles: Vec<u8>,
    /// Whether the e-mail address is verified.
    pub validated: bool,
    /// Whether the password is a one-time password. Until it is changed, the session can do nothing else.
    pub must_change_password: bool,
    /// Whether a second factor is required at login. Always false.
    pub mfa_required: bool,
    /// Whether the organization is a business. Always true.
    pub is_business: bool,
}

/// A user's role.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoleAnswer {
    /// Always true.
    pub success: bool,
    /// The user's role.
    pub data: RoleOfUser,
}

/// A user's role in the organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RoleOfUser {
    /// The user's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub user_id: UserId,
    /// The number of the role: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    pub org_role: u8,
    /// The name of the role.
    #[cfg_attr(feature = "openapi", schema(example = "OWNER"))]
    pub org_role_description: Cow<'static, str>,
    /// The numbers of the role and of all lower roles.
    pub org_roles: Vec<u8>,
}

/// Changes to an account. Absent fields stay unchanged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AccountChanges {
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub name: Option<String>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub last_name: Option<String>,
    /// A new password, for the caller's own account only: at least 8 characters, with upper-case and lower-case
    /// letters and digits.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose_optional")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, format = Password, write_only, min_length = 8, max_length = 1024)
    )]
    pub password: Option<Secret>,
    /// The current password. It may be left out within five minutes of logging in.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose_optional")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Option<String>, format = Password, write_only, max_length = 1024)
    )]
    pub current_password: Option<Secret>,
}

/// A new role for a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewRole {
    /// The number of the new role: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    #[cfg_attr(feature = "openapi", schema(example = 2))]
    pub org_role: i64,
}

/// The result of changing a role.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoleChangedAnswer {
    /// Always true.
    pub success: bool,
    /// The role before and after the change.
    pub data: RoleChanged,
}

/// A role before and after.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RoleChanged {
    /// The user's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub user_id: UserId,
    /// The number of the previous role.
    pub previous_role: u8,
    /// The number of the new role.
    pub new_role: u8,
    /// The change in one sentence.
    pub message: String,
}
