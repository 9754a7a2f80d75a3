//! `/organization/{orgId}/key`: the keys with which the organization's nodes sign. All calls need the organization
//! role ADMINISTRATORS.

mod create;
mod delete;
mod delete_all;
mod list;

use crate::endpoint::endpoints;

endpoints!([list::list, create::create, delete_all::delete_all], [delete::delete]);
