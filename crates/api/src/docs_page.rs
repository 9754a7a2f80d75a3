//! `/docs`: the OpenAPI document as a web page. It loads nothing from other hosts.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/docs");

const PAGE: &str = include_str!("../assets/docs.html");
const STYLE: &str = include_str!("../assets/docs.css");
const SCRIPT: &str = include_str!("../assets/docs.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// Scripts, styles and data from this host only; no framing, forms or embedded content.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Returns a web page that shows this document.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "Operation",
    operation_id = "docs",
    responses((status = 200, description = "The page", body = String, content_type = "text/html; charset=utf-8")),
)]
pub(crate) async fn page() -> Response {
    serve("text/html; charset=utf-8", PAGE)
}

/// The style, the script and the icon of the page.
pub(crate) async fn asset(path: Option<Path<String>>) -> ApiResult<Response> {
    match path.as_ref().map(|Path(name)| name.as_str()) {
        Some("docs.css") => Ok(serve("text/css; charset=utf-8", STYLE)),
        Some("docs.js") => Ok(serve("text/javascript; charset=utf-8", SCRIPT)),
        Some("icon.svg") => Ok(serve("image/svg+xml", ICON)),
        _ => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "there is nothing at this path: /docs lists the calls",
        )),
    }
}

fn serve(kind: &'static str, text: &'static str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // The names don't change with the content, so browsers must revalidate.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    (headers, text).into_response()
}
