//! Headers that every response of a router has.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

const JSON: &str = "application/json";
/// Responses are true for the moment only, and many are for one caller only.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Forbids browsers to guess media types, and caches to store JSON that doesn't say how long it is valid.
pub fn secure(headers: &mut HeaderMap) {
    if headers.get(CONTENT_TYPE).is_some_and(|media_type| media_type == JSON) {
        headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_not_stored_unless_it_says_otherwise() {
        let with = |pairs: &[(http::HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(name, HeaderValue::from_static(value));
            }
            secure(&mut headers);
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
            headers.get(CACHE_CONTROL).cloned()
        };
        assert_eq!(with(&[(CONTENT_TYPE, JSON)]), Some(NO_STORE));
        let cached = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, "no-cache")];
        assert_eq!(with(&cached), Some(HeaderValue::from_static("no-cache")));
        assert_eq!(with(&[(CONTENT_TYPE, "text/html")]), None);
    }
}
