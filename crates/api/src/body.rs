//! JSON bodies: read within limits of size and time, and refused with the field that is wrong and why.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequest, Request};
use bucketry_control::nodes::NodeMessage;
use bucketry_model::{json_error, node_protocol};
use bucketry_web::body_budget::BodyLease;
use bucketry_web::min_rate_body::MinRateBody;
use bucketry_web::request_body::{BodyError, collect};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use utoipa::PartialSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::error::{ApiError, ApiResult};
use crate::state::ApiState;

/// The largest body of a JSON call, in bytes.
pub(crate) const BODY_LIMIT: usize = 1 << 20;
/// The largest body of a call that needs no token, in bytes.
pub(crate) const UNAUTHENTICATED_BODY_LIMIT: usize = 64 << 10;

/// A required JSON body.
pub(crate) struct JsonBody<T> {
    /// The parsed body.
    pub(crate) value: T,
    /// The body as it was sent, for code that compares whole requests.
    pub(crate) bytes: Bytes,
}

/// An optional JSON body. An empty one needs no `Content-Type`.
pub(crate) struct OptionalJsonBody<T>(pub(crate) T);

/// A JSON body from a client that has not authenticated yet. Its size limit is lower, and it counts against the
/// budget that all such bodies share.
pub(crate) struct UnauthenticatedJson<T> {
    /// The parsed body.
    pub(crate) value: T,
    /// Released when the request has been answered.
    _lease: Option<BodyLease>,
}

/// The unparsed message of a node: its signature is verified before anything in it is read.
pub(crate) struct SignedBody(pub(crate) NodeMessage);

impl<T: DeserializeOwned + PartialSchema> FromRequest<ApiState> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> ApiResult<Self> {
        let (parts, body) = request.into_parts();
        demand_json(&parts.headers)?;
        let bytes = read(body, BODY_LIMIT, state).await?;
        Ok(Self { value: parse(&bytes)?, bytes })
    }
}

impl<T: DeserializeOwned + PartialSchema + Default> FromRequest<ApiState> for OptionalJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> ApiResult<Self> {
        let (parts, body) = request.into_parts();
        if body.is_end_stream() {
            return Ok(Self(T::default()));
        }
        let bytes = read(body, BODY_LIMIT, state).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        demand_json(&parts.headers)?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned + PartialSchema> FromRequest<ApiState> for UnauthenticatedJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> ApiResult<Self> {
        let (parts, body) = request.into_parts();
        demand_json(&parts.headers)?;
        let (bytes, lease) = read_unauthenticated(&parts, body, UNAUTHENTICATED_BODY_LIMIT, state).await?;
        Ok(Self { value: parse(&bytes)?, _lease: lease })
    }
}

impl FromRequest<ApiState> for SignedBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> ApiResult<Self> {
        let (parts, body) = request.into_parts();
        demand_json(&parts.headers).map_err(ApiError::for_node)?;
        let limit = node_protocol::limits(parts.uri.path()).bytes;
        let collected = read_unauthenticated(&parts, body, limit, state).await;
        let (bytes, lease) = collected.map_err(ApiError::for_node)?;
        Ok(Self(NodeMessage::new(bytes, lease)))
    }
}

fn demand_json(headers: &HeaderMap) -> ApiResult<()> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let message = "the body must be JSON: send the header `Content-Type: application/json`";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message))
}

async fn read(body: Body, limit: usize, state: &ApiState) -> ApiResult<Bytes> {
    Ok(collect(body, limit, state.settings().body_timeout, None).await?)
}

/// Reads a body from a client that has not authenticated yet. It must arrive at a minimum rate, and counts against
/// the budget that all such bodies share. The embedded node's messages are exempt: they come from this process.
async fn read_unauthenticated(
    parts: &Parts,
    body: Body,
    limit: usize,
    state: &ApiState,
) -> ApiResult<(Bytes, Option<BodyLease>)> {
    if parts.extensions.get::<ConnectInfo<SocketAddr>>().is_none() {
        return Ok((read(body, limit, state).await?, None));
    }
    let mut lease = state.body_budget().lease(limit > UNAUTHENTICATED_BODY_LIMIT);
    let settings = state.settings();
    let body = MinRateBody::new(body, settings.unauthenticated_min_rate, Arc::default());
    let bytes = collect(body, limit, settings.body_timeout, Some(&mut lease)).await?;
    Ok((bytes, Some(lease)))
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => {
                let message = format!("the body is too large: this call accepts at most {limit} bytes");
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message)
            }
            BodyError::TooSlow => {
                let message = "the body did not arrive in time: send the request again";
                Self::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", message)
            }
            BodyError::Incomplete => {
                let message = "the body ended before it was complete: send the request again";
                Self::new(StatusCode::BAD_REQUEST, "INCOMPLETE_BODY", message)
            }
            BodyError::Overloaded(exhausted) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED", exhausted.to_string()).retry_after(2)
            }
        }
    }
}

fn parse<T: DeserializeOwned + PartialSchema>(bytes: &[u8]) -> ApiResult<T> {
    // serde would read an array as a struct, member by member. No client means that.
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|byte| matches!(byte, b'[' | b'"' | b'0'..=b'9' | b't' | b'f' | b'n')) {
        let message = "the body must be a JSON object";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        // serde_json reports a syntax error where an enum is expected and the value is not a string.
        let no_text =
            error.inner().is_syntax() && json_error::without_position(error.inner()) == "expected value";
        if no_text && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
            return ApiError::field(path, "must be a string: one of the values that this field allows");
        }
        refuse::<T>(bytes, &path, error.inner())
    })?;
    deserializer.end().map_err(|error| refuse::<T>(bytes, ".", &error))?;
    Ok(value)
}

fn refuse<T: PartialSchema>(bytes: &[u8], path: &str, error: &serde_json::Error) -> ApiError {
    if error.classify() != Category::Data {
        let message = format!(
            "the body is not valid JSON: {} at line {}, column {}",
            json_error::without_position(error),
            error.line(),
            error.column()
        );
        return ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", message);
    }
    let expected = json_error::expectation(error);
    if let Some(first) = json_error::missing_field(error) {
        if path != "." {
            return ApiError::field(format!("{path}.{first}"), "is required");
        }
        // serde stops at the first one.
        let missing = missing_fields::<T>(bytes);
        return ApiError::missing(if missing.is_empty() { vec![first] } else { missing });
    }
    if let Some(repeated) = json_error::duplicate_field(error) {
        let field = if path == "." { repeated } else { format!("{path}.{repeated}") };
        return ApiError::field(field, "must be given once");
    }
    if path == "." {
        let message = format!("the body does not fit this call: {expected}");
        return ApiError::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message);
    }
    ApiError::field(path.to_owned(), expected)
}

/// The required fields that a body of this type lacks, in the order of the type.
fn missing_fields<T: PartialSchema>(bytes: &[u8]) -> Vec<String> {
    let RefOr::T(Schema::Object(schema)) = T::schema() else { return Vec::new() };
    #[expect(
        clippy::zero_sized_map_values,
        reason = "a set can't skip the values, which may be of any size and kind"
    )]
    let given: BTreeMap<String, IgnoredAny> = serde_json::from_slice(bytes).unwrap_or_default();
    schema.required.into_iter().filter(|field| !given.contains_key(field)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;
    use serde::Deserialize;
    use utoipa::ToSchema;

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(rename_all = "camelCase")]
    struct Sample {
        #[expect(dead_code, reason = "only its type matters")]
        name: String,
        #[expect(dead_code, reason = "only its type matters")]
        #[schema(value_type = String)]
        storage_type: Option<bucketry_model::bucket::StorageType>,
        #[expect(dead_code, reason = "only its type matters")]
        inner: Option<Vec<Inner>>,
    }

    #[derive(Debug, Deserialize, ToSchema)]
    struct Inner {
        #[expect(dead_code, reason = "only its type matters")]
        count: u32,
    }

    async fn response(text: &str) -> serde_json::Value {
        let response = parse::<Sample>(text.as_bytes()).unwrap_err().into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn malformed_json_is_told_with_line_and_column() {
        let body = response("{\n  \"name\": \"a\",\n  oops\n}").await;
        assert_eq!(body["error_code"], "MALFORMED_JSON");
        assert!(body["message"].as_str().unwrap().contains("line 3, column 3"), "{body}");
        for text in ["", "{", "{\"name\":\"\\q\"}", "{\"name\":\"a\"} x"] {
            assert_eq!(response(text).await["error_code"], "MALFORMED_JSON", "{text}");
        }
    }

    #[tokio::test]
    async fn wrong_types_name_the_field_and_what_it_must_be() {
        let body = response(r#"{"name":"a","inner":[{"count":1},{"count":"x"}]}"#).await;
        assert_eq!(body["fields"][0]["field"], "inner[1].count");
        assert_eq!(body["fields"][0]["message"], "must be a whole number");
        assert_eq!(response("{}").await["fields"][0]["message"], "is required");
    }

    #[tokio::test]
    async fn a_field_that_is_given_twice_is_named() {
        for (text, field) in [
            (r#"{"name":"a","name":"a"}"#, "name"),
            (r#"{"name":"a","inner":[{"count":1},{"count":1,"count":2}]}"#, "inner[1].count"),
        ] {
            let body = response(text).await;
            assert_eq!(body["error_code"], "INVALID_REQUEST");
            assert_eq!(body["fields"][0]["field"], field);
            assert_eq!(body["fields"][0]["message"], "must be given once");
        }
    }

    #[tokio::test]
    async fn unknown_enum_values_name_the_allowed_ones() {
        let body = response(r#"{"name":"a","storageType":"FTP"}"#).await;
        let message = body["fields"][0]["message"].as_str().unwrap();
        assert!(message.contains("S3") && message.contains("GCS") && message.contains("BLOB"), "{message}");
        for value in ["3", "true", "[]", "1e400"] {
            let body = response(&format!(r#"{{"name":"a","storageType":{value}}}"#)).await;
            assert_eq!(
                (&body["error_code"], &body["fields"][0]["field"]),
                (&"INVALID_REQUEST".into(), &"storageType".into())
            );
        }
        for text in [r#"{"name":"a","storageType":oops}"#, r#"{"name":"\ud800"}"#] {
            assert_eq!(response(text).await["error_code"], "MALFORMED_JSON", "{text}");
        }
    }

    #[tokio::test]
    async fn what_was_sent_is_never_repeated() {
        let body = response(r#"{"name":{"secret":"hunter2"}}"#).await;
        assert!(!body.to_string().contains("hunter2"), "{body}");
        let body = response(r#"{"name":12345678}"#).await;
        assert!(!body.to_string().contains("12345678"), "{body}");
    }

    #[tokio::test]
    async fn only_objects_are_bodies() {
        for text in ["[\"a\"]", "\"a\"", "1", "null", "true"] {
            assert_eq!(response(text).await["error_code"], "INVALID_REQUEST", "{text}");
        }
    }

    #[test]
    fn json_is_recognised_with_parameters() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            demand_json(&headers).is_ok()
        };
        assert!(with("application/json") && with("Application/JSON; charset=utf-8"));
        assert!(!with("text/plain") && !with("application/x-www-form-urlencoded"));
        assert!(demand_json(&HeaderMap::new()).is_err());
    }
}
