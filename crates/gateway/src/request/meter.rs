//! Measures one request, from its first byte to the end of its response. The resulting row goes to the `observer`,
//! which the node implements: it adds up rows and stores them on the disk.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::time::Clock;
use bucketry_model::usage::UsageRow;
use bucketry_provider::error::ProviderError;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::front::Class;
use crate::object::body::{GatewayBody, KeepAliveEnd};
use crate::object::write_state::WriteState;
use crate::protection::Slot;
use crate::request::access_log::AccessEnd;
use crate::request::note::RequestNote;
use crate::request::observer::Observer;
use crate::request::stats::{Counters, RequestEnd};

/// A request that is being measured. It is counted when the measurement is dropped: at the end of the response
/// body, or when the client disconnects.
///
/// What is known of a request grows in a fixed order: [`Measurement::classify`], [`Classified::in_bucket`],
/// [`BucketMeasurement::with_content`], [`ContentMeasurement::begin_write`]. Each step returns the next one.
pub(crate) struct Measurement {
    counters: Arc<Counters>,
    observer: Arc<dyn Observer>,
    clock: Arc<dyn Clock>,
    began: Instant,
    /// Bytes of the request body that arrived, including chunk framing.
    received: Arc<AtomicU64>,
    operation: Option<MeasuredOperation>,
    provider_failed: bool,
    response: Option<MeasuredResponse>,
    /// The concurrency slots that the request occupies until it ends.
    held: HeldSlots,
    /// What is noted for the access log and the trace. `None` if the request is in neither.
    note: Option<Box<RequestNote>>,
}

/// The concurrency slots that a request occupies. They are free again when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct HeldSlots {
    key: Option<Slot>,
    bucket: Option<Slot>,
}

/// What a request asks for, as far as it is known.
struct MeasuredOperation {
    class: Class,
    bucket: Option<(RepoId, BucketId)>,
    /// The length of the content without framing, as the request declares it.
    content: u64,
    /// Records the size change of a write.
    write_state: Option<Arc<WriteState>>,
}

impl MeasuredOperation {
    /// The length of the content, as exactly as it is known.
    fn content(&self) -> u64 {
        let recorded = self.write_state.as_ref().and_then(|write_state| write_state.content());
        recorded.unwrap_or(self.content)
    }
}

/// A response that is being sent.
struct MeasuredResponse {
    status: StatusCode,
    first_byte: Instant,
    sent: u64,
    whole: bool,
}

/// Counts the size change of a write whose client has disconnected.
pub(crate) struct SizeCount {
    observer: Arc<dyn Observer>,
    clock: Arc<dyn Clock>,
    repository: RepoId,
    bucket: BucketId,
}

impl SizeCount {
    /// Adds a number of bytes, which may be negative.
    pub(crate) fn add(&self, size_change: i64) {
        if size_change != 0 {
            let row = UsageRow::empty(minute(&*self.clock), self.bucket, Some(self.repository));
            self.observer.count(UsageRow { size_change, ..row });
        }
    }
}

/// The start of the current minute, in seconds since 1970.
fn minute(clock: &dyn Clock) -> i64 {
    clock.now().as_second().div_euclid(60) * 60
}

impl Measurement {
    pub(crate) fn begin(
        counters: Arc<Counters>,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
        note: Option<Box<RequestNote>>,
    ) -> Self {
        counters.begin();
        Self {
            counters,
            observer,
            clock,
            began: Instant::now(),
            received: Arc::default(),
            operation: None,
            provider_failed: false,
            response: None,
            held: HeldSlots::default(),
            note,
        }
    }

    /// What is noted of this request, if anything is.
    pub(crate) fn note(&mut self) -> Option<&mut RequestNote> {
        self.note.as_deref_mut()
    }

    /// Counts the bytes of the request body that arrive, including chunk framing.
    pub(crate) fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }

    /// Occupies a concurrency slot of the key until the request ends.
    pub(crate) fn hold(&mut self, slot: Slot) {
        self.held.key = Some(slot);
    }

    /// The operation is known.
    pub(crate) fn classify(&mut self, class: Class) -> Classified<'_> {
        let Self { began, operation, provider_failed, held, observer, clock, .. } = self;
        let operation =
            operation.insert(MeasuredOperation { class, bucket: None, content: 0, write_state: None });
        Classified(KnownOperation { began: *began, operation, provider_failed, held, observer, clock })
    }

    /// The head of the response is ready. Measures its body while it is sent.
    pub(crate) fn finish(mut self, response: Response<GatewayBody>, is_head: bool) -> Response<Measured> {
        self.response = Some(MeasuredResponse {
            status: response.status(),
            first_byte: Instant::now(),
            sent: 0,
            // Such a response is complete without content.
            whole: is_head || response.body().is_end_stream(),
        });
        response.map(|body| Measured { inner: body, measurement: self })
    }

    fn row(
        &self,
        operation: &MeasuredOperation,
        (repository, bucket): (RepoId, BucketId),
        uploaded: u64,
    ) -> UsageRow {
        let response = self.response.as_ref();
        let succeeded = response.is_some_and(|response| response.whole && response.status.as_u16() < 400);
        let millis =
            |since: Instant| u64::try_from(since.duration_since(self.began).as_millis()).unwrap_or(0);
        let end = Instant::now();
        UsageRow {
            requests: 1,
            errors: u32::from(!succeeded),
            reads: u32::from(operation.class == Class::Read),
            writes: u32::from(operation.class.is_write()),
            lists: u32::from(operation.class == Class::List),
            provider_errors: u32::from(!succeeded && self.provider_failed),
            upload_bytes: uploaded,
            download_bytes: response.map_or(0, |response| response.sent),
            size_change: operation
                .write_state
                .as_ref()
                .map_or(0, |write_state| write_state.take_size_change()),
            latency_sum_ms: millis(end),
            first_byte_sum_ms: millis(response.map_or(end, |response| response.first_byte)),
            ..UsageRow::empty(minute(&*self.clock), bucket, Some(repository))
        }
    }
}

/// The parts of a measurement that may still change once the operation is known.
struct KnownOperation<'a> {
    began: Instant,
    operation: &'a mut MeasuredOperation,
    provider_failed: &'a mut bool,
    held: &'a mut HeldSlots,
    observer: &'a Arc<dyn Observer>,
    clock: &'a Arc<dyn Clock>,
}

/// A measured request whose operation is known.
pub(crate) struct Classified<'a>(KnownOperation<'a>);

impl<'a> Classified<'a> {
    /// The bucket is known. From now on the request is counted for it.
    pub(crate) fn in_bucket(self, repository: RepoId, bucket: BucketId) -> BucketMeasurement<'a> {
        self.0.operation.bucket = Some((repository, bucket));
        BucketMeasurement { known: self.0, repository, bucket }
    }
}

/// A measured request whose bucket is known.
pub(crate) struct BucketMeasurement<'a> {
    known: KnownOperation<'a>,
    repository: RepoId,
    bucket: BucketId,
}

impl<'a> BucketMeasurement<'a> {
    /// Occupies a concurrency slot of the bucket until the request ends.
    pub(crate) fn hold(&mut self, slot: Slot) {
        self.known.held.bucket = Some(slot);
    }

    /// When the request began.
    pub(crate) fn began(&self) -> Instant {
        self.known.began
    }

    /// Attributes the failure to the provider.
    pub(crate) fn blame_provider(&mut self) {
        *self.known.provider_failed = true;
    }

    /// The length of the content is known.
    pub(crate) fn with_content(self, length: u64) -> ContentMeasurement<'a> {
        self.known.operation.content = length;
        ContentMeasurement(self)
    }
}

/// A measured request whose content is about to be read.
pub(crate) struct ContentMeasurement<'a>(BucketMeasurement<'a>);

impl ContentMeasurement<'_> {
    /// Attributes the failure to the provider.
    pub(crate) fn blame_provider(&mut self) {
        self.0.blame_provider();
    }

    /// The request is a write, which may outlive it. Its size change is counted with the request as far as it is
    /// known by then, and afterwards with the returned counter. Returns the concurrency slots too.
    pub(crate) fn begin_write(&mut self, write_state: &Arc<WriteState>) -> (SizeCount, HeldSlots) {
        let BucketMeasurement { known, repository, bucket } = &mut self.0;
        known.operation.write_state = Some(Arc::clone(write_state));
        let (observer, clock) = (Arc::clone(known.observer), Arc::clone(known.clock));
        let count = SizeCount { observer, clock, repository: *repository, bucket: *bucket };
        (count, std::mem::take(known.held))
    }
}

impl Drop for Measurement {
    fn drop(&mut self) {
        let operation = self.operation.as_ref();
        // With chunked payloads the received bytes include framing, so the length of the content is the upper
        // bound.
        let content = operation.map_or(0, MeasuredOperation::content);
        let uploaded = content.min(self.received.load(Ordering::Relaxed));
        let class = match operation.map(|operation| operation.class) {
            Some(Class::Read) => 0,
            Some(Class::Write) => 1,
            Some(Class::List) => 2,
            Some(Class::Delete) => 3,
            Some(Class::Other) => 4,
            None => 5,
        };
        let response = self.response.as_ref();
        let status = response.map(|response| response.status.as_u16());
        let (whole, sent) = response.map_or((false, 0), |response| (response.whole, response.sent));
        let answered = response.map(|response| {
            (response.status.as_u16(), response.first_byte.saturating_duration_since(self.began))
        });
        self.counters.end(&RequestEnd { class, answered, whole, uploaded, downloaded: sent });
        if let Some(note) = self.note.take() {
            note.end(&AccessEnd {
                at: self.clock.now(),
                class: operation.map(|operation| operation.class),
                bucket: operation.and_then(|operation| operation.bucket),
                status,
                whole,
                received: uploaded,
                sent,
                took: self.began.elapsed(),
            });
        }
        if let Some(operation) = operation
            && let Some(bucket) = operation.bucket
        {
            self.observer.count(self.row(operation, bucket, uploaded));
        }
    }
}

/// A response body that is measured while it is sent.
pub(crate) struct Measured {
    inner: GatewayBody,
    measurement: Measurement,
}

impl Body for Measured {
    type Data = Bytes;
    type Error = ProviderError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProviderError>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        let Some(response) = &mut this.measurement.response else { return polled };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                response.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                response.whole = this.inner.is_end_stream();
                // The real outcome of a response whose head was sent before the operation ended.
                if let Some(KeepAliveEnd { status, fault }) = this.inner.take_late_end() {
                    response.status = status;
                    this.measurement.provider_failed |= fault.is_some();
                }
            }
            Poll::Ready(Some(Err(_))) => this.measurement.provider_failed = true,
            Poll::Ready(None) => response.whole = true,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
