//! Observation of every request: its id, a line in the log, and metrics.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bucketry_model::id::UserId;
use bucketry_web::drain::{drain, is_worth_draining};
use bucketry_web::shared_body::SharedBody;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::state::ApiState;

const JSON: &str = "application/json";
/// Responses are true for the moment only, and many are for one caller only.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// The header with the request's id, in requests and responses.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is accepted from a request, in bytes.
const LONGEST_ID: usize = 128;

/// The calls of nodes, which sign their messages.
const NODE_ROUTES: [&str; 5] = ["/register", "/unregister", "/node/status", "/node/report", "/node/sync"];

/// What is learned about a request while it is handled.
#[derive(Debug, Default)]
pub(crate) struct RequestTrace {
    user: OnceLock<UserId>,
}

impl RequestTrace {
    pub(crate) fn set_user(&self, user: UserId) {
        // The request's first extractor sets it. Others would set the same user.
        let _ = self.user.set(user);
    }
}

/// Gives the request an id, logs it and counts it. Queries and path parameters are not logged: the route template
/// is enough.
pub(crate) async fn observe(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    let method = method_name(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);
    let trace = Arc::new(RequestTrace::default());
    request.extensions_mut().insert(Arc::clone(&trace));
    let span = tracing::info_span!("request", request_id = id.to_str().unwrap_or_default());

    let counted = state.metrics().begin();
    let unread = UnreadBody::of(&mut request);
    let mut response = next.run(request).instrument(span.clone()).await;
    let took = started.elapsed();
    let status = response.status().as_u16();
    counted.end(method, route, status, took);

    let user = trace.user.get().map(tracing::field::display);
    let ms = took.as_micros() as f64 / 1_000.0;
    span.in_scope(|| {
        // A node sends something every second. What an operator wants to see is what nodes are refused.
        if NODE_ROUTES.contains(&route) && status < 400 {
            tracing::debug!(method, route, status, ms, "answered");
        } else {
            tracing::info!(method, route, status, ms, user, "answered");
        }
    });
    if let Some(unread) = unread {
        unread.drain().await;
    }
    let headers = response.headers_mut();
    if headers.get(CONTENT_TYPE).is_some_and(|media_type| media_type == JSON) {
        headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(REQUEST_ID, id);
    response
}

/// The body of a request that may be refused before it is read.
struct UnreadBody(SharedBody<Body>);

impl UnreadBody {
    /// `None` where there is nothing to read.
    fn of(request: &mut Request) -> Option<Self> {
        if !is_worth_draining(request.headers(), request.version(), request.body()) {
            return None;
        }
        let mut shared = SharedBody::Here(std::mem::take(request.body_mut()));
        *request.body_mut() = Body::new(shared.lend()?);
        Some(Self(shared))
    }

    /// Reads the rest of the body, so that the client gets to read the response.
    async fn drain(mut self) {
        if let Some(body) = self.0.take_back() {
            drain(body).await;
        }
    }
}

/// The request's own id where it is valid, else a new one.
fn request_id(request: &Request) -> HeaderValue {
    let given = request.headers().get(REQUEST_ID);
    let sane = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        !bytes.is_empty() && bytes.len() <= LONGEST_ID && bytes.iter().all(u8::is_ascii_graphic)
    };
    if let Some(value) = given.filter(sane) {
        return value.clone();
    }
    let mut buffer = [0; 32];
    let text = Uuid::new_v4().simple().encode_lower(&mut buffer);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
}

/// Method names are a metric label, which must be bounded: clients can send any word.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "OTHER",
    }
}
