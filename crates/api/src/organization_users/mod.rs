//! `/organization/users`: the users of the caller's organization. All calls need the organization role WORKSPACES.

mod answer;
mod create;
mod delete;
mod list;
mod read;
mod reset_password;
mod update;

use crate::endpoint::endpoints;

endpoints!(
    [list::list, create::create],
    [read::read, update::update, delete::delete],
    [reset_password::reset_password],
);
