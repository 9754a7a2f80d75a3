//! `/bucket/{bucketId}/inventory`: how full a bucket is.

pub(crate) mod answer;
mod change;
mod input;
mod organization;
mod organization_change;
mod read;
mod start;

use crate::endpoint::endpoints;

endpoints!([read::read, change::change, start::start], [organization::read, organization_change::change],);
