//! Users in responses.

use bucketry_api_types::organization_user::OrgUser;
use bucketry_store::user::User;

use crate::org_role::role_numbers;

pub(super) fn org_user(user: &User) -> OrgUser {
    OrgUser {
        id: user.id,
        email: user.email.clone(),
        name: user.first_name.as_str().to_owned(),
        last_name: user.last_name.as_str().to_owned(),
        org_id: user.org_id,
        org_role: user.org_role.number(),
        org_role_description: user.org_role.as_str().into(),
        org_roles: role_numbers(user.org_role),
        validated: user.validated,
        deleted_at: None,
    }
}
