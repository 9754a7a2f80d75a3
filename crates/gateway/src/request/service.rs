//! The stages of a request: authenticate, parse, authorize, route, execute.

use std::borrow::Cow;
use std::sync::Arc;

use bucketry_model::node_protocol::KeyUse;
use bucketry_model::time::Clock;
use bucketry_web::drain::{drain, is_worth_draining};
use bucketry_web::min_rate_body::{BoxError, MinRateBody, TooSlow};
use bucketry_web::origins::AllowedOrigins;
use bucketry_web::shared_body::SharedBody;
use http::header::{CONTENT_TYPE, HOST, SERVER};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::MapErr;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use crate::failure::{Failure, FailureKind};
use crate::front::s3::auth::Verifier;
use crate::front::s3::cors;
use crate::front::s3::dispatch;
use crate::front::s3::error::{Code, Result, S3Error, S3Failure};
use crate::front::s3::error_document;
use crate::front::s3::headers::X_AMZ_REQUEST_ID;
use crate::front::s3::operation::{self, Access, Class, Domains, Query, Target};
use crate::object::body::GatewayBody;
use crate::object::context::RequestContext;
use crate::object::context::Settings;
use crate::object::write_state::DetachedWrites;
use crate::object::write_state::WriteState;
use crate::payload::{self, PayloadBody};
use crate::protection::{Admission, ConcurrencyLimit};
use crate::request::detached_write::DetachedWrite;
use crate::request::execution::{execute, execute_owned};
use crate::request::keep_alive::KeepAliveResponse;
use crate::request::meter::{BucketMeasurement, Measured, Measurement};
use crate::request::observer::Observer;
use crate::request::request_id::{RequestId, RequestIds};
use crate::request::stats::Counters;
use crate::routing::registry::{Registry, ServedKey};
use crate::routing::resolved_bucket::ResolvedBucket;
use crate::routing::route::Route;
use crate::server::Answer;
use crate::settings::ServerSettings;

/// Seconds after which to retry when a concurrency limit was reached.
const RETRY_AFTER: u32 = 1;

/// Runs requests through all stages.
pub(crate) struct Service {
    pub(crate) registry: Arc<Registry>,
    pub(crate) verifier: Verifier,
    pub(crate) domains: Domains,
    /// The origins whose pages may read responses.
    pub(crate) origins: AllowedOrigins,
    /// Settings for executing operations.
    pub(crate) execution: Settings,
    pub(crate) limits: ServerSettings,
    pub(crate) counters: Arc<Counters>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) request_ids: RequestIds,
    /// The objects that detached writes are changing.
    pub(crate) detached: DetachedWrites,
    /// The tasks of detached writes.
    pub(crate) unattended: TaskTracker,
}

type RequestBody = MapErr<MinRateBody<Incoming>, fn(BoxError) -> BoxError>;

impl Answer for Service {
    type Body = Measured;

    async fn answer(&self, request: Request<Incoming>) -> Response<Measured> {
        // On the heap, so that connections without a request stay small.
        Box::pin(self.serve(request)).await
    }
}

impl Service {
    /// An ordinary function that makes the future from its parts: an `async fn` would contain the request twice.
    fn serve(&self, request: Request<Incoming>) -> impl Future<Output = Response<Measured>> + Send {
        let measurement = Measurement::begin(
            Arc::clone(&self.counters),
            Arc::clone(&self.observer),
            Arc::clone(&self.clock),
        );
        let id = self.request_ids.next();
        let page = cors::allowed_origin(&self.origins, request.headers());
        let (parts, body) = request.into_parts();
        let is_worth_draining = is_worth_draining(&parts.headers, parts.version, &body);
        let body = MinRateBody::new(body, self.limits.min_rate(), Arc::clone(&measurement.received));
        let body = SharedBody::Here(body.map_err(as_request_timeout as fn(BoxError) -> BoxError));
        let mut stages = Stages { service: self, parts, body, measurement, id };
        async move {
            let mut response = match stages.walk().await {
                Ok(response) => response,
                Err(error) => {
                    tracing::debug!(request = %id, code = error.code.as_str(), reason = error.message, "refused");
                    if is_worth_draining && let Some(body) = stages.body.take_back() {
                        Box::pin(drain(body)).await;
                    }
                    let (method, path) = (&stages.parts.method, stages.parts.uri.path());
                    error_document::response(&error, method, path, id.as_str()).map(GatewayBody::bytes)
                }
            };
            let headers = response.headers_mut();
            headers.insert(&X_AMZ_REQUEST_ID, id.header_value());
            headers.insert(SERVER, HeaderValue::from_static("Bucketry"));
            if let Some(origin) = page {
                cors::allow(origin, headers);
            }
            let is_head = stages.parts.method == Method::HEAD;
            stages.measurement.finish(response, is_head)
        }
    }

    /// A node that has just started doesn't know all keys yet. Clients of unknown keys must retry, not give up.
    fn or_too_early(&self, error: S3Error) -> S3Error {
        if error.code != Code::InvalidAccessKeyId || self.registry.is_complete() {
            return error;
        }
        let message = "This node has just started and has not loaded all repositories yet. Try again.";
        S3Error { retry_after: Some(RETRY_AFTER), ..S3Error::new(Code::ServiceUnavailable, message) }
    }
}

/// A request on its way through the stages.
struct Stages<'s> {
    service: &'s Service,
    parts: Parts,
    body: SharedBody<RequestBody>,
    measurement: Measurement,
    id: RequestId,
}

impl Stages<'_> {
    /// Runs all stages. A client that waits for `100 Continue` gets it when its body is first read. By then only
    /// the body itself or the provider can still cause a refusal.
    async fn walk(&mut self) -> Result<Response<GatewayBody>> {
        let Self { service, parts, body, measurement, id } = self;
        check_head(parts, service.limits.max_head_bytes)?;
        refuse_forms(parts)?;
        if parts.method == Method::OPTIONS {
            return cors::preflight(&service.origins, parts);
        }
        let now = service.clock.now();
        let verified = service
            .verifier
            .verify(parts, &*service.registry, now)
            .map_err(|error| service.or_too_early(error))?;
        let key = Arc::clone(&verified.key);
        if key.activity.is_news(now) {
            service.observer.key_used(KeyUse { key_id: key.key.id, at: now });
        }
        measurement.hold(take(
            &key.activity.slots,
            "Too many requests with this key are in flight. Send fewer at once, or try again.",
        )?);

        let context = RequestContext {
            key,
            registry: Arc::clone(&service.registry),
            settings: service.execution,
            now,
            write_state: None,
            observer: Arc::clone(&service.observer),
        };
        // What isn't needed any more ends here, so that the future doesn't contain it.
        let (mut request, route, measured) = {
            let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
            let target = Target::parse(parts.uri.path(), host, &service.domains)?;
            let query = Query::parse(parts.uri.query())?;
            let request = operation::parse(&parts.method, &target, &query, &parts.headers)?;
            let measured = measurement.classify(request.operation.class());
            check_access(&context.key, request.operation.access())?;
            let route = dispatch::route(&context, &target, &request.operation)?;
            (request, route, measured)
        };
        let Some(route) = route else {
            return dispatch::handle_without_bucket(&context, &request).map_err(|failure| failure.error);
        };
        let mut measured = measured.in_bucket(context.key.routes.repository(), route.bucket);
        let bucket = enter(&context, route, request.operation.asks_provider(), &mut measured)?;
        let lent = if request.operation.takes_content() { body.lend() } else { None };
        let mut payload = match lent {
            Some(lent) => payload::reader(lent, &verified, parts)?,
            None => PayloadBody::of_bytes(""),
        };
        drop(verified);
        measured.set_content(payload.length());
        let receipt = payload.receipt();
        let outcome = if request.operation.class() == Class::Write {
            let waits =
                if request.operation.takes_long() { Some(service.limits.keep_alive_interval) } else { None };
            let operation::Request { operation, headers } = request;
            let headers = match headers {
                Cow::Owned(headers) => headers,
                Cow::Borrowed(_) => std::mem::take(&mut parts.headers),
            };
            let request = operation::Request { operation, headers: Cow::Owned(headers) };
            let write_state = Arc::new(WriteState::new(&service.detached));
            let context = RequestContext { write_state: Some(Arc::clone(&write_state)), ..context };
            let (count, slots) = measured.begin_write(&write_state);
            let write = execute_owned(context, bucket, request, payload, slots);
            let mut write = DetachedWrite::new(write, count, write_state, &service.unattended);
            match waits {
                None => write.await,
                Some(sign) => match timeout(sign, &mut write).await {
                    Ok(outcome) => outcome,
                    Err(_elapsed) => {
                        let keep_alive = KeepAliveResponse::new(Box::pin(write), sign, id.as_str());
                        return Ok(keep_alive.response());
                    }
                },
            }
        } else {
            execute(&context, &bucket, &mut request, &mut payload).await
        };
        match outcome {
            Ok(mut response) => {
                if let Some((name, value)) = receipt.checksum() {
                    response.headers_mut().entry(name).or_insert(value);
                }
                Ok(response)
            }
            Err(S3Failure { error, fault, .. }) => {
                if fault.is_some() {
                    measured.blame_provider();
                }
                // To the driver, a refused payload is just a body that failed. The receipt has the reason.
                Err(receipt.refusal().map_or(error, S3Error::from))
            }
        }
    }
}

/// Opens the bucket, and acquires the bucket's concurrency slot and its circuit breaker's permission.
fn enter(
    context: &RequestContext,
    route: Arc<Route>,
    asks_provider: bool,
    measurement: &mut BucketMeasurement<'_>,
) -> Result<ResolvedBucket> {
    let bucket = context.open(route)?;
    let protection = &bucket.served.protection;
    measurement.hold(take(
        &protection.slots,
        "Too many requests to this bucket are in flight. Send fewer at once, or try again.",
    )?);
    if asks_provider && let Admission::Refused(wait) = protection.breaker.try_acquire(Instant::now()) {
        measurement.blame_provider();
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let message = "The bucket's provider could not be reached several times in a row, so requests to it are \
                       paused. Try again after the seconds in Retry-After.";
        return Err(S3Error::slow_down(seconds, message));
    }
    Ok(bucket)
}

fn check_head(parts: &Parts, most: usize) -> Result<()> {
    let fields = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let length = parts.uri.path_and_query().map_or(0, |path| path.as_str().len()) + fields.sum::<usize>();
    if length > most {
        let message = format!(
            "The path and the headers together are longer than {most} bytes. Send fewer or shorter headers."
        );
        return Err(S3Error::new(Code::RequestHeaderSectionTooLarge, message));
    }
    Ok(())
}

/// `PostObject` carries its signature in a form field, which the gateway doesn't read.
fn refuse_forms(parts: &Parts) -> Result<()> {
    let is_form = |value: &HeaderValue| value.as_bytes().starts_with(b"multipart/form-data");
    if parts.method == Method::POST && parts.headers.get(CONTENT_TYPE).is_some_and(is_form) {
        let message = "PostObject is not supported. Instead of an HTML form, use a presigned URL for PUT.";
        return Err(S3Error::new(Code::NotImplemented, message));
    }
    Ok(())
}

fn check_access(key: &ServedKey, needed: Access) -> Result<()> {
    if needed.is_granted_by(key.key.access) {
        return Ok(());
    }
    let message = format!(
        "This key has {} access to the repository, which does not allow this operation. Use a key with more access.",
        key.key.access.as_str()
    );
    Err(S3Error::new(Code::AccessDenied, message))
}

fn take(slots: &ConcurrencyLimit, sentence: &str) -> Result<crate::protection::Slot> {
    slots.take().ok_or_else(|| S3Error::slow_down(RETRY_AFTER, sentence))
}

/// Turns the error of a body that arrived too slowly into `RequestTimeout`.
fn as_request_timeout(error: BoxError) -> BoxError {
    if !error.is::<TooSlow>() {
        return error;
    }
    Box::new(Failure::new(
        FailureKind::RequestTimeout,
        "The request body arrived too slowly, or not at all. Send the request again over a faster connection.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<'a, F>(_: impl FnOnce(&'a Service, Request<Incoming>) -> F) -> usize {
        size_of::<F>()
    }

    /// The future of a request is copied to the heap, and what it awaits is copied within it.
    #[test]
    fn the_future_of_a_request_is_small() {
        let size = size_of_future(Service::serve);
        assert!(size < 4_800, "{size} bytes");
    }
}
