//! `/workspace`: workspaces and their members.

mod answer;
mod create;
mod delete;
mod list;
mod members;
mod read;
mod rename;

use crate::endpoint::endpoints;

endpoints!([list::list, create::create], [read::read, rename::rename, delete::delete]; members);
