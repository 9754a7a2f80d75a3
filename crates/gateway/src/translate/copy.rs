//! `CopyObject` and `UploadPartCopy`.
//!
//! Within one bucket, the provider copies. Between buckets, which may be at different providers, the content is
//! streamed from one to the other without being collected.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll};

use bucketry_provider::body::{Payload, ProviderBody};
use bucketry_provider::driver::{
    ByteRange, Conditions, CopyRequest, GetRequest, ObjectRead, PutRequest, Stored,
};
use bucketry_provider::error::{ErrorKind, ProviderError};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::execute::write::{MeasuredWrite, SizeAfter};
use crate::execute::{Answer, RequestContext, ResolvedBucket, WriteState, answer, conditions};
use crate::failure::{Failure, FailureKind};
use crate::operation::{CopyObject, CopySource, Part};
use crate::translate::write::check_length;
use crate::xml::Document;

/// `CopyObject`. If it is dropped midway, the provider may still complete its copy, but a streamed copy stores
/// nothing.
pub(super) async fn object(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    copying: CopyObject,
) -> Answer {
    conditions::none(&copying.conditions, "The destination of a copy")?;
    let source = StreamedSource::find(context, &copying.source)?;
    let key = resolved.key(&copying.key)?;
    let within = source.resolved.id() == resolved.id();
    if within && source.key == key && copying.attributes.is_none() {
        return Err(Failure::new(
            FailureKind::InvalidRequest,
            "A copy of an object to itself must replace its metadata (x-amz-metadata-directive: REPLACE).",
        )
        .into());
    }
    let write = MeasuredWrite::prepare(context, resolved, &key, &Conditions::default()).await?;
    let stored = if within && resolved.driver().capabilities().copy {
        let request = CopyRequest {
            attributes: copying.attributes,
            source_conditions: copying.source.conditions.clone(),
        };
        let copied = write.run(SizeAfter::Unknown, resolved.driver().copy(&source.key, &key, &request)).await;
        copied.map_err(|error| source.failure(&error))?
    } else {
        let read = source.read(None, &copying.source.conditions).await?;
        let attributes = copying.attributes.unwrap_or_else(|| read.info.attributes.clone());
        let length = length(&read)?;
        check_length(length, resolved.driver().capabilities().max_put_bytes)?;
        let (payload, lost) = streamed(context, read.body, length);
        let request = PutRequest { attributes, conditions: Conditions::default() };
        let put = resolved.driver().put(&key, payload, &request);
        let stored = write.run_begun_by_payload(SizeAfter::Bytes(length), put).await;
        stored.map_err(|error| source.lost(resolved, &error, &lost))?
    };
    Ok(answer::document(result("CopyObjectResult", context, stored.etag.as_deref())))
}

/// `UploadPartCopy`, always streamed. If it is dropped midway, the part is not stored.
pub(super) async fn part(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    part: Part,
    from: CopySource,
    range: Option<(u64, u64)>,
) -> Answer {
    let source = StreamedSource::find(context, &from)?;
    let key = resolved.key(&part.key)?;
    let upload = resolved.open_upload(context, &key, &part.upload)?;
    let read = source.read(range, &from.conditions).await?;
    if range.is_some() && read.range != range {
        return Err(Failure::new(
            FailureKind::InvalidValue,
            "x-amz-copy-source-range is outside of the source.",
        )
        .into());
    }
    let length = length(&read)?;
    check_length(length, resolved.driver().capabilities().multipart.max_part_bytes)?;
    let (payload, lost) = streamed(context, read.body, length);
    let stored = resolved.driver().upload_part(&key, &upload, part.number, payload).await;
    let stored = stored.map_err(|error| source.lost(resolved, &error, &lost))?;
    let stored = Stored { etag: Some(stored.etag), version: None };
    Ok(answer::document(result("CopyPartResult", context, stored.etag.as_deref())))
}

/// The copy was stored just now, so the provider isn't asked for the time.
fn result(root: &'static str, context: &RequestContext, etag: Option<&str>) -> Bytes {
    let mut document = Document::new(root);
    document.time("LastModified", context.now);
    document.optional("ETag", etag);
    document.finish()
}

/// The source of a copy. Like any object that is read, it is looked up in the same repository, below its folder.
struct StreamedSource {
    resolved: ResolvedBucket,
    key: String,
}

impl StreamedSource {
    fn find(context: &RequestContext, source: &CopySource) -> Result<Self, Failure> {
        conditions::no_version(source.version.as_ref())?;
        let resolved = context.resolve(&source.bucket)?;
        conditions::of_reading(&source.conditions, resolved.driver().capabilities())?;
        let key = resolved.key(&source.key)?;
        Ok(Self { resolved, key })
    }

    async fn read(&self, range: Option<(u64, u64)>, conditions: &Conditions) -> Result<ObjectRead, Failure> {
        let range = range.map(|(first, last)| ByteRange::Closed(first, last));
        let request = GetRequest { range, conditions: conditions.clone() };
        self.resolved.driver().get(&self.key, &request).await.map_err(|error| self.failure(&error))
    }

    /// For a copy, an unmodified source means that a condition isn't met.
    fn failure(&self, error: &ProviderError) -> Failure {
        if error.kind() == Some(ErrorKind::NotModified) {
            return Failure::new(FailureKind::PreconditionFailed, "A condition on the source does not hold.");
        }
        self.resolved.failure(error)
    }

    /// Attributes the failure of a streamed copy to the destination or to the source.
    fn lost(&self, resolved: &ResolvedBucket, error: &ProviderError, lost: &Lost) -> Failure {
        match (error, lost.get()) {
            (ProviderError::Source(_), Some(lost)) => self.resolved.failure(lost),
            (ProviderError::Source(_), None) => self.resolved.failure(&ProviderError::BrokenOff),
            _ => resolved.failure(error),
        }
    }
}

fn length(read: &ObjectRead) -> Result<u64, Failure> {
    let of_range = read.range.map(|(first, last)| last.saturating_sub(first).saturating_add(1));
    of_range.or_else(|| read.body.size_hint().exact()).or(read.info.size).ok_or_else(|| {
        Failure::new(FailureKind::NotImplemented, "The source's provider does not report the object's size.")
    })
}

type Lost = Arc<OnceLock<ProviderError>>;

fn streamed(context: &RequestContext, body: ProviderBody, length: u64) -> (Payload, Lost) {
    let lost = Lost::default();
    let write_state = context.write_state.clone();
    (Payload::stream(Tapped { body, left: length, write_state, lost: Arc::clone(&lost) }, length), lost)
}

/// A body that remembers why it failed, because the driver that reads it only reports that it did. Nothing is
/// stored without the last piece, so until then the copy can be cancelled.
struct Tapped {
    body: ProviderBody,
    left: u64,
    write_state: Option<Arc<WriteState>>,
    lost: Lost,
}

/// Reading the source of a copy failed.
#[derive(Debug, thiserror::Error)]
#[error("reading the source of the copy failed")]
struct SourceLost;

impl Body for Tapped {
    type Data = Bytes;
    type Error = SourceLost;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SourceLost>>> {
        let next = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &next {
            self.left = self.left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
        }
        if self.left == 0
            && let Some(write_state) = self.write_state.take()
        {
            write_state.begin();
        }
        Poll::Ready(next.map(|frame| {
            frame.map_err(|error| {
                // Nobody reads on after a failure, so the first one is the only one.
                let _ = self.lost.set(error);
                SourceLost
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
