//! Sends one authorised request and reads its response.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::Value;

use crate::connection::ResponseTimeout;
use crate::encode::{Query, segment};
use crate::error::{MAX_ERROR_BYTES, ProviderError};
use crate::gcs::error::About;
use crate::gcs::{GcsDriver, error, token};
use crate::payload::{Outgoing, Payload};
use crate::pool::Incoming;

/// A request before authorisation.
pub(super) struct Call {
    pub(super) method: Method,
    /// The escaped path, without the endpoint's own.
    pub(super) path: String,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) payload: Option<Payload>,
    pub(super) about: About,
    pub(super) response_timeout: ResponseTimeout,
}

impl Call {
    pub(super) fn new(method: Method, path: String, about: About) -> Self {
        Self {
            method,
            path,
            query: Query::default(),
            headers: HeaderMap::new(),
            payload: None,
            about,
            response_timeout: ResponseTimeout::Usual,
        }
    }
}

/// Encodes a key as one path segment. The service refuses `.` and `..`, which servers on the way could resolve.
pub(super) fn key_segment(key: &str) -> Result<String, ProviderError> {
    match key {
        "" => Err(ProviderError::InvalidRequest("the key is empty")),
        "." | ".." => Err(ProviderError::InvalidRequest("Google can't store objects named '.' or '..'")),
        key => Ok(segment(key)),
    }
}

impl GcsDriver {
    /// A JSON API request about an object.
    pub(super) fn json_object(&self, method: Method, key: &str) -> Result<Call, ProviderError> {
        let path = format!("/storage/v1/b/{}/o/{}", self.bucket, key_segment(key)?);
        Ok(Call::new(method, path, About::Object))
    }

    /// An XML API request about an object.
    pub(super) fn xml_object(&self, method: Method, key: &str) -> Result<Call, ProviderError> {
        Ok(Call::new(method, format!("/{}/{}", self.bucket, key_segment(key)?), About::Object))
    }

    /// Sends a request. Returns the service's response if it is a success.
    ///
    /// A request without a body is retried once: if it changes nothing and the server closed its pooled connection,
    /// or with a new token if the service refuses the cached one.
    pub(super) async fn send(&self, call: Call) -> Result<Response<Incoming>, ProviderError> {
        let Call { method, path, query, headers, mut payload, about, response_timeout } = call;
        let uri = self.address.uri(&format!("{}{path}", self.base), &query.into_text())?;
        let mut may_repeat = payload.is_none();
        loop {
            let mut request = Request::new(Outgoing::empty());
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
            let mut headers = headers.clone();
            headers.insert(HOST, self.address.host_header());
            if let Some(payload) = &payload {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(payload.length()));
            }
            let authorization = match &self.tokens {
                Some(tokens) => Some(tokens.authorization(&self.connections).await?),
                None => None,
            };
            if let Some(authorization) = &authorization {
                token::put(&mut headers, authorization);
            }
            *request.headers_mut() = headers;
            let mut progress = None;
            if let Some(payload) = payload.take() {
                (*request.body_mut(), progress) = Outgoing::of(payload);
            }
            let repeat = std::mem::take(&mut may_repeat);
            let answer = match self.connections.send(request, progress, response_timeout).await {
                Err(ProviderError::BrokenOff) if repeat && method.is_safe() => continue,
                answer => answer?,
            };
            if answer.status().is_success() {
                return Ok(answer);
            }
            if let (StatusCode::UNAUTHORIZED, Some(tokens), Some(refused)) =
                (answer.status(), &self.tokens, &authorization)
            {
                tokens.forget(refused);
                if repeat {
                    continue;
                }
            }
            return Err(self.read_error(answer, &method, about).await);
        }
    }

    /// Sends a request whose response is a JSON object.
    pub(super) async fn send_for_json(&self, call: Call, limit: usize) -> Result<Value, ProviderError> {
        let response_timeout = call.response_timeout;
        let (head, body) = self.send(call).await?.into_parts();
        let document = self.connections.document(body, limit, response_timeout).await?;
        match serde_json::from_slice(&document) {
            Ok(json @ Value::Object(_)) => Ok(json),
            _ => Err(ProviderError::NotAnObjectStore { status: Some(head.status) }),
        }
    }

    async fn read_error(&self, answer: Response<Incoming>, method: &Method, about: About) -> ProviderError {
        let (head, body) = answer.into_parts();
        let document = if *method == Method::HEAD {
            Bytes::new()
        } else {
            // If the document can't be read, the status is enough.
            self.connections.document(body, MAX_ERROR_BYTES, ResponseTimeout::Usual).await.unwrap_or_default()
        };
        error::read(head.status, &head.headers, &document, about)
    }
}
