//! Access tokens: asked for with a service account's assertion, kept until shortly before they expire.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use quick_cache::sync::Cache;
use serde_json::Value;

use crate::body::{Outgoing, Payload};
use crate::connection::{Connections, Pace};
use crate::error::{ErrorAnswer, ErrorKind, MAX_ERROR_BYTES, ProviderError, is_code, kind_of_status};
use crate::gcs::service_account::{ServiceAccount, TOKEN_URI};
use crate::headers::clock_is_off;

/// How long before its expiry a token is replaced.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
const CACHED_ACCOUNTS: usize = 4_096;
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The tokens of all accounts, so that buckets of one account share one. Bounded; a token that fell out is asked for
/// again.
pub(crate) struct Tokens(Cache<[u8; 32], Arc<Slot>>);

/// The token of one account.
#[derive(Default)]
struct Slot {
    held: Mutex<Option<Held>>,
    /// Held by the one that asks; the others wait for its answer.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Held {
    authorization: HeaderValue,
    expires: Timestamp,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self(Cache::new(CACHED_ACCOUNTS))
    }
}

/// A service account at a token service.
pub(super) struct TokenSource {
    account: ServiceAccount,
    uri: Uri,
    slot: Arc<Slot>,
}

impl TokenSource {
    /// Google's own token service.
    pub(super) fn google(account: ServiceAccount, connections: &Connections) -> Self {
        Self::at(Uri::from_static(TOKEN_URI), account, connections)
    }

    /// Another token service. No input from outside may lead here.
    pub(super) fn at(uri: Uri, account: ServiceAccount, connections: &Connections) -> Self {
        let tokens = &connections.tokens().0;
        let mut id = account.fingerprint();
        for (byte, other) in id.iter_mut().zip(crate::body::sha256(uri.to_string().as_bytes())) {
            *byte ^= other;
        }
        let slot = tokens.get(&id).unwrap_or_else(|| {
            let slot = Arc::new(Slot::default());
            tokens.insert(id, Arc::clone(&slot));
            slot
        });
        Self { account, uri, slot }
    }

    /// The value of the `Authorization` field. One request to the token service at a time; dropped, the next caller
    /// asks.
    pub(super) async fn authorization(
        &self,
        connections: &Connections,
    ) -> Result<HeaderValue, ProviderError> {
        if let Some(held) = self.fresh(connections) {
            return Ok(held);
        }
        let _turn = self.slot.asking.lock().await;
        if let Some(held) = self.fresh(connections) {
            return Ok(held);
        }
        let held = self.ask(connections).await?;
        *self.slot.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held.clone());
        Ok(held.authorization)
    }

    /// Forgets a token that the provider refused.
    pub(super) fn forget(&self, refused: &HeaderValue) {
        let mut held = self.slot.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|held| held.authorization == refused) {
            *held = None;
        }
    }

    fn fresh(&self, connections: &Connections) -> Option<HeaderValue> {
        let held = self.slot.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.as_ref()?;
        (connections.clock().now() < held.expires).then(|| held.authorization.clone())
    }

    async fn ask(&self, connections: &Connections) -> Result<Held, ProviderError> {
        let now = connections.clock().now();
        let assertion = self
            .account
            .assertion(&self.uri.to_string(), now)
            .ok_or(ProviderError::InvalidRequest("the private key can't sign"))?;
        let form =
            format!("grant_type={}&assertion={assertion}", utf8_percent_encode(GRANT, NON_ALPHANUMERIC));
        let payload = Payload::bytes(form);
        let mut request = Request::new(Outgoing::empty());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        let host = self.uri.authority().map_or("", http::uri::Authority::as_str);
        let host = HeaderValue::from_str(host).map_err(|_| ProviderError::InvalidRequest("the host"))?;
        headers.insert(HOST, host);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(payload.length()));
        *request.body_mut() = Outgoing::of(payload).0;
        let (head, body) = connections.send(request, None, Pace::Usual).await?.into_parts();
        let document = connections.document(body, MAX_ERROR_BYTES, Pace::Usual).await?;
        let json: Value = serde_json::from_slice(&document).unwrap_or_default();
        if !head.status.is_success() {
            return Err(refusal(head.status, &head.headers, &json, now));
        }
        read_token(&json, now).ok_or_else(|| garbage(&head.headers))
    }
}

fn read_token(json: &Value, now: Timestamp) -> Option<Held> {
    let token = json["access_token"].as_str().filter(|token| !token.is_empty())?;
    // Google pads some tokens with dots; nothing of that is to be changed.
    let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    authorization.set_sensitive(true);
    let lifetime = SignedDuration::from_secs(json["expires_in"].as_i64()?.clamp(0, 86_400));
    let early = if lifetime > EARLY * 2 { EARLY } else { lifetime / 2 };
    Some(Held { authorization, expires: now.checked_add(lifetime - early).ok()? })
}

/// What a token service answers that isn't one.
fn garbage(headers: &HeaderMap) -> ProviderError {
    ErrorAnswer::new(StatusCode::BAD_GATEWAY, ErrorKind::Internal, None, headers).into()
}

/// One code stands for most refusals; its description, which is not shown, tells them apart.
fn refusal(status: StatusCode, headers: &HeaderMap, json: &Value, now: Timestamp) -> ProviderError {
    let code = json["error"].as_str().filter(|code| is_code(code));
    let description = json["error_description"].as_str().unwrap_or_default();
    let kind = match code {
        Some("invalid_grant") if clock_is_off(headers, now) || description.contains("timeframe") => {
            ErrorKind::ClockSkew
        }
        Some("invalid_grant") if description.contains("account not found") => ErrorKind::KeyUnknown,
        Some("invalid_client" | "disabled_client" | "deleted_client") => ErrorKind::KeyUnknown,
        Some("invalid_grant") => ErrorKind::SecretWrong,
        Some("unauthorized_client" | "access_denied") => ErrorKind::AccessDenied,
        None if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS => {
            return garbage(headers);
        }
        _ => kind_of_status(status),
    };
    ErrorAnswer::new(status, kind, code.map(Into::into), headers).into()
}

/// Puts a token into a request.
pub(super) fn put(headers: &mut HeaderMap, authorization: &HeaderValue) {
    headers.insert(AUTHORIZATION, authorization.clone());
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.account.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_token_is_replaced_before_it_expires() {
        let held = |expires_in: i64| {
            let json = json!({ "access_token": "ya29.secret", "expires_in": expires_in });
            read_token(&json, now()).map(|held| held.expires.duration_since(now()).as_secs())
        };
        assert_eq!(held(3_600), Some(3_300));
        assert_eq!(held(100), Some(50));
        assert_eq!(held(-5), Some(0));
        for wrong in [json!({}), json!({ "access_token": "a\nb", "expires_in": 1 }), json!([])] {
            assert!(read_token(&wrong, now()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        let told = |status, json: Value| {
            let status = StatusCode::from_u16(status).unwrap();
            refusal(status, &HeaderMap::new(), &json, now()).kind().unwrap()
        };
        let grant = |words: &str| json!({ "error": "invalid_grant", "error_description": words });
        assert_eq!(told(400, grant("Invalid grant: account not found")), ErrorKind::KeyUnknown);
        assert_eq!(told(400, grant("Invalid JWT Signature.")), ErrorKind::SecretWrong);
        let frame =
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
        assert_eq!(told(400, grant(frame)), ErrorKind::ClockSkew);
        assert_eq!(told(401, json!({ "error": "disabled_client" })), ErrorKind::KeyUnknown);
        assert_eq!(told(400, json!({ "error": "unauthorized_client" })), ErrorKind::AccessDenied);
        assert_eq!(told(429, json!("slow down")), ErrorKind::Throttled);
        assert_eq!(told(503, Value::Null), ErrorKind::Throttled);
        assert_eq!(told(404, Value::Null), ErrorKind::Internal);
    }
}
