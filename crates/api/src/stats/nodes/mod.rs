//! `/stats/nodes`: node reports on buckets, current and by day.

mod daily;
mod minute;
mod selection;

use crate::endpoint::endpoints;

endpoints!([minute::minute], [daily::daily]);
