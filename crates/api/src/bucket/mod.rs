//! `/bucket`: registered buckets.

pub(crate) mod answer;
mod available;
mod create;
mod day;
mod delete;
mod input;
mod list;
mod status;
pub(crate) mod totals;
mod update;
mod validate;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

/// The routes. axum prefers `/bucket/stats` and `/bucket/available` to `/bucket/{bucketId}`.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(totals::totals))
        .routes(routes!(available::available))
        .routes(routes!(update::update, delete::delete))
        .routes(routes!(status::status))
        .routes(routes!(day::day))
        .routes(routes!(validate::validate))
}
