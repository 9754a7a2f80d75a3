//! `/repo`: repositories and their access keys.

mod answer;
mod change;
mod create;
mod input;
mod keys;
mod list;
mod totals;
mod validate;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

/// The routes. axum prefers `/repo/stats` and `/repo/validate` to `/repo/{repoId}`.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(totals::totals))
        .routes(routes!(validate::validate_new))
        .routes(routes!(change::update, change::delete))
        .routes(routes!(validate::validate))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::update, keys::revoke))
}
