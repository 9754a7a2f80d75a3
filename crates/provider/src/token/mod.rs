//! The services that issue temporary credentials: sends requests to them and attributes failures to them.

mod words;

use bucketry_model::endpoint::Endpoint;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::connection::{Connections, ResponseTimeout};
use crate::error::{ErrorAnswer, ErrorKind, MAX_ERROR_BYTES, ProviderError};
use crate::payload::{Outgoing, Payload};
use crate::temporary_credential::Held;
pub(crate) use crate::token::words::advice;
pub use crate::token_service::TokenService;

impl TokenService {
    /// Attributes a failure to this service rather than to the object store.
    pub(crate) fn failed(self, error: ProviderError) -> ProviderError {
        ProviderError::TokenService { service: self, error: Box::new(error) }
    }
}

/// A token service's complete response.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) document: Bytes,
}

impl Answer {
    /// The error for a response that can't have come from the service.
    pub(crate) fn garbage(&self) -> ProviderError {
        ErrorAnswer::new(StatusCode::BAD_GATEWAY, ErrorKind::Internal, None, &self.headers).into()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.document).unwrap_or_default()
    }
}

/// The URL of `path` at a service: at the configured substitute `instead`, or at the service's own address.
pub(crate) fn address(instead: Option<&Endpoint>, own: &str, path: &str) -> Result<Uri, ProviderError> {
    let text = match instead {
        Some(endpoint) => format!("{endpoint}{path}"),
        None => format!("{own}{path}"),
    };
    text.parse().map_err(|_| ProviderError::InvalidRequest("the token service's address is not a valid URL"))
}

/// Posts a document and reads the whole response. `more` adds headers.
pub(crate) async fn post(
    connections: &Connections,
    uri: &Uri,
    content_type: &'static str,
    body: String,
    more: impl FnOnce(&mut HeaderMap, &Payload) -> Result<(), ProviderError>,
) -> Result<Answer, ProviderError> {
    let payload = Payload::bytes(body);
    let mut request = Request::new(Outgoing::empty());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    let headers = request.headers_mut();
    let host = uri.authority().map_or("", Authority::as_str);
    let host = HeaderValue::from_str(host)
        .map_err(|_| ProviderError::InvalidRequest("the token service's host is invalid"))?;
    headers.insert(HOST, host);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(payload.length()));
    more(headers, &payload)?;
    *request.body_mut() = Outgoing::of(payload).0;
    // Every request that may need a token contains this future but rarely runs it. On the heap, it keeps them
    // small.
    Box::pin(async {
        let (head, body) = connections.send(request, None, ResponseTimeout::Usual).await?.into_parts();
        let document = connections.document(body, MAX_ERROR_BYTES, ResponseTimeout::Usual).await?;
        Ok(Answer { status: head.status, headers: head.headers, document })
    })
    .await
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";

/// The value of an `Authorization` header. `None` if the token is empty or not valid in a header.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    // The token is sent unchanged: Google pads some with dots.
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    (!token.is_empty()).then_some(value)
}

/// Reads the response of an OAuth 2.0 server (RFC 6749 §5.1). `None` if the token or its lifetime is missing.
pub(crate) fn read_oauth(json: &Value, now: Timestamp) -> Option<Held<HeaderValue>> {
    let authorization = bearer(json["access_token"].as_str()?)?;
    // A number in the standard, a string in responses of older Microsoft servers.
    let lifetime = &json["expires_in"];
    let seconds = lifetime.as_i64().or_else(|| lifetime.as_str()?.parse().ok())?;
    Some(Held::new(authorization, now, SignedDuration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_whole_tokens_are_taken() {
        let now = Timestamp::UNIX_EPOCH;
        for right in [
            json!({ "access_token": "t", "expires_in": 1 }),
            json!({ "access_token": "t", "expires_in": "1" }),
        ] {
            assert!(read_oauth(&right, now).is_some(), "{right}");
        }
        for wrong in [
            json!({}),
            json!([]),
            json!({ "access_token": "a\nb", "expires_in": 1 }),
            json!({ "access_token": "", "expires_in": 1 }),
            json!({ "access_token": "t" }),
        ] {
            assert!(read_oauth(&wrong, now).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        assert!(!format!("{:?}", bearer("ya29.secret")).contains("ya29"));
    }
}
