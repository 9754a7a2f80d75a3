//! All routes.

use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router, middleware};
use bucketry_web::access_log::observe;
use bucketry_web::panics::catch_panics;
use bytes::Bytes;
use http::StatusCode;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

use crate::endpoint::RequestSample;
use crate::error::ApiError;
use crate::metrics_page::AtMetricsListener;
use crate::observe::ObservedApi;
use crate::openapi::{OpenApiDocument, ServedDocument};
use crate::outdated::refuse_if_outdated;
use crate::refusals::record_refusals;
use crate::state::ApiState;
use crate::unknown_parameters::KnownParameters;
use crate::{cors, docs_page, health, metrics_page, not_served, openapi, ready};

/// All endpoints.
mod all {
    use crate::endpoint::endpoints;
    use crate::{
        audit, bucket, docs_page, events, findings, health, metrics_page, node, notification, openapi,
        organization, organization_users, ready, repo, root, session, stats, systemevent, token, unit, user,
        vault, workspace,
    };

    endpoints!(
        [root::root],
        [health::health],
        [ready::ready],
        [metrics_page::metrics],
        [openapi::openapi],
        [docs_page::page],
        [events::events],
        [findings::findings],
        [unit::stats];
        bucket, repo, stats, workspace, organization, organization_users, user, session, token, node, vault, audit, systemevent,
        notification
    );
}

fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(OpenApiDocument::openapi()).merge(all::routes())
}

/// A valid request to every route of the OpenAPI document, for tests.
pub fn request_samples() -> Vec<RequestSample> {
    all::samples()
}

/// The OpenAPI document as indented JSON, with a line feed at the end.
pub fn openapi_json() -> String {
    let mut document = routes().into_openapi();
    openapi::mark_old_paths(&mut document);
    // Serializing can't fail: the document consists of strings and maps with string keys.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// The API as an axum router: every path of the OpenAPI document, the page that shows it, and error responses of
/// one shape for everything else.
pub fn router(state: ApiState) -> Router {
    let document = ServedDocument(Bytes::from(openapi_json()));
    let (router, described) = routes().split_for_parts();
    let router = router
        .route("/docs/{asset}", get(docs_page::asset))
        .merge(not_served::routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(Extension(document))
        .layer(Extension(KnownParameters::of(&described)))
        .layer(catch_panics(panicked))
        .layer(middleware::from_fn_with_state(state.clone(), record_refusals))
        .layer(middleware::from_fn_with_state(state.clone(), refuse_if_outdated));
    let router = match cors::layer(&state.settings().allowed_origins) {
        Some(layer) => router.layer(layer),
        None => router,
    };
    router
        .layer(middleware::from_fn_with_state(ObservedApi(state.clone()), observe::<ObservedApi>))
        .with_state(state)
}

/// Metrics and health as an axum router, for an address that only the operator's programs can reach.
pub fn metrics_router(state: ApiState) -> Router {
    Router::new()
        .route("/metrics", get(metrics_page::metrics))
        .route("/health", get(health::health))
        .route("/ready", get(ready::ready))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(Extension(AtMetricsListener))
        .layer(catch_panics(panicked))
        .layer(middleware::from_fn_with_state(ObservedApi(state.clone()), observe::<ObservedApi>))
        .with_state(state)
}

async fn unknown_path() -> ApiError {
    let message = "there is nothing at this path: /docs lists the calls";
    ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
}

async fn unknown_method() -> ApiError {
    let message = "this path does not support this method: the header Allow lists those that it supports";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
}

/// The message goes to the log only.
fn panicked(message: &str) -> Response {
    ApiError::internal(format!("a handler panicked: {message}")).into_response()
}
