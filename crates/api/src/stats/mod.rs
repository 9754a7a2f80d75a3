//! `/stats`: traffic by minute, by hour and by day, and node reports on buckets.

mod daily;
mod hourly;
mod minute;
mod nodes;
mod traffic;

use crate::endpoint::endpoints;

endpoints!([daily::daily], [hourly::hourly], [minute::minute]; nodes);
