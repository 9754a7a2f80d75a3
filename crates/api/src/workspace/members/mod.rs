//! `/workspace/{workspaceId}/users`: the members of a workspace and their roles.

mod add;
mod remove;
mod set_role;

use crate::endpoint::endpoints;

endpoints!([add::add], [set_role::set_role, remove::remove]);
