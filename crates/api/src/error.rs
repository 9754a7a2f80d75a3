//! Error responses: every error of every layer becomes a response of one shape.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use bucketry_api_types::error::WrongField;
use bucketry_control::repositories::RepoErrorCode;
use bucketry_control::{Error as ControlError, FieldError, ResourceKind};
use bucketry_model::diagnosis::Check;
use bucketry_model::node_protocol::WRONG_CLOCK_FIELD;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

/// The result of a handler.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// The body of every error response.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorAnswer {
    /// Always false.
    #[schema(example = false)]
    success: bool,
    /// What is wrong and what to do about it, in one sentence.
    #[schema(example = "the access token has expired: refresh it or log in again")]
    message: String,
    /// A stable code that programs can check.
    #[schema(value_type = String, example = "TOKEN_EXPIRED")]
    error_code: &'static str,
    /// The fields that are wrong. Absent where the error is not about fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    fields: Vec<WrongField>,
    /// The checks that the node made. Present where a bucket could not be validated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    checks: Vec<Check>,
    /// The bucket's status. Present where a validation failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "OFFLINE")]
    status: Option<&'static str>,
    /// The latency of the `bucket` check, or the time of all checks where it was not made, in milliseconds. Present
    /// where a validation failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<u64>,
    /// Always empty, because no bucket was registered. Present in a 429 of `POST /bucket`.
    #[serde(rename = "bucketId", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    bucket_id: Option<&'static str>,
    /// Always empty, because no repository was stored. Present in errors of the repository calls that store or
    /// validate.
    #[serde(rename = "repoId", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    repo_id: Option<&'static str>,
    /// The same text as `message`, under the name that the repository calls use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    error_message: Option<String>,
    /// The same code as `error_code`, under the name that the node calls use.
    #[serde(rename = "errorCode", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    node_error_code: Option<&'static str>,
    /// The same text as `message`, under the name that the node calls use.
    #[serde(rename = "errorMessage", skip_serializing_if = "Option::is_none")]
    node_error_message: Option<String>,
}

/// The code of an error response, as one of its extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrorCode(pub(crate) &'static str);

/// An error on its way to the client.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Refusal>);

#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    answer: ErrorAnswer,
    headers: HeaderMap,
    /// What the log reports in addition. Never sent to the client.
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// An error with a status, a stable code and a sentence.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Refusal {
            status,
            answer: ErrorAnswer {
                success: false,
                message: message.into(),
                error_code: code,
                fields: Vec::new(),
                checks: Vec::new(),
                status: None,
                latency_ms: None,
                bucket_id: None,
                repo_id: None,
                error_message: None,
                node_error_code: None,
                node_error_message: None,
            },
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// 400 for one wrong field.
    pub(crate) fn field(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let wrong = WrongField { field: field.into(), message: message.into() };
        let sentence = format!("{} {}", wrong.field, wrong.message);
        let mut error = Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", sentence);
        error.0.answer.fields.push(wrong);
        error
    }

    /// 400 for several fields, each with what is wrong with it.
    pub(crate) fn fields(wrong: Vec<(String, String)>) -> Self {
        let sentences: Vec<_> = wrong.iter().map(|(field, message)| format!("{field} {message}")).collect();
        let mut error = Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", sentences.join("; "));
        let wrong = wrong.into_iter().map(|(field, message)| WrongField { field: field.into(), message });
        error.0.answer.fields.extend(wrong);
        error
    }

    /// 400 for required fields that are absent.
    pub(crate) fn missing(fields: Vec<String>) -> Self {
        let wrong = |field: String| WrongField { field: field.into(), message: "is required".to_owned() };
        let wrong: Vec<_> = fields.into_iter().map(wrong).collect();
        let sentences: Vec<_> =
            wrong.iter().map(|wrong| format!("{} {}", wrong.field, wrong.message)).collect();
        let mut error = Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", sentences.join("; "));
        error.0.answer.fields = wrong;
        error
    }

    /// 404 for a resource of this kind.
    pub(crate) fn not_found(thing: ResourceKind) -> Self {
        ControlError::NotFound(thing).into()
    }

    /// 429; the next request is allowed after `seconds`.
    pub(crate) fn too_many_requests(message: impl Into<String>, seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message).retry_after(seconds)
    }

    /// 500; the cause goes to the log only.
    pub(crate) fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        ControlError::internal(cause).into()
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The same error with another status, for endpoints whose contract requires one.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    pub(crate) fn code(&self) -> &'static str {
        self.0.answer.error_code
    }

    /// Adds the checks of a failed validation.
    pub(crate) fn with_checks(mut self, checks: Vec<Check>, status: &'static str, latency_ms: u64) -> Self {
        let answer = &mut self.0.answer;
        (answer.checks, answer.status, answer.latency_ms) = (checks, Some(status), Some(latency_ms));
        self
    }

    /// Gives a 429 of `POST /bucket` the form that the contract requires.
    pub(crate) fn without_bucket(mut self) -> Self {
        if self.status() == StatusCode::TOO_MANY_REQUESTS {
            self.0.answer.bucket_id = Some("");
        }
        self
    }

    /// Gives an error of a repository call the form that the contract requires.
    pub(crate) fn for_repository(mut self) -> Self {
        let answer = &mut self.0.answer;
        answer.repo_id = Some("");
        answer.error_message = Some(answer.message.clone());
        self
    }

    /// Adds the field names that nodes read.
    pub(crate) fn for_node(mut self) -> Self {
        let answer = &mut self.0.answer;
        answer.node_error_code = Some(answer.error_code);
        answer.node_error_message = Some(answer.message.clone());
        self
    }
}

fn status_of(error: &ControlError) -> StatusCode {
    match error {
        ControlError::Unauthenticated(_)
        | ControlError::TokenExpired(_)
        | ControlError::Login(_)
        | ControlError::Refresh(_) => StatusCode::UNAUTHORIZED,
        ControlError::Forbidden(_)
        | ControlError::PasswordChangeRequired(_)
        | ControlError::RegistrationClosed
        | ControlError::InUse(_) => StatusCode::FORBIDDEN,
        ControlError::NotFound(_) => StatusCode::NOT_FOUND,
        ControlError::NotValidated
        | ControlError::CurrentPasswordWrong
        | ControlError::Invalid(_)
        | ControlError::NameTaken(_)
        | ControlError::EmailTaken
        | ControlError::ValidationFailed(_)
        | ControlError::Rule { .. }
        | ControlError::NodeMessage(_)
        | ControlError::NodeClock(_) => StatusCode::BAD_REQUEST,
        ControlError::Repository { code, .. } => match code {
            RepoErrorCode::NotFound => StatusCode::NOT_FOUND,
            RepoErrorCode::QuotaExceeded => StatusCode::TOO_MANY_REQUESTS,
            RepoErrorCode::NameAlreadyUsed
            | RepoErrorCode::MirrorMasterUnitCountInvalid
            | RepoErrorCode::MirrorMasterUnitMissing
            | RepoErrorCode::MirrorUnitAlreadyInOtherRepo
            | RepoErrorCode::NormalUnitFolderAlreadyUsed
            | RepoErrorCode::NormalUnitCannotEditFolder => StatusCode::BAD_REQUEST,
        },
        ControlError::Conflict => StatusCode::CONFLICT,
        ControlError::TooManyValidations(_) | ControlError::QuotaExceeded(_) => StatusCode::TOO_MANY_REQUESTS,
        ControlError::NoNodeOnline
        | ControlError::NoPinnedNodeOnline
        | ControlError::NoRecipient
        | ControlError::NodesPending(_)
        | ControlError::NodeNotApproved(_)
        | ControlError::NodeTimeout
        | ControlError::ValidationImpossible(_)
        | ControlError::Outdated(_)
        | ControlError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        ControlError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        let base = Self::new(status_of(&error), error.code(), error.to_string());
        match error {
            ControlError::Invalid(fields) => {
                let wrong = |FieldError { field, message }| WrongField { field: field.into(), message };
                let mut base = base;
                base.0.answer.fields = fields.into_iter().map(wrong).collect();
                base
            }
            ControlError::CurrentPasswordWrong => {
                let mut base = base;
                let message = "is not your current password".to_owned();
                base.0.answer.fields.push(WrongField { field: "currentPassword".into(), message });
                base
            }
            // By this field, nodes tell a wrong clock from a wrong key.
            ControlError::NodeClock(message) => {
                let mut base = base;
                base.0.answer.fields.push(WrongField { field: WRONG_CLOCK_FIELD.into(), message });
                base
            }
            ControlError::ValidationFailed(diagnosis) => {
                base.with_checks(diagnosis.checks, "OFFLINE", diagnosis.latency_ms)
            }
            // Nodes send a heartbeat every 20 s.
            ControlError::NoNodeOnline
            | ControlError::NoPinnedNodeOnline
            | ControlError::NoRecipient
            | ControlError::NodesPending(_)
            | ControlError::NodeTimeout => base.retry_after(20),
            ControlError::ValidationImpossible(_) => base.retry_after(5),
            ControlError::TooManyValidations(_) => base.retry_after(1),
            // Behind a balancer, another server may answer.
            ControlError::Outdated(_) => base.retry_after(30),
            ControlError::Unavailable(cause) => {
                let mut base = base.retry_after(5);
                base.0.cause = Some(Box::new(cause));
                base
            }
            ControlError::Internal(cause) => {
                let mut base = base;
                base.0.cause = Some(cause);
                base
            }
            _ => base,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Refusal { status, answer, headers, cause } = *self.0;
        if let Some(cause) = cause {
            tracing::error!(error_code = answer.error_code, cause = %Chain(&*cause), "request failed");
        }
        tracing::Span::current().record("error_code", answer.error_code);
        // A struct of strings and numbers always serialises.
        let body = serde_json::to_vec(&answer).unwrap_or_default();
        let mut response = (status, body).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.headers_mut().extend(headers);
        response.extensions_mut().insert(ErrorCode(answer.error_code));
        response
    }
}

/// Displays an error and its chain of causes in one line.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bucketry_model::diagnosis::{CheckCode, CheckName, Diagnosis};
    use bucketry_store::token::TokenKind;
    use http_body_util::BodyExt as _;

    async fn response(error: impl Into<ApiError>) -> (StatusCode, HeaderMap, serde_json::Value) {
        let response = error.into().into_response();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn every_refusal_has_the_one_shape() {
        let (status, headers, body) = response(ControlError::TokenExpired(TokenKind::Session)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(headers[WWW_AUTHENTICATE], "Bearer");
        assert_eq!(headers[CONTENT_TYPE], "application/json");
        assert_eq!(body["success"], false);
        assert_eq!(body["error_code"], "TOKEN_EXPIRED");
        assert_eq!(body.as_object().unwrap().len(), 3);
    }

    #[tokio::test]
    async fn a_failed_validation_carries_its_checks() {
        let check = Check {
            name: CheckName::Bucket,
            ok: false,
            latency_ms: 3,
            message: "there is no such bucket".into(),
            error_code: Some(CheckCode::BucketNotFound),
            hint: None,
        };
        let (status, _, body) = response(ControlError::ValidationFailed(Diagnosis::new(vec![check]))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body["checks"][0]["error_code"], "BUCKET_NOT_FOUND");
        assert_eq!(body["error_code"], "VALIDATION_FAILED");
    }

    #[tokio::test]
    async fn causes_of_internal_errors_stay_inside() {
        let (status, _, body) = response(ControlError::internal("password=hunter2")).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!body.to_string().contains("hunter2"));
    }

    #[tokio::test]
    async fn a_quota_answers_with_an_empty_bucket_id() {
        let (status, _, body) =
            response(ApiError::from(ControlError::QuotaExceeded(10)).without_bucket()).await;
        assert_eq!((status, &body["bucketId"]), (StatusCode::TOO_MANY_REQUESTS, &serde_json::json!("")));
        let (_, _, body) = response(ApiError::from(ControlError::Conflict).without_bucket()).await;
        assert!(body.get("bucketId").is_none());
    }
}
