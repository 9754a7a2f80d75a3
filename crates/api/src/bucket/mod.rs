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
mod registration_begin;
mod registration_progress;
mod status;
pub(crate) mod totals;
mod update;
mod validate;
mod validation_begin;
mod validation_progress;

use crate::endpoint::endpoints;

// axum prefers `/bucket/stats`, `/bucket/available` and `/bucket/registration` to `/bucket/{bucketId}`.
endpoints!(
    [list::list, create::create],
    [totals::totals],
    [available::available],
    [registration_begin::begin],
    [registration_progress::progress],
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
