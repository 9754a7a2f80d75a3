//! `/bucket/{bucketId}/freshness`: how old the newest object under a prefix may be.

mod answer;
mod read;
mod remove;
mod set;

use crate::endpoint::endpoints;

endpoints!([read::read, set::set, remove::remove]);
