//! What a validation found: one check after the other, each with what is wrong and how to mend it.

use serde::{Deserialize, Serialize};

/// The checks of a validation, in the order they are made and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckName {
    /// The host name resolves to addresses that may be connected to.
    Dns,
    /// A TCP connection opens.
    Connect,
    /// TLS is agreed on and the certificate is trusted. Left out for plain http.
    Tls,
    /// The provider accepts the key and the signature.
    Authenticate,
    /// The bucket exists, in the region that was given.
    Bucket,
    /// Listing is allowed.
    List,
    /// Writing is allowed.
    Write,
    /// Reading is allowed.
    Read,
    /// Deleting is allowed.
    Delete,
}

/// Why a check failed, as a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckCode {
    /// The host name doesn't resolve.
    DnsFailed,
    /// Nothing listens at the address.
    ConnectionRefused,
    /// The provider didn't answer in time.
    ConnectTimeout,
    /// TLS failed: untrusted or wrong certificate, or no TLS at that port.
    TlsFailed,
    /// The endpoint policy of this deployment refuses the address.
    EndpointBlocked,
    /// The provider doesn't know the access key.
    KeyUnknown,
    /// The provider knows the key, and the secret isn't its.
    SecretWrong,
    /// The clocks of node and provider differ too much for signatures.
    ClockSkew,
    /// A temporary credential has expired.
    TokenExpired,
    /// There is no such bucket.
    BucketNotFound,
    /// The bucket lies in another region.
    WrongRegion,
    /// Listing is denied.
    AccessDeniedList,
    /// Writing is denied.
    AccessDeniedWrite,
    /// Reading is denied.
    AccessDeniedRead,
    /// Deleting is denied.
    AccessDeniedDelete,
    /// There is no such storage account.
    AccountNotFound,
    /// The provider asks to slow down.
    ProviderThrottled,
    /// The provider failed (5xx) or broke off.
    ProviderError,
    /// Something answers, but it isn't an object store of the given type.
    NotAnObjectStore,
    /// The node can't open the bucket as it is registered: it has no key for the secret, or lacks what the kind of access
    /// needs.
    NotOpened,
}

impl CheckCode {
    /// The code as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DnsFailed => "DNS_FAILED",
            Self::ConnectionRefused => "CONNECTION_REFUSED",
            Self::ConnectTimeout => "CONNECT_TIMEOUT",
            Self::TlsFailed => "TLS_FAILED",
            Self::EndpointBlocked => "ENDPOINT_BLOCKED",
            Self::KeyUnknown => "KEY_UNKNOWN",
            Self::SecretWrong => "SECRET_WRONG",
            Self::ClockSkew => "CLOCK_SKEW",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::BucketNotFound => "BUCKET_NOT_FOUND",
            Self::WrongRegion => "WRONG_REGION",
            Self::AccessDeniedList => "ACCESS_DENIED_LIST",
            Self::AccessDeniedWrite => "ACCESS_DENIED_WRITE",
            Self::AccessDeniedRead => "ACCESS_DENIED_READ",
            Self::AccessDeniedDelete => "ACCESS_DENIED_DELETE",
            Self::AccountNotFound => "ACCOUNT_NOT_FOUND",
            Self::ProviderThrottled => "PROVIDER_THROTTLED",
            Self::ProviderError => "PROVIDER_ERROR",
            Self::NotAnObjectStore => "NOT_AN_OBJECT_STORE",
            Self::NotOpened => "NOT_OPENED",
        }
    }
}

/// One check and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which check.
    pub name: CheckName,
    /// Whether it passed.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// One sentence for people. Never holds text that the remote side sent.
    pub message: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<CheckCode>,
    /// What to change, in the provider's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Which checks a validation makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckScope {
    /// All of them, write and delete included.
    #[default]
    Full,
    /// Without write and delete, for read-only credentials.
    ReadOnly,
}

/// The outcome of a validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The checks that were made, in order. The last one may have passed although one before it failed: missing
    /// permissions don't hide each other.
    pub checks: Vec<Check>,
    /// How long the request to the bucket took (the `bucket` check), in milliseconds; else the time of all checks.
    pub latency_ms: u64,
}

impl Diagnosis {
    /// A diagnosis of the given checks.
    pub fn new(checks: Vec<Check>) -> Self {
        let bucket =
            checks.iter().find(|check| check.name == CheckName::Bucket).map(|check| check.latency_ms);
        let latency_ms = bucket.unwrap_or_else(|| checks.iter().map(|check| check.latency_ms).sum());
        Self { checks, latency_ms }
    }

    /// Whether every check passed, and there was one.
    pub fn is_healthy(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.ok)
    }

    /// The check that failed.
    pub fn failure(&self) -> Option<&Check> {
        self.checks.iter().find(|check| !check.ok)
    }
}
