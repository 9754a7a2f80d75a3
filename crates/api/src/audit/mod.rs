//! `/audit`: records of changes, refusals and logins.

mod answer;
mod csv;
mod export;
mod list;

use crate::endpoint::endpoints;

endpoints!([list::list]);
