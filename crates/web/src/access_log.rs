//! Observation of every request: its id, a line in the log, and measurements.

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::request_id::{REQUEST_ID, request_id};
use crate::response_headers::secure;
use crate::unread_body::UnreadBody;

/// What is learned about a request while it is handled. It is one of the request's extensions, as an [`Arc`].
#[derive(Debug)]
pub struct RequestTrace {
    id: Arc<str>,
    user: OnceLock<String>,
    client: OnceLock<IpAddr>,
}

impl RequestTrace {
    fn new(id: &HeaderValue) -> Self {
        let id = id.to_str().unwrap_or_default().into();
        Self { id, user: OnceLock::new(), client: OnceLock::new() }
    }

    /// The request's id.
    pub fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// Adds the client's address to the request's line in the log.
    pub fn set_client(&self, address: IpAddr) {
        self.client.get_or_init(|| address);
    }

    /// Adds the user to the request's line in the log.
    pub fn set_user(&self, user: impl Display) {
        // The request's first extractor sets it. Others would set the same user.
        self.user.get_or_init(|| user.to_string());
    }
}

/// A request whose response head is ready.
#[derive(Debug, Clone, Copy)]
pub struct CompletedRequest<'a> {
    /// The request's id.
    pub id: &'a str,
    /// The method, or `OTHER` for unusual ones. Clients can send any word, and a metric's label must be bounded.
    pub method: &'static str,
    /// The template of the route, or `unmatched`.
    pub route: &'a str,
    /// The status of the response.
    pub status: u16,
    /// The time until the head was ready.
    pub took: Duration,
}

/// Measures the requests of a router.
pub trait RequestMetrics: Clone + Send + Sync + 'static {
    /// A request in progress. Dropping it without [`Self::end`] means that the client disconnected.
    type InFlight<'a>: Send
    where
        Self: 'a;

    /// Starts to measure a request.
    fn begin(&self, headers: &HeaderMap) -> Self::InFlight<'_>;

    /// Counts the response.
    fn end(in_flight: Self::InFlight<'_>, request: CompletedRequest<'_>);

    /// Whether the request is so usual that the log has it only at level DEBUG.
    fn is_routine(request: CompletedRequest<'_>) -> bool;
}

/// Gives the request an id, logs it and measures it. Queries and path parameters are not logged: the route template
/// is enough.
///
/// Handlers may record the fields `resource_id`, `resource_name`, `email` and `error_code` of the request's span, which
/// all its lines in the log then have.
///
/// Middleware for [`axum::middleware::from_fn_with_state`], as the outermost layer of a router.
pub async fn observe<M: RequestMetrics>(
    State(metrics): State<M>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = method_name(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);
    let trace = Arc::new(RequestTrace::new(&id));
    request.extensions_mut().insert(Arc::clone(&trace));
    // Those who learn them while they handle the request record the other fields.
    let span = tracing::info_span!(
        "request",
        request_id = id.to_str().unwrap_or_default(),
        resource_id = Empty,
        resource_name = Empty,
        email = Empty,
        error_code = Empty,
    );

    let in_flight = metrics.begin(request.headers());
    let unread = UnreadBody::of(&mut request);
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let completed = CompletedRequest {
        id: id.to_str().unwrap_or_default(),
        method,
        route,
        status,
        took: started.elapsed(),
    };
    M::end(in_flight, completed);

    let user = trace.user.get().map(tracing::field::display);
    let client = trace.client.get().map(tracing::field::display);
    let ms = completed.took.as_micros() as f64 / 1_000.0;
    span.in_scope(|| {
        if M::is_routine(completed) {
            tracing::debug!(method, route, status, ms, client, "answered");
        } else {
            tracing::info!(method, route, status, ms, user, client, "answered");
        }
    });
    if let Some(unread) = unread {
        unread.drain().await;
    }
    let headers = response.headers_mut();
    secure(headers);
    headers.insert(REQUEST_ID, id);
    response
}

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
