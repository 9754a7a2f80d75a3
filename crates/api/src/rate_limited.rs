//! The response to a request beyond a rate limit.

use http::{HeaderName, HeaderValue};

use crate::error::ApiError;
use crate::settings::Rate;

/// 429 with `Retry-After` and the headers of draft-ietf-httpapi-ratelimit-headers.
pub(crate) fn rate_limited(name: &str, rate: Rate, message: String, seconds: u64) -> ApiError {
    let Rate { per_minute, burst } = rate;
    let refilled_in = u64::from(burst.get()) * 60 / u64::from(per_minute.get()) + 1;
    let policy = format!("\"{name}\";q={burst};w={refilled_in}");
    let limit = format!("\"{name}\";r=0;t={seconds}");
    ApiError::too_many_requests(message, seconds)
        .header(HeaderName::from_static("ratelimit-policy"), as_value(&policy))
        .header(HeaderName::from_static("ratelimit"), as_value(&limit))
}

fn as_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
