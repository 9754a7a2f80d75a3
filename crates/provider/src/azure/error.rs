//! Translates Azure's error responses ("Status and error codes", Azure Storage REST API reference).

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use crate::error::{ErrorAnswer, ErrorKind, ProviderError, is_code, is_foreign, kind_of_status, of_page};
use crate::headers::{clock_is_off, text};
use crate::server_kind::ServerKind;
use crate::xml;

/// Facts about a refused request.
pub(super) struct Refused {
    /// Whether the request was about a blob rather than the container.
    pub(super) of_blob: bool,
    /// When the credential expires, if known.
    pub(super) expires: Option<Timestamp>,
    /// The time with which the request was signed.
    pub(super) now: Timestamp,
}

/// Translates an error response. The code is in a header, also in responses to HEAD. The document has details.
pub(super) fn read(
    status: StatusCode,
    headers: &HeaderMap,
    document: &[u8],
    refused: &Refused,
) -> ProviderError {
    let ErrorFields { code, detail } = ErrorFields::read(document);
    let code = text(headers, "x-ms-error-code").filter(|code| is_code(code)).or(code);
    let by_code = || code.as_deref().filter(|code| ServerKind::is_s3_code(code)).map(|_| ServerKind::S3);
    let store = ServerKind::of_store(headers, document).or_else(by_code);
    if let Some(other) = store.filter(|kind| *kind != ServerKind::Azure) {
        return ProviderError::OtherServer(other);
    }
    if code.is_none() && is_page(headers, document) && is_foreign(status) {
        return of_page(status, headers, document);
    }
    // For a refused signature, the emulator sends the code of a denial.
    let unauthenticated = is_unauthenticated(code.as_deref(), &detail);
    let code = if unauthenticated { Some("AuthenticationFailed".to_owned()) } else { code };
    let kind = match code.as_deref() {
        // An unmet condition has the same code whether the status is 304 or 412.
        _ if status == StatusCode::NOT_MODIFIED => ErrorKind::NotModified,
        Some(_) if unauthenticated => kind_of_failed_authentication(headers, &detail, refused),
        Some(code) => kind_of_code(code, status, refused).unwrap_or_else(|| kind_of_status(status)),
        None => kind_of_status(status),
    };
    ErrorAnswer::new(status, kind, code.map(Into::into), headers).into()
}

/// Whether the signature was refused.
fn is_unauthenticated(code: Option<&str>, detail: &str) -> bool {
    match code {
        Some("AuthenticationFailed") => true,
        Some("AuthorizationFailure") => detail.contains("Server failed to authenticate"),
        _ => false,
    }
}

/// Whether the response comes from another server than the service.
fn is_page(headers: &HeaderMap, document: &[u8]) -> bool {
    let html = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    !headers.contains_key("x-ms-request-id") && (html || !document.trim_ascii().is_empty())
}

#[derive(Default)]
struct ErrorFields {
    code: Option<String>,
    /// Used to distinguish causes, never shown.
    detail: String,
}

impl ErrorFields {
    fn read(document: &[u8]) -> Self {
        let mut fields = Self::default();
        let outcome = xml::read(document, "Error", |element| {
            match element.name {
                "Code" if is_code(element.text) => fields.code = Some(element.text.to_owned()),
                "AuthenticationErrorDetail" | "Message" => fields.detail.push_str(element.text),
                _ => {}
            }
            Ok(())
        });
        if outcome.is_ok() { fields } else { Self::default() }
    }
}

/// Determines the cause of a failed authentication. One code covers a wrong key, a wrong time and an expired SAS.
/// The clocks and the SAS itself are more reliable than the detail, which is prose.
fn kind_of_failed_authentication(headers: &HeaderMap, detail: &str, refused: &Refused) -> ErrorKind {
    if clock_is_off(headers, refused.now) {
        return ErrorKind::ClockSkew;
    }
    let expired = refused.expires.is_some_and(|expires| expires <= refused.now);
    if expired || detail.contains("specified time frame") || detail.contains("Signed expiry") {
        return ErrorKind::TokenExpired;
    }
    if detail.contains("date header") { ErrorKind::ClockSkew } else { ErrorKind::SecretWrong }
}

fn kind_of_code(code: &str, status: StatusCode, refused: &Refused) -> Option<ErrorKind> {
    Some(match code {
        "InvalidAuthenticationInfo" => ErrorKind::SecretWrong,
        "CannotVerifyCopySource" if status == StatusCode::NOT_FOUND => ErrorKind::ObjectNotFound,
        "CannotVerifyCopySource"
        | "NoAuthenticationInformation"
        | "AuthorizationFailure"
        | "AuthorizationPermissionMismatch"
        | "AuthorizationProtocolMismatch"
        | "AuthorizationResourceTypeMismatch"
        | "AuthorizationServiceMismatch"
        | "AuthorizationSourceIPMismatch"
        | "InsufficientAccountPermissions"
        | "KeyBasedAuthenticationNotPermitted"
        | "PublicAccessNotPermitted"
        | "BlobImmutableDueToPolicy" => ErrorKind::AccessDenied,
        "AccountIsDisabled" => ErrorKind::AccountNotFound,
        // For containers and blobs, the service has more specific codes.
        "ResourceNotFound" if !refused.of_blob => ErrorKind::AccountNotFound,
        "ContainerNotFound" | "ContainerBeingDeleted" | "ContainerDisabled" => ErrorKind::BucketNotFound,
        "InvalidResourceName" | "OutOfRangeInput" if !refused.of_blob => ErrorKind::BucketNotFound,
        "BlobNotFound" | "ResourceNotFound" => ErrorKind::ObjectNotFound,
        "InvalidBlockList" => ErrorKind::UploadNotFound,
        "ConditionNotMet" | "TargetConditionNotMet" | "SourceConditionNotMet" | "BlobAlreadyExists" => {
            ErrorKind::PreconditionFailed
        }
        "InvalidRange" => ErrorKind::RangeNotSatisfiable,
        "Md5Mismatch" | "Crc64Mismatch" => ErrorKind::BadDigest,
        "ServerBusy" | "TooManyRequests" | "IngressIsOverAccountLimit" | "EgressIsOverAccountLimit" => {
            ErrorKind::Throttled
        }
        "InternalError" | "OperationTimedOut" => ErrorKind::Internal,
        "UnsupportedHttpVerb" | "FeatureVersionMismatch" | "FeatureNotYetSupported" => ErrorKind::Unsupported,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use http::header::DATE;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    fn document(code: &str, detail: &str) -> String {
        format!(
            "\u{feff}<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>secret words</Message>\
             <AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail></Error>"
        )
    }

    fn kind_at(date: &str, status: u16, expires: Option<&str>, of_blob: bool, document: &str) -> ErrorKind {
        let headers = HeaderMap::from_iter([(DATE, date.parse().unwrap())]);
        let expires = expires.map(|text| text.parse().unwrap());
        let refused = Refused { of_blob, expires, now: now() };
        let status = StatusCode::from_u16(status).unwrap();
        read(status, &headers, document.as_bytes(), &refused).kind().unwrap()
    }

    const NOON: &str = "Thu, 01 Jan 2026 12:00:01 GMT";

    #[test]
    fn a_failed_authentication_is_told_by_clock_expiry_and_detail() {
        let failed = |date, expires, detail| {
            kind_at(date, 403, expires, false, &document("AuthenticationFailed", detail))
        };
        assert_eq!(failed(NOON, None, "The MAC signature … is not the same"), ErrorKind::SecretWrong);
        assert_eq!(failed("Thu, 01 Jan 2026 13:00:00 GMT", None, ""), ErrorKind::ClockSkew);
        assert_eq!(failed(NOON, None, "Request date header too old"), ErrorKind::ClockSkew);
        assert_eq!(failed(NOON, Some("2026-01-01T11:00:00Z"), ""), ErrorKind::TokenExpired);
        assert_eq!(failed(NOON, Some("2027-01-01T11:00:00Z"), ""), ErrorKind::SecretWrong);
        let frame = "Signature not valid in the specified time frame: Start […] - Expiry […]";
        assert_eq!(failed(NOON, None, frame), ErrorKind::TokenExpired);
    }

    #[test]
    fn codes_are_told_apart_by_what_the_request_was_about() {
        for (status, code, of_blob, kind) in [
            (404, "ContainerNotFound", true, ErrorKind::BucketNotFound),
            (404, "BlobNotFound", true, ErrorKind::ObjectNotFound),
            (404, "ResourceNotFound", false, ErrorKind::AccountNotFound),
            (404, "ResourceNotFound", true, ErrorKind::ObjectNotFound),
            (403, "AuthorizationPermissionMismatch", true, ErrorKind::AccessDenied),
            (403, "KeyBasedAuthenticationNotPermitted", false, ErrorKind::AccessDenied),
            (403, "AccountIsDisabled", false, ErrorKind::AccountNotFound),
            (409, "BlobAlreadyExists", true, ErrorKind::PreconditionFailed),
            (412, "ConditionNotMet", true, ErrorKind::PreconditionFailed),
            (304, "ConditionNotMet", true, ErrorKind::NotModified),
            (416, "InvalidRange", true, ErrorKind::RangeNotSatisfiable),
            (400, "InvalidBlockList", true, ErrorKind::UploadNotFound),
            (503, "ServerBusy", true, ErrorKind::Throttled),
            (500, "OperationTimedOut", true, ErrorKind::Internal),
            (409, "LeaseIdMissing", true, ErrorKind::Conflict),
            (400, "SomethingNew", true, ErrorKind::Invalid),
        ] {
            assert_eq!(kind_at(NOON, status, None, of_blob, &document(code, "")), kind, "{code}");
        }
    }

    #[test]
    fn a_head_has_its_code_in_the_header_and_a_web_page_has_none() {
        let refused = Refused { of_blob: true, expires: None, now: now() };
        let headers = HeaderMap::from_iter([(
            "x-ms-error-code".parse::<http::HeaderName>().unwrap(),
            "BlobNotFound".parse().unwrap(),
        )]);
        let error = read(StatusCode::NOT_FOUND, &headers, b"", &refused);
        assert_eq!(error.kind(), Some(ErrorKind::ObjectNotFound));
        assert_eq!(error.answer().unwrap().code.as_deref(), Some("BlobNotFound"));
        let s3 =
            read(StatusCode::FORBIDDEN, &HeaderMap::new(), document("AccessDenied", "").as_bytes(), &refused);
        assert!(matches!(s3, ProviderError::OtherServer(ServerKind::S3)), "{s3:?}");
        let page = read(StatusCode::FORBIDDEN, &HeaderMap::new(), b"<html>no</html>", &refused);
        assert!(matches!(page, ProviderError::NotAnObjectStore { .. }));
    }
}
