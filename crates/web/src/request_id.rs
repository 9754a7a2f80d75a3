//! The ids of requests, by which clients and the log refer to them.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header with the request's id, in requests and responses.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is accepted from a request, in bytes.
const LONGEST_ID: usize = 128;

/// The request's own id where it is valid, else a new one.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        !bytes.is_empty() && bytes.len() <= LONGEST_ID && bytes.iter().all(u8::is_ascii_graphic)
    };
    if let Some(value) = headers.get(REQUEST_ID).filter(sane) {
        return value.clone();
    }
    let mut buffer = [0; 32];
    let text = Uuid::new_v4().simple().encode_lower(&mut buffer);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_id_of_the_client_is_used_and_any_other_replaced() {
        let of = |given: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
            request_id(&headers)
        };
        assert_eq!(of("trace-7"), "trace-7");
        for wrong in ["", "two words", &"x".repeat(129)] {
            assert_eq!(of(wrong).len(), 32, "{wrong}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
