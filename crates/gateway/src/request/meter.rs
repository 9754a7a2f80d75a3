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
use http::Response;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::front::s3::operation::Class;
use crate::object::body::GatewayBody;
use crate::object::body::KeepAliveEnd;
use crate::object::write_state::WriteState;
use crate::protection::Slot;
use crate::request::observer::Observer;
use crate::request::stats::Counters;

/// A request that is being measured. It is counted when the measurement is dropped: at the end of the response
/// body, or when the client disconnects.
pub(crate) struct Measurement {
    counters: Arc<Counters>,
    observer: Arc<dyn Observer>,
    clock: Arc<dyn Clock>,
    began: Instant,
    first_byte: Option<Instant>,
    class: Option<Class>,
    bucket: Option<(RepoId, BucketId)>,
    /// Bytes of the request body that arrived, including chunk framing.
    pub(crate) received: Arc<AtomicU64>,
    /// The length of the content without framing, as the request declares it.
    content: u64,
    sent: u64,
    status: Option<u16>,
    provider_failed: bool,
    /// Records the size change of a write.
    write_state: Option<Arc<WriteState>>,
    whole: bool,
    /// The concurrency slots that the request occupies until it ends.
    held: Vec<Slot>,
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
    pub(crate) fn begin(counters: Arc<Counters>, observer: Arc<dyn Observer>, clock: Arc<dyn Clock>) -> Self {
        counters.begin();
        Self {
            counters,
            observer,
            clock,
            began: Instant::now(),
            first_byte: None,
            class: None,
            bucket: None,
            received: Arc::default(),
            content: 0,
            sent: 0,
            status: None,
            provider_failed: false,
            write_state: None,
            whole: false,
            held: Vec::new(),
        }
    }

    /// The operation is known. Everything about a bucket comes after this.
    pub(crate) fn classify(&mut self, class: Class) -> Classified<'_> {
        self.class = Some(class);
        Classified(self)
    }

    /// Occupies a concurrency slot until the request ends.
    pub(crate) fn hold(&mut self, slot: Slot) {
        self.held.push(slot);
    }

    /// Attributes the failure to the provider.
    pub(crate) fn blame_provider(&mut self) {
        self.provider_failed = true;
    }

    /// Records the real outcome of a response whose head was sent before the operation ended.
    fn ended_late(&mut self, end: KeepAliveEnd) {
        self.status = Some(end.status.as_u16());
        self.provider_failed |= end.fault.is_some();
    }

    /// The head of the response is ready. Measures its body while it is sent.
    pub(crate) fn finish(mut self, response: Response<GatewayBody>, is_head: bool) -> Response<Measured> {
        self.status = Some(response.status().as_u16());
        self.first_byte = Some(Instant::now());
        // Such a response is complete without content.
        self.whole = is_head || response.body().is_end_stream();
        response.map(|body| Measured { inner: body, measurement: self })
    }

    fn row(&self, bucket: BucketId, repository: RepoId, uploaded: u64) -> UsageRow {
        let failed = !self.whole || self.status.is_none_or(|status| status >= 400);
        let millis =
            |since: Instant| u64::try_from(since.duration_since(self.began).as_millis()).unwrap_or(0);
        let end = Instant::now();
        UsageRow {
            requests: 1,
            errors: u32::from(failed),
            reads: u32::from(self.class == Some(Class::Read)),
            writes: u32::from(self.class == Some(Class::Write)),
            lists: u32::from(self.class == Some(Class::List)),
            provider_errors: u32::from(failed && self.provider_failed),
            upload_bytes: uploaded,
            download_bytes: self.sent,
            size_change: self.write_state.as_ref().map_or(0, |write_state| write_state.take_size_change()),
            latency_sum_ms: millis(end),
            first_byte_sum_ms: millis(self.first_byte.unwrap_or(end)),
            ..UsageRow::empty(minute(&*self.clock), bucket, Some(repository))
        }
    }
}

/// A measured request whose operation is known.
pub(crate) struct Classified<'a>(&'a mut Measurement);

impl<'a> Classified<'a> {
    /// The bucket is known. From now on the request is counted for it.
    pub(crate) fn in_bucket(self, repository: RepoId, bucket: BucketId) -> BucketMeasurement<'a> {
        self.0.bucket = Some((repository, bucket));
        BucketMeasurement { measurement: self.0, repository, bucket }
    }
}

/// A measured request whose bucket is known.
pub(crate) struct BucketMeasurement<'a> {
    measurement: &'a mut Measurement,
    repository: RepoId,
    bucket: BucketId,
}

impl BucketMeasurement<'_> {
    /// As [`Measurement::hold`].
    pub(crate) fn hold(&mut self, slot: Slot) {
        self.measurement.hold(slot);
    }

    /// As [`Measurement::blame_provider`].
    pub(crate) fn blame_provider(&mut self) {
        self.measurement.blame_provider();
    }

    /// The length of the content is known.
    pub(crate) fn set_content(&mut self, length: u64) {
        self.measurement.content = length;
    }

    /// The request is a write, which may outlive it. Its size change is counted with the request as far as it is
    /// known by then, and afterwards with the returned counter. Returns the concurrency slots too.
    pub(crate) fn begin_write(&mut self, write_state: &Arc<WriteState>) -> (SizeCount, Vec<Slot>) {
        let Self { measurement, repository, bucket } = self;
        measurement.write_state = Some(Arc::clone(write_state));
        let (observer, clock) = (Arc::clone(&measurement.observer), Arc::clone(&measurement.clock));
        let count = SizeCount { observer, clock, repository: *repository, bucket: *bucket };
        (count, std::mem::take(&mut measurement.held))
    }
}

impl Drop for Measurement {
    fn drop(&mut self) {
        // With chunked payloads the received bytes include framing, so the length of the content is the upper
        // bound.
        let uploaded = self.content.min(self.received.load(Ordering::Relaxed));
        let class = match self.class {
            Some(Class::Read) => 0,
            Some(Class::Write) => 1,
            Some(Class::List) => 2,
            Some(Class::Bucket) => 3,
            None => 4,
        };
        self.counters.end(class, self.status, self.whole, uploaded, self.sent);
        if let Some((repository, bucket)) = self.bucket {
            self.observer.count(self.row(bucket, repository, uploaded));
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
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.measurement.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                self.measurement.whole = self.inner.is_end_stream();
                if let Some(end) = self.inner.take_late_end() {
                    self.measurement.ended_late(end);
                }
            }
            Poll::Ready(Some(Err(_))) => self.measurement.blame_provider(),
            Poll::Ready(None) => self.measurement.whole = true,
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
