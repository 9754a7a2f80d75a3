//! The result of a validation: a list of checks, each with what is wrong and how to fix it.

use serde::{Deserialize, Serialize};

/// The checks of a validation, in the order in which they run and are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckName {
    /// The host name resolves to addresses that may be connected to.
    Dns,
    /// A TCP connection opens.
    Connect,
    /// TLS is negotiated and the certificate is trusted. Skipped for plain http.
    Tls,
    /// The provider accepts the key and the signature.
    Authenticate,
    /// The bucket exists, in the given region.
    Bucket,
    /// Listing is allowed.
    List,
    /// Writing is allowed.
    Write,
    /// Reading is allowed.
    Read,
    /// Deleting is allowed.
    Delete,
    /// A check of a newer version. Its message says what it found.
    #[serde(other)]
    Other,
}

impl CheckName {
    /// All checks that this version makes, in their order.
    pub const ALL: [Self; 9] = [
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Authenticate,
        Self::Bucket,
        Self::List,
        Self::Write,
        Self::Read,
        Self::Delete,
    ];
}

/// The stable code of a failed check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckCode {
    /// The host name doesn't resolve.
    DnsFailed,
    /// Nothing is listening at the address.
    ConnectionRefused,
    /// The provider did not answer in time.
    ConnectTimeout,
    /// TLS failed: the certificate is untrusted or wrong, or the port doesn't speak TLS.
    TlsFailed,
    /// The endpoint policy of this deployment refuses the address.
    EndpointBlocked,
    /// The provider doesn't know the access key.
    KeyUnknown,
    /// The provider knows the key, but the secret doesn't belong to it.
    SecretWrong,
    /// The clocks of node and provider differ too much for signatures.
    ClockSkew,
    /// A temporary credential has expired.
    TokenExpired,
    /// There is no such bucket.
    BucketNotFound,
    /// The bucket is in another region.
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
    /// A server answers, but it isn't an object store of the given type.
    NotAnObjectStore,
    /// The node can't open the bucket as registered: it has no key for the secret, or lacks what the kind of access
    /// requires.
    NotOpened,
    /// The provider failed (5xx) or closed the connection. Codes of newer versions are read as this one, because a node may
    /// be newer than its control plane.
    #[serde(other)]
    ProviderError,
}

impl CheckCode {
    /// The code on the wire.
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

/// One check of a validation and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// Which check: `dns`, `connect`, `tls`, `authenticate`, `bucket`, `list`, `write`, `read` or `delete`; `other` for a check
    /// that only a newer node knows.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "bucket"))]
    pub name: CheckName,
    /// Whether the check passed.
    #[cfg_attr(feature = "openapi", schema(example = false))]
    pub ok: bool,
    /// How long the check took, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(example = 12))]
    pub latency_ms: u64,
    // Never contains text from the remote side.
    /// The outcome in one sentence.
    #[cfg_attr(feature = "openapi", schema(example = "The bucket does not exist."))]
    pub message: String,
    /// Why the check failed, as a stable code. Absent where it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "BUCKET_NOT_FOUND"))]
    pub error_code: Option<CheckCode>,
    /// What to change, in the provider's terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "Check the bucket's name."))]
    pub hint: Option<String>,
}

/// The checks that a validation makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CheckScope {
    /// All checks, including write and delete.
    #[default]
    Full,
    /// All checks except write and delete, for read-only credentials.
    ReadOnly,
}

impl CheckScope {
    /// Whether a validation of this scope may make the check.
    pub fn includes(self, name: CheckName) -> bool {
        self == Self::Full || !matches!(name, CheckName::Write | CheckName::Delete)
    }
}

/// The outcome of a validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The checks in the order in which they ran. A later check can pass after an earlier one failed, because
    /// missing permissions don't hide each other.
    pub checks: Vec<Check>,
    /// Duration of the request to the bucket (the `bucket` check) in milliseconds, or of all checks without it.
    pub latency_ms: u64,
}

impl Diagnosis {
    /// A diagnosis with the given checks.
    pub fn new(checks: Vec<Check>) -> Self {
        let bucket =
            checks.iter().find(|check| check.name == CheckName::Bucket).map(|check| check.latency_ms);
        let latency_ms = bucket.unwrap_or_else(|| checks.iter().map(|check| check.latency_ms).sum());
        Self { checks, latency_ms }
    }

    /// Whether every check passed, and there was at least one.
    pub fn is_healthy(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.ok)
    }

    /// The first check that failed.
    pub fn failure(&self) -> Option<&Check> {
        self.checks.iter().find(|check| !check.ok)
    }
}
