//! Cross-origin requests from web pages (CORS).

use std::time::Duration;

use bucketry_web::origins::AllowedOrigins;
use bucketry_web::request_id::REQUEST_ID;
use http::header::{ETAG, RETRY_AFTER};
use http::{HeaderName, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser may cache the response to a preflight.
const MAX_AGE: Duration = Duration::from_hours(1);

/// A layer that lets pages of these origins send requests and read responses; `None` where there are no origins.
/// Tokens are sent in a header, so no page can act through its visitor's cookies.
pub(crate) fn layer(allowed: &AllowedOrigins) -> Option<CorsLayer> {
    if allowed.is_empty() {
        return None;
    }
    let origins = if allowed.is_any() {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(allowed.named().iter().cloned())
    };
    let exposed = [
        ETAG,
        RETRY_AFTER,
        REQUEST_ID,
        HeaderName::from_static("x-next-cursor"),
        HeaderName::from_static("ratelimit"),
        HeaderName::from_static("ratelimit-policy"),
    ];
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
        .max_age(MAX_AGE);
    Some(layer)
}
