//! `/systemevent`: changes in the organization, as the public contract lists them.

mod list;
mod mark;
mod unmark;

use crate::endpoint::endpoints;

endpoints!([list::list], [mark::mark, unmark::unmark]);
