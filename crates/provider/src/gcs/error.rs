//! Translates the error responses of both APIs ("HTTP status and error codes" for JSON and for XML, Cloud Storage
//! reference).

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::error::{ErrorAnswer, ErrorKind, ProviderError, is_code, is_foreign, kind_of_status, of_page};
use crate::gcs::attributes::etag_of_headers;
use crate::server_kind::ServerKind;
use crate::xml;

/// The subject of a request, which determines what "not found" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Bucket,
    Object,
    Upload,
}

/// Translates an error response of either API: JSON, XML, or no document for a HEAD.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, document: &[u8], about: About) -> ProviderError {
    let fields = ErrorFields::read(document);
    // The JSON API, by which buckets are looked up and listed, has no XML.
    let is_xml = about == About::Bucket && fields.is_xml && !is_google(headers);
    let store = ServerKind::of_store(headers, document).or(is_xml.then_some(ServerKind::S3));
    if let Some(other) = store.filter(|kind| *kind != ServerKind::Google) {
        return ProviderError::OtherServer(other);
    }
    if fields.code.is_none()
        && !document.trim_ascii().is_empty()
        && !is_google(headers)
        && is_foreign(status)
        && (is_html(headers, document) || ServerKind::of_page(headers, document).is_some())
    {
        return of_page(status, headers, document);
    }
    let by_code = fields.code.as_deref().and_then(|code| kind_of_code(code, about));
    let kind = match by_code.unwrap_or_else(|| kind_of_status(status)) {
        ErrorKind::NotFound if fields.bucket_is_missing => ErrorKind::BucketNotFound,
        ErrorKind::NotFound if fields.code.is_some() => match about {
            About::Bucket => ErrorKind::BucketNotFound,
            About::Object => ErrorKind::ObjectNotFound,
            About::Upload => ErrorKind::UploadNotFound,
        },
        // 401 means an invalid token rather than a missing permission, except for requests without a token.
        ErrorKind::AccessDenied if status == StatusCode::UNAUTHORIZED && by_code.is_none() => {
            ErrorKind::TokenExpired
        }
        kind => kind,
    };
    let mut answer = ErrorAnswer::new(status, kind, fields.code.map(Into::into), headers);
    if let Some(unmodified) = &mut answer.unmodified {
        unmodified.etag = etag_of_headers(headers).and_then(|etag| etag.parse().ok());
    }
    answer.into()
}

/// Reads the error document that a successful response to a completion may contain. The service begins to send that
/// response before it knows the outcome. `None` if the document is not an error.
pub(super) fn read_late(headers: &HeaderMap, document: &[u8], about: About) -> Option<ProviderError> {
    ErrorFields::read(document).code?;
    Some(read(StatusCode::INTERNAL_SERVER_ERROR, headers, document, about))
}

fn is_google(headers: &HeaderMap) -> bool {
    headers.contains_key("x-guploader-uploadid")
}

fn is_html(headers: &HeaderMap, document: &[u8]) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
        || document.trim_ascii_start().starts_with(b"<")
}

#[derive(Default)]
struct ErrorFields {
    code: Option<String>,
    bucket_is_missing: bool,
    is_xml: bool,
}

impl ErrorFields {
    fn read(document: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(document) {
            Ok(json) => Self::read_json(&json["error"]),
            Err(_) => Self::read_xml(document),
        }
    }

    fn read_json(error: &Value) -> Self {
        let reason = error["errors"][0]["reason"].as_str().unwrap_or_default();
        // The emulator's reasons contain spaces.
        let reason: String = reason.chars().filter(|c| !c.is_whitespace()).collect();
        let message = error["message"].as_str().unwrap_or_default();
        Self {
            code: Some(reason).filter(|reason| is_code(reason)),
            bucket_is_missing: message.starts_with("The specified bucket does not exist"),
            is_xml: false,
        }
    }

    fn read_xml(document: &[u8]) -> Self {
        let mut fields = Self::default();
        let outcome = xml::read(document, "Error", |element| {
            if element.path.len() == 1 && element.name == "Code" && is_code(element.text) {
                fields.code = Some(element.text.to_owned());
                fields.is_xml = true;
            }
            Ok(())
        });
        if outcome.is_ok() { fields } else { Self::default() }
    }
}

/// Reasons of the JSON API, which begin in lower case, and codes of the XML API.
fn kind_of_code(code: &str, about: About) -> Option<ErrorKind> {
    Some(match code {
        "forbidden"
        | "insufficientPermissions"
        | "required"
        | "retentionPolicyNotMet"
        | "AccessDenied"
        | "AuthenticationRequired" => ErrorKind::AccessDenied,
        "authError" | "ExpiredToken" | "InvalidToken" => ErrorKind::TokenExpired,
        "accountDisabled" | "projectNotFound" | "AccountProblem" | "UserProjectAccountProblem" => {
            ErrorKind::AccountNotFound
        }
        "InvalidSecurity" | "MalformedSecurityHeader" => ErrorKind::SecretWrong,
        "RequestTimeTooSkewed" => ErrorKind::ClockSkew,
        "notFound" | "NotFound" => ErrorKind::NotFound,
        "NoSuchBucket" | "InvalidBucketName" => ErrorKind::BucketNotFound,
        "invalid" if about == About::Bucket => ErrorKind::BucketNotFound,
        "NoSuchKey" => ErrorKind::ObjectNotFound,
        "NoSuchUpload" => ErrorKind::UploadNotFound,
        "conditionNotMet" | "PreconditionFailed" => ErrorKind::PreconditionFailed,
        "requestedRangeNotSatisfiable" | "InvalidRange" => ErrorKind::RangeNotSatisfiable,
        "BadDigest" | "InvalidDigest" => ErrorKind::BadDigest,
        "conflict" | "OperationAborted" => ErrorKind::Conflict,
        "rateLimitExceeded"
        | "userRateLimitExceeded"
        | "quotaExceeded"
        | "dailyLimitExceeded"
        | "SlowDown"
        | "TooManyRequests"
        | "ServiceUnavailable" => ErrorKind::Throttled,
        "backendError" | "internalError" | "InternalError" => ErrorKind::Internal,
        "methodNotAllowed" | "notImplemented" | "MethodNotAllowed" | "NotImplemented" => {
            ErrorKind::Unsupported
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, document: &str, about: About) -> ErrorKind {
        let status = StatusCode::from_u16(status).unwrap();
        read(status, &HeaderMap::new(), document.as_bytes(), about).kind().unwrap()
    }

    fn json(reason: &str, message: &str) -> String {
        format!(
            "{{\"error\":{{\"code\":0,\"message\":\"{message}\",\"errors\":[{{\"reason\":\"{reason}\"}}]}}}}"
        )
    }

    #[test]
    fn the_reason_decides_together_with_what_was_asked_for() {
        for (status, reason, about, expected) in [
            (404, "notFound", About::Bucket, ErrorKind::BucketNotFound),
            (404, "notFound", About::Object, ErrorKind::ObjectNotFound),
            (404, "Not Found", About::Object, ErrorKind::ObjectNotFound),
            (403, "forbidden", About::Object, ErrorKind::AccessDenied),
            (403, "accountDisabled", About::Bucket, ErrorKind::AccountNotFound),
            (403, "rateLimitExceeded", About::Object, ErrorKind::Throttled),
            (401, "authError", About::Bucket, ErrorKind::TokenExpired),
            (401, "required", About::Bucket, ErrorKind::AccessDenied),
            (401, "", About::Bucket, ErrorKind::TokenExpired),
            (412, "conditionNotMet", About::Object, ErrorKind::PreconditionFailed),
            (400, "invalid", About::Bucket, ErrorKind::BucketNotFound),
            (400, "invalid", About::Object, ErrorKind::Invalid),
            (503, "backendError", About::Object, ErrorKind::Internal),
        ] {
            assert_eq!(kind(status, &json(reason, "secret words"), about), expected, "{reason}");
        }
        let missing = json("notFound", "The specified bucket does not exist.");
        assert_eq!(kind(404, &missing, About::Object), ErrorKind::BucketNotFound);
    }

    #[test]
    fn codes_of_the_xml_api_are_known_too() {
        for (status, code, expected) in [
            (404, "NoSuchBucket", ErrorKind::BucketNotFound),
            (404, "NoSuchKey", ErrorKind::ObjectNotFound),
            (404, "NoSuchUpload", ErrorKind::UploadNotFound),
            (403, "AccessDenied", ErrorKind::AccessDenied),
            (416, "InvalidRange", ErrorKind::RangeNotSatisfiable),
        ] {
            let document = format!("<?xml version='1.0'?><Error><Code>{code}</Code></Error>");
            assert_eq!(kind(status, &document, About::Object), expected);
        }
        assert_eq!(
            kind(404, "", About::Object),
            ErrorKind::NotFound,
            "the response to a HEAD doesn't say what is missing"
        );
        let document = b"<Error><Code>AccessDenied</Code></Error>";
        let s3 = read(StatusCode::FORBIDDEN, &HeaderMap::new(), document, About::Bucket);
        assert!(
            matches!(s3, ProviderError::OtherServer(ServerKind::S3)),
            "buckets are looked up in JSON: {s3:?}"
        );
        let page = read(StatusCode::NOT_FOUND, &HeaderMap::new(), b"<html>no</html>", About::Object);
        assert!(matches!(page, ProviderError::NotAnObjectStore { .. }));
    }
}
