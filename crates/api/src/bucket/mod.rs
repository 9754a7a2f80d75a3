//! `/bucket`: registered buckets.

pub(crate) mod answer;
mod available;
mod clean_uploads;
mod create;
mod day;
mod delete;
mod diagnosis;
mod events;
mod freshness;
mod input;
mod inventory;
mod list;
mod outages;
mod read;
mod status;
pub(crate) mod totals;
mod update;
mod validate;
mod validation_begin;
mod validation_progress;

use crate::endpoint::endpoints;

// axum prefers `/bucket/stats` and `/bucket/available` to `/bucket/{bucketId}`.
endpoints!(
    [list::list, create::create],
    [totals::totals],
    [available::available],
    [read::read, update::update, delete::delete],
    [status::status],
    [diagnosis::diagnosis],
    [events::events],
    [outages::outages],
    [day::day],
    [validate::validate],
    [validation_begin::begin],
    [validation_progress::progress],
    [clean_uploads::clean];
    inventory, freshness,
);
