//! The stages of a request: authenticate, parse, authorize, route, execute. They are the same for every protocol.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::node_protocol::KeyUse;
use bucketry_model::time::Clock;
use bucketry_telemetry::current;
use bucketry_web::client_address::forwarded_address;
use bucketry_web::drain::{drain, is_worth_draining};
use bucketry_web::min_rate_body::{BoxError, MinRateBody, TooSlow};
use bucketry_web::origins::AllowedOrigins;
use bucketry_web::shared_body::SharedBody;
use http::header::SERVER;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::MapErr;
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::failure::{Failure, FailureKind};
use crate::front::{Access, Answer, AuthenticatedKey, Front, FrontCall as _, cors};
use crate::object::body::GatewayBody;
use crate::object::context::{RequestContext, Settings};
use crate::object::write_state::{DetachedWrites, WriteState};
use crate::payload::PayloadBody;
use crate::protection::{Admission, ConcurrencyLimit, Slot};
use crate::request::detached_write::DetachedWrite;
use crate::request::execution::{OwnedRequest, execute};
use crate::request::keep_alive::KeepAliveResponse;
use crate::request::meter::{BucketMeasurement, ContentMeasurement, Measured, Measurement};
use crate::request::note::Notes;
use crate::request::observer::{KeyRefusal, Observer};
use crate::request::request_id::{RequestId, RequestIds};
use crate::request::stats::Counters;
use crate::routing::key_lookup::{KeyLookup, NamedKey};
use crate::routing::registry::{Registry, ServedKey};
use crate::routing::resolved_bucket::ResolvedBucket;
use crate::routing::route::Route;
use crate::server_settings::ServerSettings;

/// Seconds after which to retry when a concurrency limit was reached.
const RETRY_AFTER: u32 = 1;

/// Runs requests through all stages. `F` is the protocol of the applications.
pub(crate) struct Service<F> {
    pub(crate) front: F,
    pub(crate) registry: Arc<Registry>,
    /// The origins whose pages may read responses.
    pub(crate) origins: AllowedOrigins,
    /// Settings for executing operations.
    pub(crate) execution: Settings,
    pub(crate) limits: ServerSettings,
    pub(crate) counters: Arc<Counters>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) request_ids: RequestIds,
    /// What is noted of requests. `None` if they are neither logged nor traced.
    pub(crate) notes: Option<Notes>,
    /// The objects that detached writes are changing.
    pub(crate) detached: DetachedWrites,
    /// The tasks of detached writes.
    pub(crate) unattended: TaskTracker,
}

/// What the requests of a connection have in common.
pub(crate) struct ClientConnection<M> {
    /// What authentication remembers.
    pub(crate) memory: M,
    /// The other end of the connection, which may be a proxy.
    pub(crate) peer: IpAddr,
}

type RequestBody = MapErr<MinRateBody<Incoming>, fn(BoxError) -> BoxError>;

impl<F: Front> Service<F> {
    /// Answers a request. Dropping the future, as the server does when the client disconnects, counts it.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        client: &ClientConnection<F::Memory>,
    ) -> Response<Measured> {
        // On the heap, so that connections without a request stay small.
        // The place comes first, so that the future is made there.
        let place = Box::new_uninit();
        Box::into_pin(Box::write(place, self.serve(request, client))).await
    }

    /// An ordinary function that makes the future from its parts: an `async fn` would contain the request twice.
    pub(crate) fn serve<'s>(
        &'s self,
        request: Request<Incoming>,
        client: &'s ClientConnection<F::Memory>,
    ) -> impl Future<Output = Response<Measured>> + Send + 's {
        let id = self.request_ids.next();
        let measurement = Measurement::begin(
            Arc::clone(&self.counters),
            Arc::clone(&self.observer),
            Arc::clone(&self.clock),
            self.notes.as_ref().and_then(|notes| notes.begin(id, request.headers())),
        );
        let page = cors::allowed_origin(&self.origins, request.headers());
        let (parts, body) = request.into_parts();
        let is_worth_draining = is_worth_draining(&parts.headers, parts.version, &body);
        let body = MinRateBody::new(body, self.limits.min_rate(), measurement.received());
        let body = SharedBody::Here(body.map_err(as_request_timeout as fn(BoxError) -> BoxError));
        let mut stages = Stages { service: self, client, parts, body, measurement, id };
        async move {
            let walked = match stages.measurement.note().and_then(|note| note.span()) {
                None => stages.walk().await,
                Some(span) => Box::pin(current::scope(span, stages.walk())).await,
            };
            let mut response = match walked {
                Ok(response) => response,
                Err(error) => {
                    tracing::debug!(request = %id, reason = %error, "refused");
                    if is_worth_draining && let Some(body) = stages.body.take_back() {
                        Box::pin(drain(body)).await;
                    }
                    let (method, path) = (&stages.parts.method, stages.parts.uri.path());
                    F::render(&error, method, path, id.as_str())
                }
            };
            let headers = response.headers_mut();
            F::add_request_id(headers, id.as_str());
            headers.insert(SERVER, HeaderValue::from_static("Bucketry"));
            if let Some(origin) = page {
                cors::allow(origin, headers);
            }
            let is_head = stages.parts.method == Method::HEAD;
            stages.measurement.finish(response, is_head)
        }
    }

    /// Reports that the use of a key was refused, if that is what the error says.
    fn report_refusal(
        &self,
        error: &F::Error,
        named: Option<NamedKey>,
        peer: IpAddr,
        head: &Parts,
        now: Timestamp,
    ) {
        let Some((code, named)) = F::key_refusal_code(error).zip(named) else { return };
        let key_id = match named {
            NamedKey::Unknown => None,
            NamedKey::Known(id) => Some(id),
        };
        let address = forwarded_address(peer, &head.headers, &self.limits.trusted_proxies);
        self.observer.key_refused(KeyRefusal { key_id, code, address: Some(address), at: now });
    }

    /// Gives a write everything that it needs to outlive its client.
    fn begin_write(
        &self,
        context: RequestContext,
        bucket: ResolvedBucket,
        headers: HeaderMap,
        call: F::Call,
        payload: PayloadBody,
        measured: &mut ContentMeasurement<'_>,
    ) -> DetachedWrite<Answer<F::Error>> {
        let write_state = Arc::new(WriteState::new(&self.detached));
        let (count, slots) = measured.begin_write(&write_state);
        let request = OwnedRequest::<F> {
            observer: Arc::clone(&self.observer),
            context: RequestContext { write_state: Some(Arc::clone(&write_state)), ..context },
            bucket,
            headers,
            call,
            payload,
            slots,
        };
        DetachedWrite::new(request.execute(), count, write_state, &self.unattended)
    }
}

/// A request on its way through the stages.
struct Stages<'s, F: Front> {
    service: &'s Service<F>,
    client: &'s ClientConnection<F::Memory>,
    parts: Parts,
    body: SharedBody<RequestBody>,
    measurement: Measurement,
    id: RequestId,
}

impl<F: Front> Stages<'_, F> {
    /// Runs all stages. A client that waits for `100 Continue` gets it when its body is first read. By then only
    /// the body itself or the provider can still cause a refusal.
    async fn walk(&mut self) -> Result<Response<GatewayBody>, F::Error> {
        check_head(&self.parts, self.service.limits.max_head_bytes)?;
        let (front, origins) = (&self.service.front, &self.service.origins);
        if let Some(response) = front.answer_unauthenticated(&self.parts, origins)? {
            return Ok(response);
        }
        let form = if F::is_form(&self.parts) { Some(Box::pin(self.read_form()).await?) } else { None };
        let (context, proof) = self.admit(form)?;
        let Self { service, client, parts, body, measurement, id } = self;
        let mut call = service.front.parse(parts, &proof)?;
        if let Some(note) = measurement.note() {
            note.set_operation(call.name());
        }
        let measured = measurement.classify(call.class());
        check_access(&context.key, call.access()).map_err(|failure| {
            let error = F::Error::from(failure);
            let named = Some(NamedKey::Known(context.key.key.id));
            service.report_refusal(&error, named, client.peer, parts, context.now);
            error
        })?;
        let Some(route) = route::<F>(&context.key, &call)? else {
            let answer = F::execute_without_bucket(&context, &parts.headers, &call);
            return answer.map_err(|failure| failure.error);
        };
        let mut measured = measured.in_bucket(context.key.routes.repository(), route.bucket);
        let bucket = enter(&context, route, call.asks_provider(), &mut measured)?;
        let lent = if call.takes_content() { body.lend() } else { None };
        let mut payload = if let Some(lent) = lent {
            F::payload(parts, proof, lent)?
        } else {
            // Not needed any more, so that the future doesn't contain it.
            drop(proof);
            PayloadBody::of_bytes("")
        };
        let mut measured = measured.with_content(payload.length());
        let outcome = if call.class().is_write() {
            let keep_alive = call.takes_long().then_some(service.limits.keep_alive_interval);
            let headers = std::mem::take(&mut parts.headers);
            let write = service.begin_write(context, bucket, headers, call, payload, &mut measured);
            finish_write::<F>(write, keep_alive, *id).await
        } else {
            let observer = &*service.observer;
            execute::<F>(observer, &context, &bucket, &parts.headers, &mut call, &mut payload).await
        };
        outcome.map_err(|failure| {
            if failure.fault.is_some() {
                measured.blame_provider();
            }
            failure.error
        })
    }

    /// Reads the fields with which a form begins.
    async fn read_form(&mut self) -> Result<F::Form, F::Error> {
        let Some(body) = self.body.get_mut() else {
            return Err(Failure::new(FailureKind::Internal, "The body of the form is gone.").into());
        };
        F::read_form(&self.parts, body).await
    }

    /// Authenticates the caller, and occupies one of its key's concurrency slots.
    fn admit(&mut self, form: Option<F::Form>) -> Result<(RequestContext, F::Proof), F::Error> {
        let Self { service, client, parts, measurement, .. } = self;
        let now = service.clock.now();
        let keys = KeyLookup::new(&service.registry);
        let authenticated = service.front.authenticate(parts, form, &keys, now, &client.memory);
        let AuthenticatedKey { key, proof } = authenticated.inspect_err(|error| {
            service.report_refusal(error, keys.named(), client.peer, parts, now);
        })?;
        if let Some(note) = measurement.note() {
            note.set_key(&key.key.access_key);
        }
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
        };
        Ok((context, proof))
    }
}

/// Awaits a write. If it takes longer than the interval, the response begins before it has ended.
async fn finish_write<F: Front>(
    mut write: DetachedWrite<Answer<F::Error>>,
    keep_alive: Option<Duration>,
    id: RequestId,
) -> Answer<F::Error> {
    let Some(interval) = keep_alive else { return write.await };
    match timeout(interval, &mut write).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => Ok(KeepAliveResponse::<F>::new(Box::pin(write), interval, id.as_str()).response()),
    }
}

/// The route of the bucket that a request names. `None` if it needs no bucket.
fn route<F: Front>(key: &ServedKey, call: &F::Call) -> Result<Option<Arc<Route>>, Failure> {
    let Some(name) = call.bucket() else { return Ok(None) };
    match key.routes.find(name) {
        Ok(route) => Ok(Some(Arc::clone(route))),
        Err(_) if call.creates_bucket() => Ok(None),
        Err(unknown) => Err(unknown),
    }
}

/// Opens the bucket, and acquires the bucket's concurrency slot and its circuit breaker's permission.
fn enter(
    context: &RequestContext,
    route: Arc<Route>,
    asks_provider: bool,
    measurement: &mut BucketMeasurement<'_>,
) -> Result<ResolvedBucket, Failure> {
    let bucket = context.open(route)?;
    let protection = &bucket.served.protection;
    measurement.hold(take(
        &protection.slots,
        "Too many requests to this bucket are in flight. Send fewer at once, or try again.",
    )?);
    // Nothing was awaited since the request began, so that is now.
    if asks_provider && let Admission::Refused(wait) = protection.breaker.try_acquire(measurement.began()) {
        measurement.blame_provider();
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let message = "The bucket's provider could not be reached several times in a row, so requests to it are \
                       paused. Try again after the number of seconds in Retry-After.";
        return Err(Failure::throttled(seconds, message));
    }
    Ok(bucket)
}

fn check_head(parts: &Parts, most: usize) -> Result<(), Failure> {
    let fields = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let length = parts.uri.path_and_query().map_or(0, |path| path.as_str().len()) + fields.sum::<usize>();
    if length > most {
        let message = format!(
            "The path and the headers together are longer than {most} bytes. Send fewer or shorter headers."
        );
        return Err(Failure::new(FailureKind::HeadTooLarge, message));
    }
    Ok(())
}

fn check_access(key: &ServedKey, needed: Access) -> Result<(), Failure> {
    if needed.is_granted_by(key.key.access) {
        return Ok(());
    }
    let message = format!(
        "This key has {} access to the repository, which does not allow this operation. Use a key with more access.",
        key.key.access.as_str()
    );
    Err(Failure::new(FailureKind::Forbidden, message))
}

fn take(slots: &ConcurrencyLimit, sentence: &str) -> Result<Slot, Failure> {
    slots.take().ok_or_else(|| Failure::throttled(RETRY_AFTER, sentence))
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
