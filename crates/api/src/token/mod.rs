//! `/token`: the caller's sessions and personal API tokens.

mod create;
mod list;
mod revoke;

use crate::endpoint::endpoints;

endpoints!([list::list, create::create], [revoke::revoke]);
