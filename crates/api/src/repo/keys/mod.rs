//! `/repo/{repoId}/apikey`: access keys.

mod create;
mod input;
mod list;
mod revoke;
mod update;

use crate::endpoint::endpoints;

endpoints!([list::list, create::create], [update::update, revoke::revoke]);
