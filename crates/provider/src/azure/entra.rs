//! Microsoft Entra applications. Their client secret is exchanged for a token that the storage service accepts
//! ("Authorize with Microsoft Entra ID", Azure Storage REST API reference).

use std::fmt;
use std::sync::Arc;

use bucketry_model::credential::EntraApplication;
use bucketry_model::endpoint::{Endpoint, Host};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::azure::open_error::AzureOpenError;
use crate::connection::Connections;
use crate::error::{ErrorAnswer, ErrorKind, ProviderError, kind_of_status};
use crate::headers::clock_is_off;
use crate::payload::sha256;
use crate::temporary_credential::{Held, TemporaryCredential};
use crate::token::{self, Answer, TokenService};

const PUBLIC: &str = "https://login.microsoftonline.com";
/// The clouds with a separate directory service, by the suffix of their storage hosts.
const SOVEREIGN: [(&str, &str); 2] = [
    (".core.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"),
    (".core.usgovcloudapi.net", "https://login.microsoftonline.us"),
];
/// The storage service's audience is the same in every cloud.
const SCOPE: &str = "https://storage.azure.com/.default";

/// An application at the directory service of its cloud.
pub(super) struct Application {
    read: EntraApplication,
    service: Uri,
    lease: Arc<TemporaryCredential<HeaderValue>>,
}

impl Application {
    /// Creates the application for a bucket at `endpoint`, which determines the cloud.
    pub(super) fn new(
        read: EntraApplication,
        endpoint: Option<&Endpoint>,
        connections: &Connections,
    ) -> Result<Self, AzureOpenError> {
        let instead = connections.settings().token_services.entra.as_ref();
        // A token gives all the application's permissions. With plain http, anyone on the way could read it.
        if instead.is_none() && endpoint.is_some_and(|endpoint| !endpoint.tls) {
            return Err(AzureOpenError::ApplicationNeedsTls);
        }
        let path = format!("/{}/oauth2/v2.0/token", read.tenant);
        let service = token::address(instead, authority_of(endpoint), &path)
            .map_err(|_| AzureOpenError::InvalidApplication)?;
        let id = [&service.to_string(), read.client.as_str(), read.secret.expose()].join("\0");
        let lease = connections.tokens().of(sha256(id.as_bytes()));
        Ok(Self { read, service, lease })
    }

    /// The value of the `Authorization` header.
    pub(super) async fn authorization(
        &self,
        connections: &Connections,
    ) -> Result<HeaderValue, ProviderError> {
        let asked = self.lease.get(connections.clock(), self.ask(connections)).await;
        asked.map_err(|error| TokenService::Entra.failed(error))
    }

    /// Discards a token that the service refused.
    pub(super) fn forget(&self, refused: &HeaderMap) {
        let refused = refused.get(http::header::AUTHORIZATION);
        self.lease.forget(|held| Some(held) == refused);
    }

    async fn ask(&self, connections: &Connections) -> Result<Held<HeaderValue>, ProviderError> {
        let now = connections.clock().now();
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
            escaped(&self.read.client),
            escaped(self.read.secret.expose()),
            escaped(SCOPE),
        );
        let answer = token::post(connections, &self.service, token::FORM, form, |_, _| Ok(())).await?;
        let json = answer.json();
        if !answer.status.is_success() {
            return Err(refusal(&answer, &json, now));
        }
        token::read_oauth(&json, now).ok_or_else(|| answer.garbage())
    }
}

fn authority_of(endpoint: Option<&Endpoint>) -> &'static str {
    let Some(Host::Name(name)) = endpoint.map(|endpoint| &endpoint.host) else { return PUBLIC };
    SOVEREIGN.iter().find(|(suffix, _)| name.ends_with(suffix)).map_or(PUBLIC, |(_, authority)| authority)
}

/// Translates a refusal. The error numbers ("Microsoft Entra authentication and authorization error codes") are
/// more precise than the few standard codes.
fn refusal(answer: &Answer, json: &Value, now: Timestamp) -> ProviderError {
    let (status, headers) = (answer.status, &answer.headers);
    let number = json["error_codes"][0].as_u64();
    let standard = json["error"].as_str();
    let kind = match number {
        Some(7_000_222) => ErrorKind::TokenExpired,
        Some(7_000_215 | 7_000_216 | 7_000_218) => ErrorKind::SecretWrong,
        Some(700_024) => ErrorKind::ClockSkew,
        _ => match standard {
            Some("temporarily_unavailable") => ErrorKind::Throttled,
            Some(_) if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                if clock_is_off(headers, now) { ErrorKind::ClockSkew } else { ErrorKind::KeyUnknown }
            }
            None if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                return answer.garbage();
            }
            _ if status.is_redirection() => return answer.garbage(),
            _ => kind_of_status(status),
        },
    };
    let code = number.map(|number| format!("AADSTS{number}").into());
    ErrorAnswer::new(status, kind, code, headers).into()
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application").field("client", &self.read.client).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_endpoint_tells_the_directory() {
        let of = |text: &str| authority_of(Some(&Endpoint::parse(text).unwrap()));
        assert_eq!(authority_of(None), PUBLIC);
        assert_eq!(of("https://acct.blob.core.windows.net"), PUBLIC);
        assert_eq!(of("https://files.example.com"), PUBLIC);
        assert_eq!(of("https://blob.core.chinacloudapi.cn"), SOVEREIGN[0].1);
        assert_eq!(of("https://acct.blob.core.usgovcloudapi.net"), SOVEREIGN[1].1);
        assert_eq!(of("https://core.usgovcloudapi.net.evil.example"), PUBLIC);
    }

    #[test]
    fn refusals_are_told_apart_by_their_numbers() {
        let response = |status, json: Value| {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, headers: HeaderMap::new(), document: bytes::Bytes::new() };
            refusal(&answer, &json, Timestamp::UNIX_EPOCH).kind().unwrap()
        };
        let aadsts = |number: u32| json!({ "error": "invalid_client", "error_codes": [number] });
        assert_eq!(response(400, aadsts(90_002)), ErrorKind::KeyUnknown);
        assert_eq!(response(400, aadsts(700_016)), ErrorKind::KeyUnknown);
        assert_eq!(response(401, aadsts(7_000_215)), ErrorKind::SecretWrong);
        assert_eq!(response(401, aadsts(7_000_222)), ErrorKind::TokenExpired);
        assert_eq!(response(503, json!({ "error": "temporarily_unavailable" })), ErrorKind::Throttled);
        assert_eq!(response(429, Value::Null), ErrorKind::Throttled);
        assert_eq!(response(500, Value::Null), ErrorKind::Internal);
        assert_eq!(response(404, Value::Null), ErrorKind::Internal, "another server responded");
        assert_eq!(response(302, Value::Null), ErrorKind::Internal);
    }
}
