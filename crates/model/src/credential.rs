//! Secrets that are documents, as the clouds' own tools print them.
//!
//! Only their form and expiry are read here. Nothing in a document is ever used as an address to call: a document
//! that names one is either not read, or refused by the driver that would have to call it.

use jiff::Timestamp;
use serde::Deserialize;

use crate::bucket::StorageType;
use crate::secret::Secret;

/// When a credential expires, according to its own content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialExpiry {
    /// The first moment at which it is no longer valid.
    pub at: Timestamp,
}

/// When the credential of a bucket expires, if it says so: the `se` parameter of a shared access signature, or the
/// `Expiration` of a session token. Account keys, access keys, service accounts and applications don't say, and
/// delegated access has nothing that expires.
pub fn credential_expiry(storage_type: StorageType, secret: &Secret) -> Option<CredentialExpiry> {
    let at = match storage_type {
        StorageType::S3 => AwsSession::read(secret)?.ok()?.expires,
        StorageType::Blob => sas_parameter(secret.expose(), "se").and_then(read_sas_time),
        StorageType::Gcs => None,
    };
    at.map(|at| CredentialExpiry { at })
}

/// The document is incomplete: a member is missing or has the wrong type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a complete document of its kind")]
pub struct InvalidDocument;

/// An access key with its secret and session token, from one document.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are those of the document")]
pub struct AwsSession {
    pub access_key: String,
    pub secret_key: Secret,
    /// Required for a temporary access key.
    pub session_token: Option<Secret>,
    /// End of the session.
    pub expires: Option<Timestamp>,
}

/// `aws configure export-credentials` and credential processes print the members at the top level. `aws sts
/// assume-role` and `get-session-token` print them under `Credentials`.
#[derive(Deserialize)]
#[serde(untagged)]
enum AwsDocument {
    #[serde(rename_all = "PascalCase")]
    Nested {
        credentials: AwsMembers,
    },
    Plain(AwsMembers),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AwsMembers {
    access_key_id: String,
    secret_access_key: Secret,
    session_token: Option<Secret>,
    /// Credential processes write `Expiration`, boto writes `Expiry`.
    #[serde(alias = "Expiry")]
    expiration: Option<String>,
}

impl AwsSession {
    /// Parses a secret that is such a document. Returns `None` if it isn't a JSON object and so a plain secret key.
    pub fn read(secret: &Secret) -> Option<Result<Self, InvalidDocument>> {
        Some(document(secret)?.and_then(|document: AwsDocument| {
            let (AwsDocument::Nested { credentials: members } | AwsDocument::Plain(members)) = document;
            let expires = match members.expiration.as_deref().filter(|text| !text.is_empty()) {
                Some(text) => Some(text.parse().map_err(|_| InvalidDocument)?),
                None => None,
            };
            if members.access_key_id.is_empty() || members.secret_access_key.is_empty() {
                return Err(InvalidDocument);
            }
            Ok(Self {
                access_key: members.access_key_id,
                secret_key: members.secret_access_key,
                session_token: members.session_token.filter(|token| !token.is_empty()),
                expires,
            })
        }))
    }
}

/// An application (service principal) of Microsoft Entra with its client secret.
#[derive(Debug, Clone, Deserialize)]
pub struct EntraApplication {
    /// Id of the directory, or one of its domains.
    #[serde(alias = "tenantId", alias = "tenant_id")]
    pub tenant: String,
    /// Id of the application.
    #[serde(alias = "clientId", alias = "client_id", alias = "appId")]
    pub client: String,
    /// One of the application's client secrets.
    #[serde(alias = "clientSecret", alias = "client_secret", alias = "password")]
    pub secret: Secret,
}

impl EntraApplication {
    /// Parses a secret that is such a document. `az ad sp create-for-rbac` prints `appId`, `password` and `tenant`;
    /// with `--json-auth`, it prints `clientId`, `clientSecret` and `tenantId`. Returns `None` if it isn't a JSON
    /// object.
    pub fn read(secret: &Secret) -> Option<Result<Self, InvalidDocument>> {
        Some(document(secret)?.and_then(|read: Self| {
            // Both become part of a URL.
            let fits = |text: &str| {
                (1..=253).contains(&text.len())
                    && !text.starts_with('.')
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
            };
            let whole = fits(&read.tenant) && fits(&read.client) && !read.secret.is_empty();
            if whole { Ok(read) } else { Err(InvalidDocument) }
        }))
    }
}

fn document<'de, T: Deserialize<'de>>(secret: &'de Secret) -> Option<Result<T, InvalidDocument>> {
    let text = secret.expose().trim();
    text.starts_with('{').then(|| serde_json::from_str(text).map_err(|_| InvalidDocument))
}

/// A parameter of a shared access signature, still percent-encoded. A `?` or a whole URL may precede the signature.
/// Returns `None` if the text isn't a signature or lacks the parameter.
pub fn sas_parameter<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let text = text.trim();
    if text.starts_with('{') || !text.contains("sig=") {
        return None;
    }
    let query = text.rsplit_once('?').map_or(text, |(_, query)| query);
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(|(_, value)| value)
}

/// Parses a time of a shared access signature: ISO 8601 in UTC, to the day, the minute or the second.
fn read_sas_time(text: &str) -> Option<Timestamp> {
    let text = text.replace("%3A", ":").replace("%3a", ":");
    let day =
        || text.parse::<jiff::civil::Date>().ok()?.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse().ok().or_else(|| day().map(|day| day.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiry(storage_type: StorageType, text: &str) -> Option<String> {
        credential_expiry(storage_type, &Secret::new(text)).map(|expiry| expiry.at.to_string())
    }

    const PLAIN: &str = r#"{"Version":1,"AccessKeyId":"ASIAX","SecretAccessKey":"s","SessionToken":"t",
        "Expiration":"2026-01-02T03:04:05+00:00"}"#;

    #[test]
    fn the_expiry_of_a_session_is_read_however_the_tools_print_it() {
        let nested = format!(r#"{{"Credentials":{PLAIN},"AssumedRoleUser":{{"Arn":"a"}}}}"#);
        for text in [PLAIN, &nested, &format!(" \n{PLAIN}\n")] {
            assert_eq!(expiry(StorageType::S3, text).as_deref(), Some("2026-01-02T03:04:05Z"), "{text}");
        }
        let session = AwsSession::read(&Secret::new(nested)).unwrap().unwrap();
        assert_eq!((session.access_key.as_str(), session.secret_key.expose()), ("ASIAX", "s"));
        assert_eq!(session.session_token.unwrap().expose(), "t");
        for text in ["wJalrXUtnFEMI", "", r#"{"AccessKeyId":"A","SecretAccessKey":"s"}"#, "{", "{}"] {
            assert_eq!(expiry(StorageType::S3, text), None, "{text}");
        }
    }

    #[test]
    fn half_a_session_is_refused() {
        for text in [
            "{",
            "{}",
            r#"{"AccessKeyId":"A"}"#,
            r#"{"AccessKeyId":"","SecretAccessKey":"s"}"#,
            r#"{"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"soon"}"#,
            r#"{"AccessKeyId":1,"SecretAccessKey":"s"}"#,
        ] {
            assert!(matches!(AwsSession::read(&Secret::new(text)), Some(Err(InvalidDocument))), "{text}");
        }
        assert!(AwsSession::read(&Secret::new("plain")).is_none());
    }

    #[test]
    fn the_expiry_of_a_shared_access_signature_is_read_in_every_form_that_the_service_takes() {
        for (text, expected) in [
            ("2026-01-02T03:04:05Z", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02T03%3A04%3a05Z", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04Z", Some("2026-01-02T03:04:00Z")),
            ("2026-01-02", Some("2026-01-02T00:00:00Z")),
            ("soon", None),
        ] {
            for query in [
                format!("sv=1&se={text}&sig=x"),
                format!("?se={text}&sig=x"),
                format!(" https://a.blob.core.windows.net/c?sp=r&se={text}&sig=x\n"),
            ] {
                assert_eq!(expiry(StorageType::Blob, &query).as_deref(), expected, "{query}");
            }
        }
        assert_eq!(expiry(StorageType::Blob, "c2VjcmV0"), None, "an account key");
        assert_eq!(expiry(StorageType::Blob, "si=policy&sig=x"), None, "the policy contains the time");
        assert_eq!(expiry(StorageType::Gcs, "se=2026-01-02&sig=x"), None);
    }

    #[test]
    fn an_application_is_read_in_both_spellings_of_the_tools() {
        for text in [
            r#"{"appId":"11-aa","displayName":"d","password":"p","tenant":"22-bb"}"#,
            r#"{"clientId":"11-aa","clientSecret":"p","tenantId":"22-bb","subscriptionId":"s"}"#,
        ] {
            let read = EntraApplication::read(&Secret::new(text)).unwrap().unwrap();
            assert_eq!((read.client.as_str(), read.tenant.as_str()), ("11-aa", "22-bb"));
            assert_eq!(read.secret.expose(), "p");
        }
        for text in [
            r#"{"appId":"a","password":"p"}"#,
            r#"{"appId":"a","password":"p","tenant":"x/../y"}"#,
            r#"{"appId":"a","password":"p","tenant":".."}"#,
            r#"{"appId":"a","password":"","tenant":"t"}"#,
            r#"{"appId":"a b","password":"p","tenant":"t"}"#,
        ] {
            let read = EntraApplication::read(&Secret::new(text));
            assert!(matches!(read, Some(Err(InvalidDocument))), "{text}");
        }
        assert!(EntraApplication::read(&Secret::new("c2VjcmV0")).is_none());
    }
}
