//! `/user`: the caller's own account, and roles in the organization. axum prefers `/user/profile` to `/user/{userId}`.

mod profile;
mod role;
mod set_role;
mod update;

use crate::endpoint::endpoints;

endpoints!([profile::profile], [role::role, update::update], [set_role::set_role]);
