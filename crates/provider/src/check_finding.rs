//! Turns a failure into what the person who registered the bucket sees: a check code, a message and a hint. The
//! provider's names of permissions and its hints come from the `Permissions` of its driver.

use bucketry_model::diagnosis::CheckCode;

use crate::driver::{Permissions, Site};
use crate::error::{ErrorAnswer, ErrorKind, ProviderError};
use crate::server_kind::ServerKind;
use crate::token::{TokenService, advice};

/// The operation that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Connecting to the bucket or listing it.
    List,
    /// Listing the bucket's multipart uploads.
    ListUploads,
    /// Storing an object.
    Write,
    /// Reading an object.
    Read,
    /// Deleting an object.
    Delete,
}

/// A failure, explained to the user. Contains no text from the provider, except a region whose form was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckFinding {
    pub(crate) code: CheckCode,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl CheckFinding {
    fn new(code: CheckCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn of(error: &ProviderError, action: Action, site: &Site) -> Self {
        Self::of_error(error, action, site).at(error, site)
    }

    /// Adds what is likely at this site.
    fn at(mut self, error: &ProviderError, site: &Site) -> Self {
        use CheckCode as C;
        if matches!(error, ProviderError::TokenService { .. }) {
            return self;
        }
        let mut hints: Vec<String> = self.hint.take().into_iter().collect();
        if self.code == C::BucketNotFound && site.bucket.bytes().any(|b| b.is_ascii_uppercase()) {
            hints.insert(
                0,
                "The bucket's name has capital letters, which are probably wrong: names are in lower case."
                    .to_owned(),
            );
        }
        let may_be_elsewhere = [C::KeyUnknown, C::BucketNotFound, C::DnsFailed, C::NotAnObjectStore];
        if site.assumes_aws && may_be_elsewhere.contains(&self.code) {
            let host = &site.host;
            hints.push(format!(
                "AWS was assumed, because there is no endpoint ({host} was tried). If the bucket is at another provider, enter \
                 that provider's endpoint."
            ));
        }
        // A server that answers in HTTP doesn't expect TLS.
        let may_expect_tls =
            matches!(error, ProviderError::BrokenOff | ProviderError::NotAnObjectStore { status: None });
        if !site.tls && may_expect_tls {
            hints.push("If the server expects https, enter the endpoint with https:// in front.".to_owned());
        }
        self.hint = (!hints.is_empty()).then(|| hints.join(" "));
        self
    }

    fn other_server(kind: ServerKind) -> Self {
        let code = match kind {
            ServerKind::ExpectsTls => CheckCode::TlsFailed,
            _ => CheckCode::NotAnObjectStore,
        };
        let hint = match kind {
            ServerKind::S3 => "Set the storage type to S3, or check the endpoint.",
            ServerKind::Azure => "Set the storage type to BLOB, or check the endpoint.",
            ServerKind::Google => "Set the storage type to GCS, or check the endpoint.",
            ServerKind::MinioConsole => "Enter the address of the storage API. Its port is usually 9000.",
            ServerKind::Web(_) => {
                "Check the endpoint. It must be the address of the storage API, not of a web console or a proxy."
            }
            ServerKind::ExpectsTls => "Enter the endpoint with https:// in front.",
        };
        Self::new(code, format!("{}.", upper_first(&kind.to_string())), hint)
    }

    fn of_error(error: &ProviderError, action: Action, site: &Site) -> Self {
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
            ProviderError::DnsFailed if site.assumes_aws => Self::new(
                C::DnsFailed,
                format!("The host {} can't be resolved.", site.host),
                "Check that the node's name server can resolve it.",
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
            ProviderError::Tls(failure) => {
                Self::new(C::TlsFailed, format!("TLS failed: {failure}."), failure.hint())
            }
            ProviderError::BrokenOff => Self::new(
                C::ProviderError,
                "The provider closed the connection unexpectedly.",
                "Try again. If it keeps failing, check the status of the object store.",
            ),
            ProviderError::NotAnObjectStore { .. } => Self::new(
                C::NotAnObjectStore,
                "The server at the endpoint does not speak the protocol of this storage type.",
                "Check the endpoint and the storage type. The endpoint must be the address of the storage API, not of a web \
                 console or a proxy.",
            ),
            ProviderError::OtherServer(kind) => Self::other_server(*kind),
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
            K::Invalid => Self::invalid(answer),
            K::WrongRegion => Self::wrong_region(answer.region.as_deref()),
            K::AccessDenied => Self::denied(action, permissions),
            K::Throttled => Self::new(
                C::ProviderThrottled,
                "The provider is throttling requests.",
                "Try again later. If it keeps happening, ask the provider for a higher request rate.",
            ),
            K::Unsupported if action == Action::ListUploads => Self::new(
                C::ProviderError,
                "The provider can't list multipart uploads.",
                "Use the provider's own tools to abort them.",
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
            | K::Internal => Self::new(
                C::ProviderError,
                format!("The provider returned an error (HTTP status {}).", answer.status.as_u16()),
                "Try again. If it keeps failing, check the status of the object store.",
            ),
        }
    }

    /// A request that the server calls malformed. Repeating it changes nothing.
    fn invalid(answer: &ErrorAnswer) -> Self {
        Self::new(
            CheckCode::ProviderError,
            format!("The server refuses the request as malformed (HTTP status {}).", answer.status.as_u16()),
            "Check the storage type, the endpoint and the region. If they are right, the server does not support the request.",
        )
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
            Action::ListUploads => {
                (CheckCode::AccessDeniedList, "list multipart uploads", permissions.uploads)
            }
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
                Action::List | Action::ListUploads | Action::Read => {
                    format!("Grant {permission} to the key.")
                }
            },
        )
    }
}

/// The clause as the beginning of a sentence.
pub(crate) fn upper_first(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use bucketry_model::endpoint::Host;

    use super::*;
    use crate::tls::TlsFailure;

    static PERMISSIONS: Permissions = Permissions {
        list: "s3:ListBucket",
        write: "s3:PutObject",
        read: "s3:GetObject",
        delete: "s3:DeleteObject",
        uploads: "s3:ListBucketMultipartUploads",
        ..Permissions::UNNAMED
    };

    #[test]
    fn a_host_that_does_not_resolve_is_named() {
        let site = site("s3.exmaple.com", "photos");
        let finding = CheckFinding::of(&ProviderError::DnsFailed, Action::List, &site);
        assert_eq!(finding.message, "The host s3.exmaple.com can't be resolved.");
    }

    fn site(host: &str, bucket: &str) -> Site {
        Site {
            tls: true,
            host: Host::Name(host.to_owned()),
            port: 443,
            names_account: false,
            assumes_aws: false,
            bucket: bucket.into(),
            permissions: &PERMISSIONS,
        }
    }

    fn answer(status: u16, kind: ErrorKind) -> ProviderError {
        let status = http::StatusCode::from_u16(status).unwrap();
        ErrorAnswer::new(status, kind, Some("Code".into()), &http::HeaderMap::new()).into()
    }

    fn hint(error: &ProviderError, site: &Site) -> String {
        CheckFinding::of(error, Action::List, site).hint.unwrap()
    }

    #[test]
    fn an_assumed_cloud_is_named_where_another_one_is_likely() {
        let aws = Site { assumes_aws: true, ..site("photos.s3.us-east-1.amazonaws.com", "photos") };
        let unknown = answer(403, ErrorKind::KeyUnknown);
        for error in [&unknown, &answer(404, ErrorKind::BucketNotFound), &ProviderError::DnsFailed] {
            let hint = hint(error, &aws);
            assert!(
                hint.contains("AWS was assumed") && hint.contains("photos.s3.us-east-1.amazonaws.com"),
                "{hint}"
            );
        }
        assert!(!hint(&answer(403, ErrorKind::SecretWrong), &aws).contains("assumed"), "AWS knows the key");
        assert!(!hint(&unknown, &site("s3.example.com", "photos")).contains("assumed"));
    }

    #[test]
    fn capital_letters_are_the_likely_cause_of_a_missing_bucket() {
        let missing = answer(404, ErrorKind::BucketNotFound);
        assert!(hint(&missing, &site("h", "Photos")).starts_with("The bucket's name has capital letters"));
        assert!(!hint(&missing, &site("h", "photos")).contains("capital"));
        assert!(!hint(&answer(403, ErrorKind::KeyUnknown), &site("h", "Photos")).contains("capital"));
    }

    #[test]
    fn http_and_https_have_one_hint_each() {
        let plain = Site { tls: false, ..site("h", "photos") };
        let swapped = hint(&ProviderError::Tls(TlsFailure::NotTls), &site("h", "photos"));
        assert!(swapped.contains("http://") && !swapped.contains("certificate"), "{swapped}");
        let expects = hint(&ProviderError::OtherServer(ServerKind::ExpectsTls), &plain);
        assert_eq!(expects, "Enter the endpoint with https:// in front.");
        assert!(hint(&ProviderError::BrokenOff, &plain).contains("https://"));
        assert!(!hint(&ProviderError::BrokenOff, &site("h", "photos")).contains("https://"));
        let page = ProviderError::NotAnObjectStore { status: Some(http::StatusCode::FORBIDDEN) };
        assert!(!hint(&page, &plain).contains("https://"), "the server speaks http");
    }

    #[test]
    fn uploads_that_cannot_be_listed_need_their_own_permission_or_another_tool() {
        let find = |error| CheckFinding::of(&error, Action::ListUploads, &site("h", "photos"));
        let denied = find(answer(403, ErrorKind::AccessDenied));
        assert_eq!(denied.code, CheckCode::AccessDeniedList);
        assert_eq!(denied.hint.unwrap(), "Grant s3:ListBucketMultipartUploads to the key.");
        let unsupported = find(answer(501, ErrorKind::Unsupported));
        assert!(unsupported.message.contains("can't list multipart uploads"), "{}", unsupported.message);
    }

    #[test]
    fn a_malformed_request_is_not_to_be_repeated() {
        let finding = CheckFinding::of(&answer(400, ErrorKind::Invalid), Action::List, &site("h", "photos"));
        let hint = finding.hint.unwrap();
        assert!(hint.contains("storage type") && !hint.contains("Try again"), "{hint}");
    }

    #[test]
    fn a_read_only_key_is_offered_a_read_only_validation() {
        let hint = |action| CheckFinding::denied(action, &PERMISSIONS).hint.unwrap();
        assert!(hint(Action::Write).starts_with("Grant s3:PutObject"));
        assert!(hint(Action::Write).contains("--read-only"));
        assert!(hint(Action::Delete).contains("--read-only"));
        assert_eq!(hint(Action::List), "Grant s3:ListBucket to the key.");
    }
}
