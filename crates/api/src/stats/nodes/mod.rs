//! `/stats/nodes`: node reports on buckets, current, by hour and by day.

mod daily;
mod hourly;
mod minute;
mod selection;

use crate::endpoint::endpoints;

endpoints!([minute::minute], [hourly::hourly], [daily::daily]);
