//! `GET /`: redirects browsers to the dashboard, and returns name and version to programs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::HeaderMap;
use http::header::{ACCEPT, VARY};
use serde::Serialize;
use utoipa::ToSchema;

use crate::endpoint::RequestSample;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/");

/// The program that responds at this address.
#[derive(Serialize, ToSchema)]
pub(crate) struct Program {
    /// Always true.
    success: bool,
    /// Always `bucketry`.
    #[schema(value_type = String, example = "bucketry")]
    name: &'static str,
    /// The running version.
    #[schema(value_type = String, example = "0.1.0")]
    version: &'static str,
}

/// Returns the program's name and version. Browsers are redirected to the dashboard, or to `/docs` if the server has none.
#[utoipa::path(
    get,
    path = "/",
    tag = "Operation",
    operation_id = "root",
    responses(
        (status = 200, description = "Name and version", body = Program),
        (status = 303, description = "Redirect to the dashboard or to `/docs`, for browsers (`Accept: text/html`)"),
    ),
)]
pub(crate) async fn root(State(state): State<ApiState>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let answer = if accept.contains("text/html") {
        Redirect::to(&state.settings().home_page).into_response()
    } else {
        let program = Program { success: true, name: "bucketry", version: env!("CARGO_PKG_VERSION") };
        Json(program).into_response()
    };
    ([(VARY, "Accept")], answer).into_response()
}
