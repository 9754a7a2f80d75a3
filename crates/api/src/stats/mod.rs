//! `/stats`: traffic by minute and by day, and node reports on buckets.

mod daily;
mod minute;
mod nodes;
mod traffic;

use crate::endpoint::endpoints;

endpoints!([daily::daily], [minute::minute]; nodes);
