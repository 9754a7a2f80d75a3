//! Request payloads: decoded, and verified before the last byte is passed on.
//!
//! A driver sends exactly as many bytes as [`PayloadBody::length`] says, and a provider stores nothing while bytes
//! are missing. So all pieces are passed on as they arrive, except the last one. That one is held back until
//! everything is verified: the end of the body, the signature of each chunk, the hash and the checksums. If a check
//! fails, an error takes the place of the last piece, and nothing is stored. At most one piece is held in memory,
//! and it is no larger than a read from the connection.

mod background;
pub(crate) mod checksum;
mod expected;
mod receipt;
mod source;
mod verification;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bucketry_provider::body::Payload;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

pub(crate) use expected::{Expected, Mismatch};
pub(crate) use receipt::Receipt;
pub(crate) use source::{ContentSource, NextContent, Unframed, poll_bytes};

use crate::failure::{Failure, FailureKind};
use checksum::Checksum;
use verification::Verification;

/// The error of a request body. A [`Failure`] is passed on. Any other error means that the client disconnected.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The payload of a request. Dropping it before the end of the body closes the client's connection.
pub struct PayloadBody {
    length: u64,
    /// Bytes passed on so far.
    sent: u64,
    sha256: Option<[u8; 32]>,
    /// The checksum that is known before the content was read. On the heap, because most payloads have none.
    declared: Option<Box<Checksum>>,
    receipt: Receipt,
    state: PayloadState,
}

enum PayloadState {
    Reading(Box<PayloadReader>),
    /// Verified. Contains what is still to be passed on.
    Verified(Bytes),
    Failed(Failure),
}

struct PayloadReader {
    source: Box<dyn ContentSource>,
    verification: Verification,
    /// Whether the content may be shorter than its length says.
    may_be_shorter: bool,
    /// Bytes of content received so far.
    received: u64,
    /// The last piece, which is held back.
    held: Bytes,
    /// The checksum that followed the content.
    trailing: Option<Checksum>,
    /// Whether the source has reached its end.
    ended: bool,
}

/// Payloads of up to this many bytes are verified completely before they are sent.
const SMALL: usize = 64 << 10;

impl PayloadBody {
    /// Prepares to read a payload from its source. Nothing is read yet: a client that waits for `100 Continue` gets
    /// it when the first piece is requested.
    pub(crate) fn reading(source: impl ContentSource + 'static, expected: Expected) -> Self {
        let (length, sha256) = (expected.length, expected.sha256);
        let declared = expected.checksum.clone().map(Box::new);
        let reading = PayloadReader {
            source: Box::new(source),
            may_be_shorter: expected.may_be_shorter,
            verification: Verification::new(expected),
            received: 0,
            held: Bytes::new(),
            trailing: None,
            ended: false,
        };
        Self {
            length,
            sent: 0,
            sha256,
            declared,
            receipt: Receipt::default(),
            state: PayloadState::Reading(Box::new(reading)),
        }
    }

    /// A payload that needs no verification.
    pub fn of_bytes(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self {
            length: content.len() as u64,
            sent: 0,
            sha256: None,
            declared: None,
            receipt: Receipt::default(),
            state: PayloadState::Verified(content),
        }
    }

    /// A payload that was verified, and its checksum.
    pub(crate) fn of_verified(content: Bytes, checksum: Option<&Checksum>) -> Self {
        Self { declared: checksum.cloned().map(Box::new), ..Self::of_bytes(content) }
    }

    /// The checksum that the content has if it is passed on to its end. `None` if the client sent none, or sends it
    /// after content that was not read yet.
    pub(crate) fn declared_checksum(&self) -> Option<&Checksum> {
        self.receipt.checksum().or(self.declared.as_deref())
    }

    /// Takes the payload out, and leaves an empty one.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::of_bytes(Bytes::new()))
    }

    /// The length after decoding, in bytes. The most that it can be, if only the end shows the length.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What is known about the payload once it was read. Use it after the driver has answered.
    pub fn receipt(&self) -> Receipt {
        self.receipt.clone()
    }

    /// The payload for a driver. A small payload is read and verified here, before the provider is contacted,
    /// because some providers store an empty object if a request breaks off before its first byte. Larger payloads
    /// are verified while they are sent. A hash that the client signed is also signed for the provider, which
    /// verifies it again.
    pub async fn into_driver_payload(self) -> Result<Payload, Failure> {
        if self.length <= SMALL as u64 {
            return self.collect_bounded(SMALL).await.map(Payload::bytes);
        }
        let length = self.length;
        Ok(match self.sha256 {
            Some(sha256) => Payload::stream_with_sha256(self, length, sha256),
            None => Payload::stream(self, length),
        })
    }

    /// Reads and verifies a document of at most `limit` bytes into memory.
    pub async fn collect_bounded(self, limit: usize) -> Result<Bytes, Failure> {
        if self.length > limit as u64 {
            return Err(Failure::new(
                FailureKind::TooLarge,
                format!("The body must be at most {limit} bytes long."),
            ));
        }
        Ok(self.collect().await?.to_bytes())
    }
}

impl PayloadReader {
    /// The next piece to pass on. `None` when everything was read and hashed, and only the last piece is left.
    fn poll_piece(&mut self, length: u64, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        loop {
            ready!(self.verification.poll_room(cx));
            if self.ended {
                return self.verification.poll_done(cx).map(|()| Ok(None));
            }
            match ready!(self.source.poll_content(cx))? {
                NextContent::Piece(piece) => {
                    self.received = self.received.saturating_add(piece.len() as u64);
                    // Otherwise, the source itself refuses content that is too long, because it misses the end.
                    if self.received > length && !self.may_be_shorter {
                        return Poll::Ready(Err(incomplete("it is longer")));
                    }
                    self.verification.update(&piece);
                    if self.received < length {
                        return Poll::Ready(Ok(Some(piece)));
                    }
                    self.held = piece;
                }
                NextContent::End { .. } if self.received < length && !self.may_be_shorter => {
                    return Poll::Ready(Err(incomplete("it is shorter")));
                }
                NextContent::End { trailing } => {
                    self.trailing = trailing;
                    self.ended = true;
                }
            }
        }
    }

    /// Completes the verification and returns the last piece.
    fn finish(self, receipt: &Receipt) -> Result<Bytes, Failure> {
        receipt.verified(self.verification.finish(self.trailing)?);
        Ok(self.held)
    }
}

/// The error for a body that is shorter or longer than declared.
pub(crate) fn incomplete(what: &str) -> Failure {
    Failure::new(FailureKind::IncompleteBody, format!("The body does not have the declared length: {what}."))
}

impl Body for PayloadBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        if let PayloadState::Reading(reading) = &mut this.state {
            let next = ready!(reading.poll_piece(this.length, cx));
            if let Ok(Some(piece)) = next {
                this.sent += piece.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let reading = std::mem::replace(&mut this.state, PayloadState::Verified(Bytes::new()));
            let rest = match (next, reading) {
                (Ok(_), PayloadState::Reading(reading)) => reading.finish(&this.receipt),
                (Ok(_), PayloadState::Verified(_) | PayloadState::Failed(_)) => {
                    Err(incomplete("it ended early"))
                }
                (Err(error), _) => Err(error),
            };
            this.state = match rest {
                Ok(rest) => PayloadState::Verified(rest),
                Err(error) => {
                    this.receipt.refused(&error);
                    PayloadState::Failed(error)
                }
            };
        }
        match &mut this.state {
            PayloadState::Failed(error) => Poll::Ready(Some(Err(error.clone()))),
            PayloadState::Verified(rest) if !rest.is_empty() => {
                let rest = std::mem::take(rest);
                this.sent += rest.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(rest))))
            }
            PayloadState::Verified(_) | PayloadState::Reading(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.state, PayloadState::Verified(rest) if rest.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        let most = self.length - self.sent;
        match &self.state {
            PayloadState::Reading(reading) if reading.may_be_shorter => {
                let mut hint = SizeHint::new();
                hint.set_upper(most);
                hint
            }
            _ => SizeHint::with_exact(most),
        }
    }
}

impl fmt::Debug for PayloadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadBody").field("length", &self.length).finish_non_exhaustive()
    }
}
