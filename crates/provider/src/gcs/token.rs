//! Access tokens for Cloud Storage. They are requested with a service account's assertion and, for impersonation,
//! exchanged for tokens of another account.

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::connection::Connections;
use crate::encode::segment;
use crate::error::{ErrorAnswer, ErrorKind, ProviderError, is_code, kind_of_status};
use crate::gcs::open_error::GcsOpenError;
use crate::gcs::service_account::{ServiceAccount, TOKEN_URI};
use crate::headers::clock_is_off;
use crate::payload::sha256;
use crate::target_error::TargetError;
use crate::temporary_credential::{Held, TemporaryCredential};
use crate::token::{self, Answer, TokenService};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Allows reading, writing and deleting objects, but not changing permissions.
const STORAGE_SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// Allows requesting tokens of other accounts, and nothing else.
const IAM_SCOPE: &str = "https://www.googleapis.com/auth/iam";
const IAM_SERVICE: &str = "https://iamcredentials.googleapis.com";
const TOKEN_SERVICE: &str = "https://oauth2.googleapis.com";
/// The lifetime of an impersonated account's tokens: the longest that needs no organization policy.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

type SharedToken = Arc<TemporaryCredential<HeaderValue>>;

/// The source of a bucket's tokens.
pub(super) struct TokenSource {
    key: AccountKey,
    impersonation: Option<Impersonation>,
}

/// A service account whose key is shown to the token service.
struct AccountKey {
    account: ServiceAccount,
    scope: &'static str,
    service: Uri,
    lease: SharedToken,
}

/// Another account, whose tokens are requested with the first account's token.
struct Impersonation {
    email: Box<str>,
    service: Uri,
    lease: SharedToken,
}

impl TokenSource {
    /// Uses the account's own tokens.
    pub(super) fn of(account: ServiceAccount, connections: &Connections) -> Result<Self, GcsOpenError> {
        let key = AccountKey::at(token_service(connections)?, account, STORAGE_SCOPE, connections);
        Ok(Self { key, impersonation: None })
    }

    /// Uses the account's own tokens from a test's token service. External input must never reach this.
    #[cfg(feature = "contract")]
    pub(super) fn at(service: Uri, account: ServiceAccount, connections: &Connections) -> Self {
        Self { key: AccountKey::at(service, account, STORAGE_SCOPE, connections), impersonation: None }
    }

    /// Uses tokens of the account `email`, requested by the node's own account.
    pub(super) fn impersonating(email: &str, connections: &Connections) -> Result<Self, GcsOpenError> {
        if !is_service_account(email) {
            return Err(GcsOpenError::InvalidServiceAccountEmail);
        }
        let settings = connections.settings();
        let own = settings.identity.google.as_ref().ok_or(GcsOpenError::NoGoogleIdentity)?;
        let own = ServiceAccount::read(None, own).map_err(|_| GcsOpenError::InvalidGoogleIdentity)?;
        let path = format!("/v1/projects/-/serviceAccounts/{}:generateAccessToken", segment(email));
        let service = token::address(settings.token_services.google_iam.as_ref(), IAM_SERVICE, &path)
            .map_err(|_| GcsOpenError::InvalidServiceAccountEmail)?;
        let key = AccountKey::at(token_service(connections)?, own, IAM_SCOPE, connections);
        let id = [&key.account.fingerprint()[..], service.to_string().as_bytes()].concat();
        let lease = connections.tokens().of(sha256(&id));
        Ok(Self { key, impersonation: Some(Impersonation { email: email.into(), service, lease }) })
    }

    /// The value of the `Authorization` header.
    pub(super) async fn authorization(
        &self,
        connections: &Connections,
    ) -> Result<HeaderValue, ProviderError> {
        let Some(other) = &self.impersonation else { return self.key.authorization(connections).await };
        let ask = async {
            let own = self.key.authorization(connections).await?;
            let asked = other.ask(&own, connections).await;
            if asked.as_ref().is_err_and(is_unauthorized) {
                self.key.lease.forget(|held| *held == own);
            }
            asked.map_err(|error| TokenService::GoogleIam.failed(error))
        };
        other.lease.get(connections.clock(), ask).await
    }

    /// The project of the account whose tokens these are. `None` for the default accounts of services, whose addresses
    /// don't contain it.
    pub(super) fn project(&self) -> Option<&str> {
        let email =
            self.impersonation.as_ref().map_or_else(|| self.key.account.email(), |other| &other.email);
        let (_, domain) = email.split_once('@')?;
        domain.strip_suffix(".iam.gserviceaccount.com").filter(|project| !project.is_empty())
    }

    /// Discards a token that the provider refused.
    pub(super) fn forget(&self, refused: &HeaderValue) {
        let lease = self.impersonation.as_ref().map_or(&self.key.lease, |other| &other.lease);
        lease.forget(|held| held == refused);
    }
}

fn token_service(connections: &Connections) -> Result<Uri, TargetError> {
    token::address(connections.settings().token_services.google_token.as_ref(), TOKEN_SERVICE, "/token")
        .map_err(|_| TargetError::InvalidEndpoint)
}

/// The name of every service account ends in Google's domain for them.
fn is_service_account(email: &str) -> bool {
    email.len() <= 256
        && email.ends_with(".gserviceaccount.com")
        && email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.contains('@'))
        && email.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'@'))
}

fn is_unauthorized(error: &ProviderError) -> bool {
    error.answer().is_some_and(|answer| answer.status == StatusCode::UNAUTHORIZED)
}

impl AccountKey {
    fn at(service: Uri, account: ServiceAccount, scope: &'static str, connections: &Connections) -> Self {
        let parts =
            [&account.fingerprint()[..], scope.as_bytes(), b"\0", service.to_string().as_bytes()].concat();
        let lease = connections.tokens().of(sha256(&parts));
        Self { account, scope, service, lease }
    }

    async fn authorization(&self, connections: &Connections) -> Result<HeaderValue, ProviderError> {
        let asked = self.lease.get(connections.clock(), self.ask(connections)).await;
        asked.map_err(|error| TokenService::GoogleToken.failed(error))
    }

    async fn ask(&self, connections: &Connections) -> Result<Held<HeaderValue>, ProviderError> {
        let now = connections.clock().now();
        // The signed assertion names Google's service even if a substitute is configured.
        let assertion = self
            .account
            .assertion(TOKEN_URI, self.scope, now)
            .ok_or(ProviderError::InvalidRequest("the private key can't sign"))?;
        let form =
            format!("grant_type={}&assertion={assertion}", utf8_percent_encode(GRANT, NON_ALPHANUMERIC));
        let answer = token::post(connections, &self.service, token::FORM, form, |_, _| Ok(())).await?;
        let json = answer.json();
        if !answer.status.is_success() {
            return Err(refusal(&answer, &json, now));
        }
        token::read_oauth(&json, now).ok_or_else(|| answer.garbage())
    }
}

impl Impersonation {
    async fn ask(
        &self,
        own: &HeaderValue,
        connections: &Connections,
    ) -> Result<Held<HeaderValue>, ProviderError> {
        let now = connections.clock().now();
        let lifetime = format!("{}s", LIFETIME.as_secs());
        let body = json!({ "scope": [STORAGE_SCOPE], "lifetime": lifetime }).to_string();
        let answer = token::post(connections, &self.service, token::JSON, body, |headers, _| {
            put(headers, own);
            Ok(())
        });
        let answer = answer.await?;
        let json = answer.json();
        if !answer.status.is_success() {
            return Err(impersonation_refusal(&answer, &json["error"]));
        }
        let token = json["accessToken"].as_str().and_then(token::bearer);
        let token = token.ok_or_else(|| answer.garbage())?;
        Ok(Held::new(token, now, LIFETIME))
    }
}

/// Translates a refusal. Most have the same code and differ only in their description, which is never shown.
fn refusal(answer: &Answer, json: &Value, now: Timestamp) -> ProviderError {
    let (status, headers) = (answer.status, &answer.headers);
    let code = json["error"].as_str().filter(|code| is_code(code));
    let description = json["error_description"].as_str().unwrap_or_default();
    let kind = match code {
        Some("invalid_grant") if clock_is_off(headers, now) || description.contains("timeframe") => {
            ErrorKind::ClockSkew
        }
        Some("invalid_grant") if description.contains("account not found") => ErrorKind::KeyUnknown,
        Some("invalid_grant") => ErrorKind::SecretWrong,
        // Getting no token isn't a missing permission on the bucket, which received no request.
        Some(
            "invalid_client" | "disabled_client" | "deleted_client" | "unauthorized_client" | "access_denied",
        ) => ErrorKind::KeyUnknown,
        None if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS => {
            return answer.garbage();
        }
        _ => kind_of_status(status),
    };
    ErrorAnswer::new(status, kind, code.map(Into::into), headers).into()
}

/// Translates an error of Google's newer APIs ("Errors", API design guide), which have a status and details with a
/// reason.
fn impersonation_refusal(answer: &Answer, error: &Value) -> ProviderError {
    let reason = error["details"].as_array().into_iter().flatten().find_map(|part| part["reason"].as_str());
    let code = reason.or(error["status"].as_str()).filter(|code| is_code(code));
    let status = answer.status;
    let kind = match kind_of_status(status) {
        kind @ (ErrorKind::Throttled | ErrorKind::Internal) => kind,
        _ if code.is_none() => return answer.garbage(),
        // A forbidden and a missing account have the same kind: the node gets no token for either.
        _ => ErrorKind::KeyUnknown,
    };
    ErrorAnswer::new(status, kind, code.map(Into::into), &answer.headers).into()
}

/// Adds a token to a request.
pub(super) fn put(headers: &mut HeaderMap, authorization: &HeaderValue) {
    headers.insert(AUTHORIZATION, authorization.clone());
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.impersonation {
            Some(other) => f.debug_struct("Impersonation").field("email", &other.email).finish(),
            None => self.key.account.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers: HeaderMap::new(), document: bytes::Bytes::new() }
    }

    #[test]
    fn refusals_are_told_apart() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let response = |status, json: Value| refusal(&answer(status), &json, now).kind().unwrap();
        let grant = |words: &str| json!({ "error": "invalid_grant", "error_description": words });
        assert_eq!(response(400, grant("Invalid grant: account not found")), ErrorKind::KeyUnknown);
        assert_eq!(response(400, grant("Invalid JWT Signature.")), ErrorKind::SecretWrong);
        let frame =
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
        assert_eq!(response(400, grant(frame)), ErrorKind::ClockSkew);
        assert_eq!(response(401, json!({ "error": "disabled_client" })), ErrorKind::KeyUnknown);
        assert_eq!(response(400, json!({ "error": "unauthorized_client" })), ErrorKind::KeyUnknown);
        assert_eq!(response(429, json!("slow down")), ErrorKind::Throttled);
        assert_eq!(response(503, Value::Null), ErrorKind::Throttled);
        assert_eq!(response(404, Value::Null), ErrorKind::Internal);
    }

    #[test]
    fn a_refused_impersonation_keeps_its_reason_and_never_reads_as_a_denial() {
        let response = |status, json: Value| {
            let error = impersonation_refusal(&answer(status), &json);
            let code = error.answer().unwrap().code.clone().map(String::from);
            (error.kind().unwrap(), code.unwrap_or_default())
        };
        let denied =
            json!({ "status": "PERMISSION_DENIED", "details": [{ "reason": "IAM_PERMISSION_DENIED" }] });
        assert_eq!(response(403, denied), (ErrorKind::KeyUnknown, "IAM_PERMISSION_DENIED".to_owned()));
        assert_eq!(
            response(404, json!({ "status": "NOT_FOUND" })),
            (ErrorKind::KeyUnknown, "NOT_FOUND".to_owned())
        );
        assert_eq!(response(429, json!({ "status": "RESOURCE_EXHAUSTED" })).0, ErrorKind::Throttled);
        assert_eq!(
            response(403, Value::Null),
            (ErrorKind::Internal, String::new()),
            "another server responded"
        );
    }

    #[test]
    fn only_service_accounts_are_impersonated() {
        for right in ["robot@project.iam.gserviceaccount.com", "1-compute@developer.gserviceaccount.com"] {
            assert!(is_service_account(right), "{right}");
        }
        for wrong in [
            "somebody@example.com",
            "@project.iam.gserviceaccount.com",
            "a/../b@p.iam.gserviceaccount.com",
            "a@b@p.iam.gserviceaccount.com",
            "robot@evil.example/.gserviceaccount.com",
            "robot@project.iam.gserviceaccount.com:x",
        ] {
            assert!(!is_service_account(wrong), "{wrong}");
        }
    }
}
