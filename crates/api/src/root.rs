//! `GET /`: browsers are shown the pages, programs are told what answers.

use axum::Json;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::HeaderMap;
use http::header::{ACCEPT, VARY};
use serde::Serialize;
use utoipa::ToSchema;

/// What answers here.
#[derive(Serialize, ToSchema)]
pub(crate) struct Program {
    /// Always true.
    success: bool,
    /// Always `bucketry`.
    #[schema(value_type = String, example = "bucketry")]
    name: &'static str,
    /// Its version.
    #[schema(value_type = String, example = "0.1.0")]
    version: &'static str,
}

/// Tells what answers here. Browsers are sent to the pages.
#[utoipa::path(
    get,
    path = "/",
    tag = "Operation",
    operation_id = "root",
    responses(
        (status = 200, description = "Name and version", body = Program),
        (status = 303, description = "To the pages, for browsers (`Accept: text/html`)"),
    ),
)]
pub(crate) async fn root(headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let answer = if accept.contains("text/html") {
        Redirect::to("/docs").into_response()
    } else {
        let program = Program { success: true, name: "bucketry", version: env!("CARGO_PKG_VERSION") };
        Json(program).into_response()
    };
    ([(VARY, "Accept")], answer).into_response()
}
