//! `/notification`: channels, the log of deliveries, and silences.

mod channel;
mod silence;

/// The routes.
pub(crate) fn routes() -> utoipa_axum::router::OpenApiRouter<crate::state::ApiState> {
    utoipa_axum::router::OpenApiRouter::new().merge(channel::routes()).merge(silence::routes())
}

/// A request for each route.
pub(crate) fn samples() -> Vec<crate::endpoint::RequestSample> {
    [channel::samples(), silence::samples()].concat()
}
