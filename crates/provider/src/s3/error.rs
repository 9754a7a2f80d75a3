//! Translates S3's error responses.

use http::{HeaderMap, StatusCode};

use crate::error::{ErrorAnswer, ErrorKind, ProviderError, is_code, is_foreign, kind_of_status, of_page};
use crate::s3::address::is_region;
use crate::server_kind::ServerKind;
use crate::xml;

/// Translates an error response: its status, headers and document, which is empty for a HEAD.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, document: &[u8]) -> ProviderError {
    let fields = ErrorFields::read(document);
    let region = headers
        .get("x-amz-bucket-region")
        .and_then(|value| value.to_str().ok())
        .filter(|region| is_region(region))
        .map(Into::into)
        .or(fields.region);
    let kind = match fields.code.as_deref().and_then(kind_of_code) {
        Some(kind) => kind,
        None if let Some(other) = other_store(headers, document) => return ProviderError::OtherServer(other),
        // Another kind of server responded: S3 sends an error document in every 4xx response with a body.
        None if fields.code.is_none()
            && !document.trim_ascii().is_empty()
            && !says_s3(headers)
            && is_foreign(status) =>
        {
            return of_page(status, headers, document);
        }
        None if region.is_some() && may_name_a_region(status) => ErrorKind::WrongRegion,
        None => kind_of_status(status),
    };
    ErrorAnswer { region, ..ErrorAnswer::new(status, kind, fields.code, headers) }.into()
}

/// Reads the error document that a 200 response to a copy or completion may contain. S3 begins to send that
/// response before it knows the outcome. `None` if the document is not an error.
pub(super) fn read_late(headers: &HeaderMap, document: &[u8]) -> Option<ProviderError> {
    let fields = ErrorFields::read(document);
    let code = fields.code.as_deref()?;
    let kind = kind_of_code(code).unwrap_or(ErrorKind::Internal);
    let status = match kind {
        ErrorKind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        ErrorKind::Throttled => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::AccessDenied => StatusCode::FORBIDDEN,
        ErrorKind::ObjectNotFound | ErrorKind::UploadNotFound => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    };
    Some(read(status, headers, document))
}

/// The statuses with which S3 answers a request for a bucket in another region.
fn may_name_a_region(status: StatusCode) -> bool {
    matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::TEMPORARY_REDIRECT | StatusCode::BAD_REQUEST)
}

/// A store that doesn't speak S3. Google's does, too, except for its JSON.
fn other_store(headers: &HeaderMap, document: &[u8]) -> Option<ServerKind> {
    match ServerKind::of_store(headers, document)? {
        ServerKind::S3 => None,
        ServerKind::Google if !document.trim_ascii_start().starts_with(b"{") => None,
        other => Some(other),
    }
}

fn says_s3(headers: &HeaderMap) -> bool {
    headers.contains_key("x-amz-request-id") || headers.contains_key("x-amz-id-2")
}

#[derive(Default)]
struct ErrorFields {
    code: Option<Box<str>>,
    region: Option<Box<str>>,
}

impl ErrorFields {
    fn read(document: &[u8]) -> Self {
        let mut fields = Self::default();
        let outcome = xml::read(document, "Error", |element| {
            if element.path.len() == 1 {
                match element.name {
                    "Code" if is_code(element.text) => fields.code = Some(element.text.into()),
                    "Region" if is_region(element.text) => fields.region = Some(element.text.into()),
                    _ => {}
                }
            }
            Ok(())
        });
        if outcome.is_ok() { fields } else { Self::default() }
    }
}

/// Error codes of AWS, and of servers that use their own codes with its protocol.
fn kind_of_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "InvalidAccessKeyId" | "InvalidSecurity" | "UnrecognizedClientException" | "InvalidClientTokenId" => {
            ErrorKind::KeyUnknown
        }
        "SignatureDoesNotMatch" => ErrorKind::SecretWrong,
        "RequestTimeTooSkewed" | "RequestExpired" => ErrorKind::ClockSkew,
        "ExpiredToken" | "TokenRefreshRequired" | "InvalidToken" => ErrorKind::TokenExpired,
        "NotSignedUp" | "AccountProblem" | "InvalidPayer" => ErrorKind::AccountNotFound,
        "AccessDenied" | "AllAccessDisabled" | "AccessForbidden" => ErrorKind::AccessDenied,
        // An archived object that must be restored before it can be read.
        "InvalidObjectState" => ErrorKind::Invalid,
        "NoSuchBucket" | "InvalidBucketName" => ErrorKind::BucketNotFound,
        "NoSuchKey" | "NoSuchVersion" => ErrorKind::ObjectNotFound,
        "NoSuchUpload" => ErrorKind::UploadNotFound,
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "Redirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException"
        | "IncorrectEndpoint" => ErrorKind::WrongRegion,
        "PreconditionFailed" => ErrorKind::PreconditionFailed,
        "NotModified" => ErrorKind::NotModified,
        "InvalidRange" => ErrorKind::RangeNotSatisfiable,
        "BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest" => ErrorKind::BadDigest,
        "ConditionalRequestConflict" | "OperationAborted" => ErrorKind::Conflict,
        "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "ServiceUnavailable"
        | "BandwidthLimitExceeded" => ErrorKind::Throttled,
        "InternalError" | "InternalServerError" => ErrorKind::Internal,
        "NotImplemented" | "MethodNotAllowed" => ErrorKind::Unsupported,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn document(code: &str, more: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>secret words</Message>{more}</Error>"
        )
    }

    fn answer(status: u16, headers: &[(&'static str, &str)], document: &str) -> ErrorAnswer {
        let headers = headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        match read(StatusCode::from_u16(status).unwrap(), &headers, document.as_bytes()) {
            ProviderError::Answer(answer) => *answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_code_decides_before_the_status() {
        for (status, code, kind) in [
            (403, "InvalidAccessKeyId", ErrorKind::KeyUnknown),
            (403, "SignatureDoesNotMatch", ErrorKind::SecretWrong),
            (403, "RequestTimeTooSkewed", ErrorKind::ClockSkew),
            (400, "ExpiredToken", ErrorKind::TokenExpired),
            (403, "AccessDenied", ErrorKind::AccessDenied),
            (404, "NoSuchBucket", ErrorKind::BucketNotFound),
            (404, "NoSuchKey", ErrorKind::ObjectNotFound),
            (503, "SlowDown", ErrorKind::Throttled),
            (500, "InternalError", ErrorKind::Internal),
            (400, "AuthorizationHeaderMalformed", ErrorKind::WrongRegion),
            (400, "SomethingNew", ErrorKind::Invalid),
        ] {
            let answer = answer(status, &[], &document(code, ""));
            assert_eq!((answer.kind, answer.code.as_deref()), (kind, Some(code)));
        }
    }

    #[test]
    fn a_head_has_only_its_status_and_header() {
        for (status, headers, kind) in [
            (403, &[][..], ErrorKind::AccessDenied),
            (404, &[], ErrorKind::NotFound),
            (301, &[("x-amz-bucket-region", "eu-west-1")], ErrorKind::WrongRegion),
            (400, &[("x-amz-bucket-region", "eu-west-1")], ErrorKind::WrongRegion),
            (302, &[("location", "https://evil.example/")], ErrorKind::Redirected),
            (429, &[], ErrorKind::Throttled),
            (503, &[], ErrorKind::Throttled),
            (502, &[], ErrorKind::Internal),
            (304, &[], ErrorKind::NotModified),
        ] {
            assert_eq!(answer(status, headers, "").kind, kind, "{status}");
        }
    }

    #[test]
    fn the_right_region_is_taken_from_the_header_or_the_document_if_it_is_one() {
        let fields = document("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>");
        assert_eq!(answer(400, &[], &fields).region.as_deref(), Some("eu-west-1"));
        let evil = document("AuthorizationHeaderMalformed", "<Region>evil.com/x</Region>");
        assert_eq!(answer(400, &[("x-amz-bucket-region", "also.evil")], &evil).region, None);
    }

    #[test]
    fn nothing_that_the_provider_wrote_is_shown() {
        let answer = answer(403, &[("retry-after", "7")], &document("AccessDenied", ""));
        assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(answer.to_string(), "the provider denies access (HTTP status 403)");
        let long = document(&"x".repeat(65), "");
        let unreadable = read(StatusCode::BAD_REQUEST, &HeaderMap::new(), long.as_bytes());
        assert!(unreadable.answer().is_none_or(|answer| answer.code.is_none()));
    }

    #[test]
    fn a_web_page_is_not_an_object_store() {
        for status in [400, 403, 404] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = read(status, &HeaderMap::new(), b"<html><body>Not here</body></html>");
            assert!(matches!(error, ProviderError::NotAnObjectStore { .. }), "{error:?}");
        }
        let gateway = read(StatusCode::BAD_GATEWAY, &HeaderMap::new(), b"<html>nginx</html>");
        assert_eq!(gateway.kind(), Some(ErrorKind::Internal));
    }

    #[test]
    fn another_kind_of_store_is_named() {
        let read = |name: &str, value: &str, document: &str| {
            let headers: http::HeaderName = name.parse().unwrap();
            let headers = HeaderMap::from_iter([(headers, value.parse().unwrap())]);
            read(StatusCode::FORBIDDEN, &headers, document.as_bytes())
        };
        let is = |error: &ProviderError, kind| matches!(error, ProviderError::OtherServer(found) if *found == kind);
        let azure = read("x-ms-request-id", "1", &document("AuthorizationFailure", ""));
        assert!(is(&azure, ServerKind::Azure), "{azure:?}");
        let google = read("date", "x", "{\"error\":{\"code\":403}}");
        assert!(is(&google, ServerKind::Google), "{google:?}");
        let nginx = read("server", "nginx/1.24", "<html>403</html>");
        assert!(is(&nginx, ServerKind::Web("nginx")), "{nginx:?}");
        let interoperable = read("x-guploader-uploadid", "1", &document("AccessDenied", ""));
        assert_eq!(interoperable.kind(), Some(ErrorKind::AccessDenied), "Google's XML is that of S3");
        let own = read("x-ms-request-id", "1", &document("AccessDenied", ""));
        assert_eq!(own.kind(), Some(ErrorKind::AccessDenied), "a code of S3 decides before a proxy's header");
    }

    #[test]
    fn an_error_inside_of_a_success_is_found() {
        let late = read_late(&HeaderMap::new(), document("InternalError", "").as_bytes()).unwrap();
        assert_eq!(late.kind(), Some(ErrorKind::Internal));
        assert!(read_late(&HeaderMap::new(), b"<CopyObjectResult/>").is_none());
    }
}
