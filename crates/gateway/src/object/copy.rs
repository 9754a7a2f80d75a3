//! Copies objects. Within one bucket, the provider copies. Between buckets, which may be at different providers, the
//! content is streamed from one to the other without being collected.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll};

use bucketry_provider::body::{Payload, ProviderBody};
use bucketry_provider::driver::{
    ByteRange, Capabilities, Conditions, CopyRequest, GetRequest, ObjectAttributes, ObjectRead, PutRequest,
    Stored, Tag,
};
use bucketry_provider::error::{ErrorKind, ProviderError};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::failure::{Failure, FailureKind};
use crate::object::context::RequestContext;
use crate::object::measured_write::{MeasuredWrite, SizeAfter};
use crate::object::multipart::OpenUpload;
use crate::object::put::check_length;
use crate::object::stored_checksum::StoredChecksum;
use crate::object::write_state::WriteState;
use crate::object::{attributes, conditions};
use crate::routing::object_key::ObjectKey;
use crate::routing::resolved_bucket::ResolvedBucket;

/// An object that was copied.
pub(crate) struct Copied {
    pub(crate) stored: Stored,
    /// What the copy lacks because the destination's provider can't store it.
    pub(crate) left_out: Vec<&'static str>,
}

/// Copies an object. If it is dropped midway, the provider may still complete its copy, but a streamed copy stores
/// nothing. `key` includes the repository's folder. Without `attributes` or `tags`, the copy gets those of the source.
pub(crate) async fn object(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    source: &SourceObject,
    key: &str,
    attributes: Option<ObjectAttributes>,
    tags: Option<Vec<Tag>>,
) -> Result<Copied, Failure> {
    let can = resolved.driver().capabilities();
    attributes.as_ref().map_or(Ok(()), |attributes| attributes::check(attributes, can))?;
    let within = source.resolved.id() == resolved.id();
    let write = MeasuredWrite::prepare(context, resolved, key, &Conditions::default()).await?;
    if within && can.copy {
        let request = CopyRequest { attributes, tags, source_conditions: source.conditions.clone() };
        let copied = write.run(SizeAfter::Unknown, resolved.driver().copy(&source.key, key, &request)).await;
        let given = request.tags.as_deref().unwrap_or_default();
        let stored =
            copied.map_err(|error| resolved.tagged_failure(given, &error, source.failure(&error)))?;
        Ok(Copied { stored, left_out: Vec::new() })
    } else {
        let read = source.read(None).await?;
        let (attributes, mut left_out) = attributes::of_copy(&read.info, attributes, can);
        let tags = match tags {
            Some(tags) => tags,
            None => source.tags(read.info.tag_count, can, &mut left_out).await?,
        };
        let length = length(&read)?;
        check_length(length, can.max_put_bytes)?;
        let (payload, lost) = streamed(context, read.body, length);
        let mut request = PutRequest { attributes, tags, ..PutRequest::default() };
        // The copy has no parts, of which a composite checksum would be.
        let checksum = StoredChecksum::of(&read.info).filter(|stored| stored.parts.is_none());
        if can.hidden_metadata {
            request.hidden.checksum = checksum.map(|stored| stored.text(Some(length)));
        }
        let put = resolved.driver().put(key, payload, &request);
        let stored = write.run_begun_by_payload(SizeAfter::Bytes(length), put).await;
        let stored = stored.map_err(|error| {
            resolved.tagged_failure(&request.tags, &error, source.lost(resolved, &error, &lost))
        })?;
        Ok(Copied { stored, left_out })
    }
}

/// Copies an object, or a range of one, to a part of an upload, always streamed. Returns the ETag. If it is dropped
/// midway, the part is not stored.
pub(crate) async fn part(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    source: &SourceObject,
    upload: OpenUpload,
    number: u32,
    range: Option<(u64, u64)>,
) -> Result<String, Failure> {
    let OpenUpload { key, upload } = upload;
    let read = source.read(range).await?;
    if range.is_some() && read.range != range {
        return Err(Failure::new(
            FailureKind::InvalidValue,
            "x-amz-copy-source-range is outside of the source.",
        ));
    }
    let length = length(&read)?;
    check_length(length, resolved.driver().capabilities().multipart.max_part_bytes)?;
    let (payload, lost) = streamed(context, read.body, length);
    let stored = resolved.driver().upload_part(&key, &upload, number, payload).await;
    stored.map(|stored| stored.etag).map_err(|error| source.lost(resolved, &error, &lost))
}

/// The source of a copy. Like any object that is read, it is looked up in the same repository, below its folder.
pub(crate) struct SourceObject {
    pub(crate) resolved: ResolvedBucket,
    /// Includes the repository's folder.
    pub(crate) key: String,
    /// Copy only if these hold.
    conditions: Conditions,
}

impl SourceObject {
    /// `bucket` is the name that the client used.
    pub(crate) fn find(
        context: &RequestContext,
        bucket: &str,
        key: &ObjectKey,
        conditions: &Conditions,
    ) -> Result<Self, Failure> {
        let resolved = context.resolve(bucket)?;
        conditions::of_reading(conditions, resolved.driver().capabilities())?;
        let key = resolved.key(key)?;
        Ok(Self { resolved, key, conditions: conditions.clone() })
    }

    /// Refuses to copy the object onto itself, which must change something. `must` says what. `key` includes the
    /// repository's folder.
    pub(crate) fn check_is_not(
        &self,
        resolved: &ResolvedBucket,
        key: &str,
        must: &str,
    ) -> Result<(), Failure> {
        if self.resolved.id() != resolved.id() || self.key != key {
            return Ok(());
        }
        let message = format!("A copy of an object to itself must {must}.");
        Err(Failure::new(FailureKind::InvalidRequest, message))
    }

    /// The tags for a streamed copy. Those that one of the providers doesn't have are left out.
    async fn tags(
        &self,
        count: Option<u32>,
        can: &Capabilities,
        left_out: &mut Vec<&'static str>,
    ) -> Result<Vec<Tag>, Failure> {
        if count.is_none_or(|count| count == 0) {
            return Ok(Vec::new());
        }
        let driver = self.resolved.driver();
        if can.tags && driver.capabilities().tags {
            return driver.get_tags(&self.key).await.map_err(|error| self.failure(&error));
        }
        left_out.push("tags");
        Ok(Vec::new())
    }

    async fn read(&self, range: Option<(u64, u64)>) -> Result<ObjectRead, Failure> {
        let range = range.map(|(first, last)| ByteRange::Closed(first, last));
        let request = GetRequest { range, conditions: self.conditions.clone() };
        self.resolved.driver().get(&self.key, &request).await.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &ProviderError) -> Failure {
        copy_failure(&self.resolved, error)
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

/// Translates a provider's error for the client. For a copy, an unmodified source means that a condition isn't met.
pub(crate) fn copy_failure(resolved: &ResolvedBucket, error: &ProviderError) -> Failure {
    if error.kind() == Some(ErrorKind::NotModified) {
        return Failure::new(FailureKind::PreconditionFailed, "A condition on the source does not hold.");
    }
    resolved.failure(error)
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
