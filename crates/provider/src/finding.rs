//! Turns a failure into what the person who registered the bucket sees: a check code, a message and a hint. The
//! provider's names of permissions and its hints come from the `Permissions` of its driver.

use bucketry_model::diagnosis::CheckCode;

use crate::driver::{Permissions, Site};
use crate::error::{ErrorAnswer, ErrorKind, ProviderError};
use crate::token::{TokenService, advice};

/// The operation that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Connecting to the bucket or listing it.
    List,
    /// Storing an object.
    Write,
    /// Reading an object.
    Read,
    /// Deleting an object.
    Delete,
}

/// A failure, explained to the user. Contains no text from the provider, except a region whose form was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) code: CheckCode,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Finding {
    fn new(code: CheckCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn of(error: &ProviderError, action: Action, site: &Site) -> Self {
        use CheckCode as C;
        match error {
            ProviderError::Blocked(refusal) => Self::new(
                C::EndpointBlocked,
                format!("The endpoint points to {refusal}, which this deployment's endpoint policy refuses."),
                format!("{}.", refusal.hint()),
            ),
            ProviderError::DnsFailed if site.names_account => Self::new(
                C::AccountNotFound,
                "No host exists for the storage account's name.",
                site.permissions.hints.account_not_found,
            ),
            ProviderError::DnsFailed => Self::new(
                C::DnsFailed,
                format!("The host {} can't be resolved.", site.host),
                "Check the endpoint for typos, and check that the node's name server can resolve it.",
            ),
            ProviderError::ConnectionRefused => Self::new(
                C::ConnectionRefused,
                "The endpoint refuses connections.",
                "Check the endpoint's port, and check that the object store is running.",
            ),
            ProviderError::ConnectTimeout | ProviderError::Unreachable => Self::new(
                C::ConnectTimeout,
                "The endpoint can't be reached from this node.",
                "Check the endpoint and the firewalls between this node and the object store.",
            ),
            ProviderError::TimedOut => Self::new(
                C::ConnectTimeout,
                "The provider accepted the connection but did not respond in time.",
                "Try again. If it keeps failing, check the status of the object store.",
            ),
            ProviderError::Tls(failure) => Self::new(
                C::TlsFailed,
                format!("TLS failed: {failure}."),
                "Check the endpoint's certificate. If a private authority signed it, the operator of this deployment \
                 can add that authority to the node with BUCKETRY_CA_FILE.",
            ),
            ProviderError::BrokenOff => Self::new(
                C::ProviderError,
                "The provider closed the connection unexpectedly.",
                "Try again. If it keeps failing, check the status of the object store.",
            ),
            ProviderError::NotAnObjectStore { .. } => Self::new(
                C::NotAnObjectStore,
                "The server at the endpoint does not speak the protocol of this storage type.",
                "Check the endpoint. It must be the address of the storage API, not of a web console or a proxy.",
            ),
            ProviderError::Source(_) | ProviderError::InvalidRequest(_) => Self {
                code: C::ProviderError,
                message: format!("The request could not be sent: {error}."),
                hint: None,
            },
            ProviderError::Answer(answer) => Self::of_answer(answer, action, site.permissions),
            ProviderError::TokenService { service, error } => Self::of_token_service(*service, error, site),
        }
    }

    /// Explains a failure to get a credential, naming the token service.
    fn of_token_service(service: TokenService, error: &ProviderError, site: &Site) -> Self {
        let name = service.name();
        if let Some(answer) = error.answer() {
            let mut finding = Self::of_answer(answer, Action::List, site.permissions);
            if let Some(advice) = advice(service, answer) {
                finding = Self::new(finding.code, advice.message, advice.hint);
            }
            return finding;
        }
        let Self { code, .. } = Self::of(error, Action::List, &Site { names_account: false, ..site.clone() });
        match error {
            ProviderError::NotAnObjectStore { .. } | ProviderError::BrokenOff => Self::new(
                CheckCode::ProviderError,
                format!("The server for {name} does not speak its protocol or closed the connection."),
                "Try again. If it keeps failing, check the proxies between this node and the service.",
            ),
            ProviderError::Tls(failure) => Self::new(
                code,
                format!("TLS with {name} failed: {failure}."),
                "The operator of this deployment must let the node reach the service without TLS interception, or \
                 add the intercepting proxy's authority to the node with BUCKETRY_CA_FILE.",
            ),
            ProviderError::TimedOut => Self::new(
                code,
                format!("{name} accepted the connection but did not respond in time."),
                "Try again. If it keeps failing, check the status of the service.",
            ),
            _ => Self::new(
                code,
                format!("{name}, which issues the credential, can't be reached from this node."),
                "The operator of this deployment must let the node reach the service. Check the name server, the \
                 firewalls and the endpoint policy.",
            ),
        }
    }

    fn of_answer(answer: &ErrorAnswer, action: Action, permissions: &Permissions) -> Self {
        let mut finding = Self::of_kind(answer, action, permissions);
        let own = |code: &str| permissions.hints.of_code.iter().find(|(known, _)| *known == code);
        if let Some((_, hint)) = answer.code.as_deref().and_then(own) {
            finding.hint = Some((*hint).to_owned());
        }
        finding
    }

    fn of_kind(answer: &ErrorAnswer, action: Action, permissions: &Permissions) -> Self {
        use CheckCode as C;
        use ErrorKind as K;
        let hints = permissions.hints;
        match answer.kind {
            K::KeyUnknown => {
                Self::new(C::KeyUnknown, "The provider does not know the access key.", hints.key_unknown)
            }
            K::SecretWrong => {
                Self::new(C::SecretWrong, "The secret does not match the access key.", hints.secret_wrong)
            }
            K::ClockSkew => Self::new(
                C::ClockSkew,
                "The clocks of this node and the provider are too far apart for signed requests.",
                "Synchronise the node's clock (NTP).",
            ),
            K::TokenExpired => Self::new(C::TokenExpired, "The credential has expired.", hints.token_expired),
            K::AccountNotFound => Self::new(
                C::AccountNotFound,
                "The storage account does not exist or is closed.",
                hints.account_not_found,
            ),
            K::BucketNotFound | K::NotFound | K::ObjectNotFound | K::UploadNotFound => {
                Self::new(C::BucketNotFound, "The bucket does not exist.", hints.bucket_not_found)
            }
            K::WrongRegion => Self::wrong_region(answer.region.as_deref()),
            K::AccessDenied => Self::denied(action, permissions),
            K::Throttled => Self::new(
                C::ProviderThrottled,
                "The provider is throttling requests.",
                "Try again later. If it keeps happening, ask the provider for a higher request rate.",
            ),
            K::Redirected | K::Unsupported => Self::new(
                C::NotAnObjectStore,
                "The server at the endpoint redirects to another address or does not support the request.",
                "Redirects are not followed. Enter the address of the storage API itself as the endpoint.",
            ),
            K::PreconditionFailed
            | K::NotModified
            | K::RangeNotSatisfiable
            | K::BadDigest
            | K::Conflict
            | K::Internal
            | K::Invalid => Self::new(
                C::ProviderError,
                format!("The provider returned an error (HTTP status {}).", answer.status.as_u16()),
                "Try again. If it keeps failing, check the status of the object store.",
            ),
        }
    }

    fn wrong_region(region: Option<&str>) -> Self {
        match region {
            Some(region) => Self::new(
                CheckCode::WrongRegion,
                format!("The bucket is in the region {region}."),
                format!("Set the region to {region}."),
            ),
            None => Self::new(
                CheckCode::WrongRegion,
                "The bucket is in a different region.",
                "Set the region to the bucket's own. If you gave an endpoint, it must be in that region too.",
            ),
        }
    }

    fn denied(action: Action, permissions: &Permissions) -> Self {
        let (code, verb, permission) = match action {
            Action::List => (CheckCode::AccessDeniedList, "list the bucket", permissions.list),
            Action::Write => (CheckCode::AccessDeniedWrite, "write objects", permissions.write),
            Action::Read => (CheckCode::AccessDeniedRead, "read objects", permissions.read),
            Action::Delete => (CheckCode::AccessDeniedDelete, "delete objects", permissions.delete),
        };
        Self::new(
            code,
            format!("The key is not allowed to {verb}."),
            match action {
                Action::Write | Action::Delete => format!(
                    "Grant {permission} to the key. If the bucket is only to be read, validate it as read-only \
                     (--read-only, or \"checks\": \"read-only\" in the API)."
                ),
                Action::List | Action::Read => format!("Grant {permission} to the key."),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::endpoint::Host;

    use super::*;

    static PERMISSIONS: Permissions = Permissions {
        list: "s3:ListBucket",
        write: "s3:PutObject",
        read: "s3:GetObject",
        delete: "s3:DeleteObject",
        ..Permissions::UNNAMED
    };

    #[test]
    fn a_host_that_does_not_resolve_is_named() {
        let host = Host::Name("s3.exmaple.com".to_owned());
        let site = Site { tls: true, host, port: 443, names_account: false, permissions: &PERMISSIONS };
        let finding = Finding::of(&ProviderError::DnsFailed, Action::List, &site);
        assert_eq!(finding.message, "The host s3.exmaple.com can't be resolved.");
    }

    #[test]
    fn a_read_only_key_is_offered_a_read_only_validation() {
        let hint = |action| Finding::denied(action, &PERMISSIONS).hint.unwrap();
        assert!(hint(Action::Write).starts_with("Grant s3:PutObject"));
        assert!(hint(Action::Write).contains("--read-only"));
        assert!(hint(Action::Delete).contains("--read-only"));
        assert_eq!(hint(Action::List), "Grant s3:ListBucket to the key.");
    }
}
