//! `/notification/silence`: times in which channels aren't notified.

mod answer;
mod create;
mod delete;
mod list;

use crate::endpoint::endpoints;

endpoints!([list::list, create::create], [delete::delete]);
