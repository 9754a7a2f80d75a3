//! Refuses requests once a newer version has upgraded the database in a way that this version can't work with.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::error::ApiError;
use crate::observe::NODE_ROUTES;
use crate::state::ApiState;

/// What is answered without the database, or says what is wrong with it.
const STILL_SERVED: [&str; 6] = ["/", "/docs", "/health", "/metrics", "/openapi.json", "/ready"];

/// Refuses everything that would use the database.
///
/// Middleware for [`axum::middleware::from_fn_with_state`].
pub(crate) async fn refuse_if_outdated(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Response {
    let Err(outdated) = state.control().refuse_if_outdated() else { return next.run(request).await };
    let path = request.uri().path();
    if STILL_SERVED.contains(&path) || path.starts_with("/docs/") {
        return next.run(request).await;
    }
    let refused = ApiError::from(outdated);
    if NODE_ROUTES.contains(&path) { refused.for_node() } else { refused }.into_response()
}
