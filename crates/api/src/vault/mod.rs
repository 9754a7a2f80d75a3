//! `/vault/rotation`: replaces the keys that secrets are sealed to.

mod answer;
mod read;
mod start;

use crate::endpoint::endpoints;

endpoints!([read::read, start::start]);
