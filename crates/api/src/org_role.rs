//! Organization roles, which requests and responses have as numbers.

use bucketry_model::role::OrgRole;

use crate::error::{ApiError, ApiResult};

/// Parses the number of an organization role.
pub(crate) fn read_role(number: i64) -> ApiResult<OrgRole> {
    OrgRole::from_number(number).map_err(|error| ApiError::field("orgRole", error.to_string()))
}

/// The numbers of a role and of all lower roles.
pub(crate) fn role_numbers(role: OrgRole) -> Vec<u8> {
    role.and_lower().map(OrgRole::number).collect()
}
