//! What a failure means to the person who registered the bucket: a code, a sentence, and what to change.

use bucketry_model::diagnosis::CheckCode;

use crate::driver::{Permissions, Site};
use crate::error::{ErrorAnswer, ErrorKind, ProviderError};
use crate::token::{TokenService, advice};

/// What was tried when the failure came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Reaching the bucket and listing it.
    List,
    /// Storing an object.
    Write,
    /// Reading an object.
    Read,
    /// Deleting an object.
    Delete,
}

/// A failure in words for people. Holds nothing that the provider wrote, except a region that looks like one.
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
                format!(
                    "The endpoint leads to {refusal}, which the endpoint policy of this deployment refuses."
                ),
                format!("{}.", refusal.hint()),
            ),
            ProviderError::DnsFailed if site.names_account => Self::new(
                C::AccountNotFound,
                "There is no host of the storage account's name.",
                site.permissions.hints.account_not_found,
            ),
            ProviderError::DnsFailed => Self::new(
                C::DnsFailed,
                "The host name of the endpoint can't be resolved.",
                "Check the endpoint for typing mistakes, and whether the node's name server knows it.",
            ),
            ProviderError::ConnectionRefused => Self::new(
                C::ConnectionRefused,
                "Nothing accepts connections at the endpoint.",
                "Check the port of the endpoint, and whether the object store runs.",
            ),
            ProviderError::ConnectTimeout | ProviderError::Unreachable => Self::new(
                C::ConnectTimeout,
                "The endpoint can't be reached from this node.",
                "Check the endpoint, and the firewalls between this node and the object store.",
            ),
            ProviderError::TimedOut => Self::new(
                C::ConnectTimeout,
                "The provider accepted the connection and did not answer in time.",
                "Try again; if it stays, look at the state of the object store.",
            ),
            ProviderError::Tls(failure) => Self::new(
                C::TlsFailed,
                format!("TLS failed: {failure}."),
                "Check the endpoint's certificate; an authority of your own can be added to the node's trusted ones.",
            ),
            ProviderError::BrokenOff => Self::new(
                C::ProviderError,
                "The provider broke the connection off.",
                "Try again; if it stays, look at the state of the object store.",
            ),
            ProviderError::NotAnObjectStore { .. } => Self::new(
                C::NotAnObjectStore,
                "What answers at the endpoint does not speak the protocol of this storage type.",
                "Check the endpoint: it must be that of the storage API, not of a web console or a proxy.",
            ),
            ProviderError::Source(_) | ProviderError::InvalidRequest(_) => Self {
                code: C::ProviderError,
                message: format!("The request could not be made: {error}."),
                hint: None,
            },
            ProviderError::Answer(answer) => Self::of_answer(answer, action, site.permissions),
            ProviderError::TokenService { service, error } => Self::of_token_service(*service, error, site),
        }
    }

    /// A failure to get the credential, in the words of who hands it out.
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
                format!("What answers for {name} does not speak its protocol, or broke off."),
                "Try again; if it stays, look at the proxies between this node and the service.",
            ),
            ProviderError::Tls(failure) => Self::new(
                code,
                format!("TLS with {name} failed: {failure}."),
                "The operator of this deployment must let the node reach it without an interposed certificate, or \
                 add that certificate's authority to the node's trusted ones.",
            ),
            ProviderError::TimedOut => Self::new(
                code,
                format!("{name} accepted the connection and did not answer in time."),
                "Try again; if it stays, look at the state of the service.",
            ),
            _ => Self::new(
                code,
                format!("{name}, which hands out the credential, can't be reached from this node."),
                "The operator of this deployment must let the node reach it: check name server, firewalls and the \
                 endpoint policy.",
            ),
        }
    }

    fn of_answer(answer: &ErrorAnswer, action: Action, permissions: &Permissions) -> Self {
        use CheckCode as C;
        use ErrorKind as K;
        let hints = permissions.hints;
        let mut finding = match answer.kind {
            K::KeyUnknown => {
                Self::new(C::KeyUnknown, "The provider does not know the access key.", hints.key_unknown)
            }
            K::SecretWrong => {
                Self::new(C::SecretWrong, "The secret does not belong to the access key.", hints.secret_wrong)
            }
            K::ClockSkew => Self::new(
                C::ClockSkew,
                "The clocks of this node and of the provider differ too much for signatures.",
                "Set the node's clock (NTP).",
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
            K::WrongRegion => match &answer.region {
                Some(region) => Self::new(
                    C::WrongRegion,
                    format!("The bucket lies in the region {region}."),
                    format!("Set the region to {region}."),
                ),
                None => Self::new(
                    C::WrongRegion,
                    "The bucket lies in another region than the one that was given.",
                    "Set the region, and the endpoint where one is given, to those of the bucket.",
                ),
            },
            K::AccessDenied => Self::denied(action, permissions),
            K::Throttled => Self::new(
                C::ProviderThrottled,
                "The provider asks to slow down.",
                "Try again in a while; if it stays, ask the provider for a higher request rate.",
            ),
            K::Redirected | K::Unsupported => Self::new(
                C::NotAnObjectStore,
                "What answers at the endpoint redirects to another address or does not know the request.",
                "Redirects are not followed: enter the address of the storage API itself as endpoint.",
            ),
            K::PreconditionFailed
            | K::NotModified
            | K::RangeNotSatisfiable
            | K::BadDigest
            | K::Conflict
            | K::Internal
            | K::Invalid => Self::new(
                C::ProviderError,
                format!("The provider answered with an error (HTTP status {}).", answer.status.as_u16()),
                "Try again; if it stays, look at the state of the object store.",
            ),
        };
        let own = |code: &str| hints.of_code.iter().find(|(known, _)| *known == code);
        if let Some((_, hint)) = answer.code.as_deref().and_then(own) {
            finding.hint = Some((*hint).to_owned());
        }
        finding
    }

    fn denied(action: Action, permissions: &Permissions) -> Self {
        let (code, verb, permission) = match action {
            Action::List => (CheckCode::AccessDeniedList, "list the bucket", permissions.list),
            Action::Write => (CheckCode::AccessDeniedWrite, "write objects", permissions.write),
            Action::Read => (CheckCode::AccessDeniedRead, "read objects", permissions.read),
            Action::Delete => (CheckCode::AccessDeniedDelete, "delete objects", permissions.delete),
        };
        Self::new(code, format!("The key may not {verb}."), format!("Grant {permission} to the key."))
    }
}
