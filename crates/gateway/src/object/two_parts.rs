//! Stores content whose exact length is known only at its end, in constant memory: all that it certainly has is
//! streamed as one part of a multipart upload, and the rest, which is small, is another.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bucketry_provider::body::Payload;
use bucketry_provider::driver::{Conditions, HiddenMetadata, Part, Stored, UploadCompletion, UploadId};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use crate::failure::Failure;
use crate::object::context::RequestContext;
use crate::object::measured_write::{MeasuredWrite, SizeAfter};
use crate::object::stored_checksum::StoredChecksum;
use crate::payload::PayloadBody;
use crate::payload::checksum::Checksum;
use crate::routing::resolved_bucket::ResolvedBucket;

/// Stores an object. `key` includes the repository's folder. The content has at least `first` bytes, and not many
/// more. `begin` begins the multipart upload, which is completed only if all of the payload was verified, and aborted
/// otherwise, also if the client disconnects.
pub(crate) async fn put(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    key: &str,
    begin: impl Future<Output = Result<UploadId, Failure>>,
    first: u64,
    payload: PayloadBody,
) -> Result<Stored, Failure> {
    let write = MeasuredWrite::prepare(context, resolved, key, &Conditions::default()).await?;
    // An upload that has begun must be completed or aborted.
    context.begin();
    let upload = begin.await?;
    let receipt = payload.receipt();
    let stored = match upload_parts(resolved, key, &upload, first, payload).await {
        Ok((parts, size)) => {
            context.record_content(size);
            let mut hidden = HiddenMetadata::default();
            if resolved.driver().capabilities().hidden_metadata {
                let stored = |checksum: &Checksum| StoredChecksum { checksum: checksum.clone(), parts: None };
                hidden.checksum = receipt.checksum().map(|checksum| stored(checksum).text(Some(size)));
            }
            let completion = UploadCompletion { parts: &parts, hidden, ..UploadCompletion::default() };
            let completed = resolved.driver().complete_multipart(key, &upload, &completion);
            write.run(SizeAfter::Bytes(size), completed).await.map_err(|error| resolved.failure(&error))
        }
        Err(failure) => Err(failure),
    };
    if stored.is_err() {
        // The client gets the first error. The provider's rules remove what can't be aborted now.
        _ = resolved.driver().abort_multipart(key, &upload).await;
    }
    stored
}

/// Uploads the parts. Returns them, and the length of the content.
async fn upload_parts(
    resolved: &ResolvedBucket,
    key: &str,
    upload: &UploadId,
    first: u64,
    payload: PayloadBody,
) -> Result<(Vec<Part>, u64), Failure> {
    let receipt = payload.receipt();
    let content = Arc::new(Mutex::new(CutContent { payload, cut: Bytes::new() }));
    let start = Payload::stream(FirstPart { content: Arc::clone(&content), left: first }, first);
    let driver = resolved.driver();
    let stored = driver.upload_part(key, upload, 1, start).await;
    let mut parts = vec![stored.map_err(|error| resolved.upload_failure(&error, &receipt))?];
    let mut rest = BytesMut::new();
    while let Some(piece) = std::future::poll_fn(|cx| content.lock().poll_piece(cx, u64::MAX)).await {
        rest.extend_from_slice(&piece?);
    }
    let size = first + rest.len() as u64;
    if !rest.is_empty() {
        let stored = driver.upload_part(key, upload, 2, Payload::bytes(rest)).await;
        parts.push(stored.map_err(|error| resolved.failure(&error))?);
    }
    Ok((parts, size))
}

/// Content that is cut into parts.
struct CutContent {
    payload: PayloadBody,
    /// What was read but belongs to the next part.
    cut: Bytes,
}

impl CutContent {
    /// The next piece, of at most this many bytes.
    fn poll_piece(&mut self, cx: &mut Context<'_>, most: u64) -> Poll<Option<Result<Bytes, Failure>>> {
        if self.cut.is_empty() {
            match ready!(Pin::new(&mut self.payload).poll_frame(cx)) {
                Some(Ok(frame)) => self.cut = frame.into_data().unwrap_or_default(),
                Some(Err(failure)) => return Poll::Ready(Some(Err(failure))),
                None => return Poll::Ready(None),
            }
        }
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(self.cut.len());
        Poll::Ready(Some(Ok(self.cut.split_to(length))))
    }
}

/// The first part. What is left of the content stays behind.
struct FirstPart {
    content: Arc<Mutex<CutContent>>,
    left: u64,
}

impl Body for FirstPart {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = ready!(self.content.lock().poll_piece(cx, self.left));
        if let Some(Ok(piece)) = &piece {
            self.left -= piece.len() as u64;
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
