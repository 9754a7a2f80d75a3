//! The stages of a request: authenticate, parse, authorize, route, execute.

use std::borrow::Cow;
use std::sync::Arc;

use bucketry_listener::drain::{drain, is_worth_draining};
use bucketry_listener::min_rate_body::{BoxError, MinRateBody, TooSlow};
use bucketry_listener::origins::AllowedOrigins;
use bucketry_listener::shared_body::SharedBody;
use bucketry_model::node_protocol::KeyUse;
use bucketry_model::time::Clock;
use http::header::{CONTENT_TYPE, HOST, SERVER};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use http_body_util::combinators::MapErr;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use crate::amazon_headers::X_AMZ_REQUEST_ID;
use crate::cors;
use crate::detached_write::DetachedWrite;
use crate::error::{Code, Result, S3Error, S3Failure};
use crate::error_document;
use crate::execute::{DetachedWrites, GatewayBody, Settings, WriteState};
use crate::execution::Execution;
use crate::failure::{Failure, FailureKind};
use crate::keep_alive::KeepAliveResponse;
use crate::meter::{Measured, Measurement};
use crate::observer::Observer;
use crate::operation::{self, Access, Class, Domains, Operation, Query, Target};
use crate::payload::{self, PayloadBody};
use crate::protection::{Admission, ConcurrencyLimit};
use crate::registry::{Registry, ServedBucket, ServedKey};
use crate::request_id::{RequestId, RequestIds};
use crate::route;
use crate::server::Answer;
use crate::settings::ServerSettings;
use crate::signature::Verifier;
use crate::stats::Counters;

/// Seconds after which to retry when a concurrency limit was reached.
const RETRY_AFTER: u32 = 1;

/// Runs requests through all stages.
pub(crate) struct Service {
    pub(crate) registry: Arc<Registry>,
    pub(crate) verifier: Verifier,
    pub(crate) domains: Domains,
    /// The origins whose pages may read responses.
    pub(crate) origins: AllowedOrigins,
    pub(crate) translation: Settings,
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
    async fn serve(&self, request: Request<Incoming>) -> Response<Measured> {
        let mut measurement = Measurement::begin(
            Arc::clone(&self.counters),
            Arc::clone(&self.observer),
            Arc::clone(&self.clock),
        );
        let id = self.request_ids.next();
        let page = cors::allowed_origin(&self.origins, request.headers());
        let (mut parts, body) = request.into_parts();
        let is_worth_draining = is_worth_draining(&parts.headers, parts.version, &body);
        let body = MinRateBody::new(body, self.limits.min_rate(), Arc::clone(&measurement.received));
        let mut body = SharedBody::Here(body.map_err(as_request_timeout as fn(BoxError) -> BoxError));
        let mut response = match self.walk(&mut parts, &mut body, &mut measurement, id).await {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(request = %id, code = error.code.as_str(), reason = error.message, "refused");
                if is_worth_draining && let Some(body) = body.take_back() {
                    drain(body).await;
                }
                let answer = error_document::response(&error, &parts.method, parts.uri.path(), id.as_str());
                answer.map(GatewayBody::bytes)
            }
        };
        let headers = response.headers_mut();
        headers.insert(&X_AMZ_REQUEST_ID, id.header_value());
        headers.insert(SERVER, HeaderValue::from_static("Bucketry"));
        if let Some(origin) = page {
            cors::allow(origin, headers);
        }
        measurement.answered(response.status().as_u16());
        let silent = parts.method == Method::HEAD || response.body().is_end_stream();
        response.map(|body| {
            let measured = measurement.measure(body);
            if silent { measured.without_content() } else { measured }
        })
    }

    /// Runs all stages. A client that waits for `100 Continue` gets it when its body is first read. By then only
    /// the body itself or the provider can still cause a refusal.
    async fn walk(
        &self,
        parts: &mut Parts,
        body: &mut SharedBody<RequestBody>,
        measurement: &mut Measurement,
        id: RequestId,
    ) -> Result<Response<GatewayBody>> {
        check_head(parts, self.limits.max_head_bytes)?;
        refuse_forms(parts)?;
        if parts.method == Method::OPTIONS {
            return cors::preflight(&self.origins, parts);
        }
        let now = self.clock.now();
        let verified =
            self.verifier.verify(parts, &*self.registry, now).map_err(|error| self.or_too_early(error))?;
        let key = Arc::clone(&verified.key);
        if key.activity.is_news(now) {
            self.observer.key_used(KeyUse { key_id: key.key.id, at: now });
        }
        measurement.hold(take(
            &key.activity.slots,
            "Too many requests with this key are in flight. Send fewer at once, or try again.",
        )?);

        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let target = Target::parse(parts.uri.path(), host, &self.domains)?;
        let query = Query::parse(parts.uri.query())?;
        let request = operation::parse(&parts.method, &target, &query, &parts.headers)?;
        measurement.set_class(request.operation.class());
        check_access(&key, request.operation.access())?;

        let asks_provider = request.operation.asks_provider();
        let bucket = match target.bucket() {
            // `CreateBucket` with an unknown name needs no bucket: the response explains how to register one.
            Some(name) if request.operation == Operation::CreateBucket && key.routes.find(name).is_err() => {
                None
            }
            Some(name) => Some(self.enter(&key, name, asks_provider, measurement)?),
            None => None,
        };
        let lent = if request.operation.takes_content() { body.lend() } else { None };
        let payload = match lent {
            Some(lent) => payload::reader(lent, &verified, parts)?,
            None => PayloadBody::of_bytes(""),
        };
        measurement.set_content(payload.length());
        let receipt = payload.receipt();
        let execution = Execution {
            key,
            registry: Arc::clone(&self.registry),
            settings: self.translation,
            now,
            bucket: bucket.filter(|_| asks_provider),
            write_state: None,
            observer: Arc::clone(&self.observer),
        };
        let is_write = request.operation.class() == Class::Write;
        let outcome = if let Some(count) = is_write.then(|| measurement.size_count()).flatten() {
            let waits =
                if request.operation.takes_long() { Some(self.limits.keep_alive_interval) } else { None };
            let operation::Request { operation, headers } = request;
            let headers = match headers {
                Cow::Owned(headers) => headers,
                Cow::Borrowed(_) => std::mem::take(&mut parts.headers),
            };
            let request = operation::Request { operation, headers: Cow::Owned(headers) };
            let write_state = Arc::new(WriteState::new(&self.detached));
            measurement.set_write(Arc::clone(&write_state));
            let execution = Execution { write_state: Some(Arc::clone(&write_state)), ..execution };
            let write = execution.execute_owned(target, request, payload, measurement.release());
            let mut write = DetachedWrite::new(write, count, write_state, &self.unattended);
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
            execution.execute(&target, request, payload).await
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
                    measurement.blame_provider();
                }
                // To the driver, a refused payload is just a body that failed. The receipt has the reason.
                Err(receipt.refusal().map_or(error, S3Error::from))
            }
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

    /// Resolves a bucket name, and acquires the bucket's concurrency slot and its circuit breaker's permission.
    fn enter(
        &self,
        key: &ServedKey,
        name: &str,
        asks_provider: bool,
        measurement: &mut Measurement,
    ) -> Result<Arc<ServedBucket>> {
        let id = key.routes.find(name)?.bucket;
        measurement.set_bucket(key.routes.repository(), id);
        let bucket = self.registry.bucket(id).ok_or_else(route::not_served)?;
        measurement.hold(take(
            &bucket.protection.slots,
            "Too many requests to this bucket are in flight. Send fewer at once, or try again.",
        )?);
        if asks_provider
            && let Admission::Refused(wait) = bucket.protection.breaker.try_acquire(Instant::now())
        {
            measurement.blame_provider();
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
            let message = "The bucket's provider could not be reached several times in a row, so requests to it are \
                           paused. Try again after the seconds in Retry-After.";
            return Err(S3Error::slow_down(seconds, message));
        }
        Ok(bucket)
    }
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
