//! `GET /ui/assets/{hash}/{name}`: the style sheet, the scripts, the icon.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use crate::assets::Assets;
use crate::state::Dashboard;

const ONE_YEAR: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A page of another version that is still open after an update gets this version's file, but may not keep it.
pub(crate) async fn show(
    State(app): State<Dashboard>,
    Path((hash, name)): Path<(String, String)>,
) -> Response {
    let Some(asset) = Assets::find(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let mut response = asset.content.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    if app.assets().is_current(&hash) {
        headers.insert(CACHE_CONTROL, ONE_YEAR);
    }
    response
}
