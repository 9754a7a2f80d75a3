//! CORS: web pages that read and write objects. The operator sets the origins for all buckets.

use bucketry_web::origins::AllowedOrigins;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ORIGIN, VARY};
use http::{HeaderMap, HeaderValue};

const ANY: HeaderValue = HeaderValue::from_static("*");
const VARIES: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Headers, Access-Control-Request-Method");

/// The value of `Access-Control-Allow-Origin` for a request. `None` if no page may read the response.
pub(crate) fn allowed_origin(allowed: &AllowedOrigins, headers: &HeaderMap) -> Option<HeaderValue> {
    if allowed.is_empty() {
        return None;
    }
    let origin = headers.get(ORIGIN).filter(|origin| allowed.allows(origin))?;
    Some(if allowed.is_any() { ANY } else { origin.clone() })
}

/// Lets the page read the response with all its headers.
pub(crate) fn allow(origin: HeaderValue, headers: &mut HeaderMap) {
    let names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    let exposed = HeaderValue::from_str(&names.join(", "));
    if let Ok(exposed) = exposed {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(VARY, VARIES);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_of_an_answer_may_be_read() {
        let mut headers = HeaderMap::new();
        headers.insert("etag", HeaderValue::from_static("\"x\""));
        headers.insert("x-amz-request-id", HeaderValue::from_static("1"));
        allow(ANY, &mut headers);
        let exposed = headers[ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
        assert!(exposed.contains("etag") && exposed.contains("x-amz-request-id"), "{exposed}");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(headers[VARY].to_str().unwrap().starts_with("Origin"));
    }
}
