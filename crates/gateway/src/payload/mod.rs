//! What a client sends: decoded, and verified before its last byte is handed on.
//!
//! A storage driver sends on exactly as many bytes as [`PayloadBody::length`] says, and a provider stores nothing
//! while bytes are missing. So pieces are handed on as they come, except the one that makes the length full: it is
//! held back until everything was verified, the end of the body, each chunk's signature, the hash and the checksums.
//! What fails ends in an error in place of that piece, and nothing is stored. One piece is held at most, of the size
//! in which the connection reads.

mod background;
mod chunked;
mod declared;
mod expected;
mod receipt;
mod trailer;
mod verification;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bucketry_provider::body::Payload;
use bytes::Bytes;
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

pub(crate) use declared::Declared;
pub use expected::content_encoding;
pub use receipt::Receipt;

use crate::error::{Code, Result, S3Error};
use crate::signature::Verified;
use chunked::Decoder;
use expected::Expected;
use trailer::{Trailer, TrailerReader};
use verification::Verification;

/// What a body may fail with. A [`S3Error`] is handed on as it is; everything else is a client that broke off.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

type Source = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// The payload of a request. Dropping it closes the client's connection, if the body wasn't read to its end.
pub struct PayloadBody {
    length: u64,
    /// Bytes handed on.
    sent: u64,
    sha256: Option<[u8; 32]>,
    receipt: Receipt,
    state: PayloadState,
}

enum PayloadState {
    Reading(Box<PayloadReader>),
    /// Verified, with what is still to be handed on.
    Verified(Bytes),
    Failed(S3Error),
}

struct PayloadReader {
    source: Source,
    decoder: Option<Decoder>,
    verification: Verification,
    /// Read and not decoded yet.
    input: Bytes,
    /// Bytes decoded so far.
    received: u64,
    /// The piece that makes the length full.
    held: Bytes,
    /// Whether the source has told its end.
    ended: bool,
}

/// Payloads up to this many bytes are verified as a whole before they are sent.
const SMALL: usize = 64 << 10;

/// Prepares to read the payload, as its header and signature declare it. Nothing is read yet: a client that waits for
/// `100 Continue` is told to go on when the body is first asked for a frame.
pub fn reader<B, K>(body: B, verified: &Verified<K>, request: &Parts) -> Result<PayloadBody>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let declared = verified.declared;
    let expected = Expected::of(request, declared, verified.presigned)?;
    let decoder = match declared {
        Declared::Chunks { trailer, .. } => {
            let trailer = trailer.then(|| TrailerReader::new(expected.trailing));
            Some(Decoder::new(expected.length, verified.chunks.clone(), trailer))
        }
        Declared::Digest(_) | Declared::Unsigned => None,
    };
    let reading = PayloadReader {
        source: Box::pin(body.map_err(Into::into)),
        decoder,
        verification: Verification::new(declared, &expected),
        input: Bytes::new(),
        received: 0,
        held: Bytes::new(),
        ended: false,
    };
    Ok(PayloadBody {
        length: expected.length,
        sent: 0,
        sha256: match declared {
            Declared::Digest(digest) => Some(digest),
            Declared::Unsigned | Declared::Chunks { .. } => None,
        },
        receipt: Receipt::default(),
        state: PayloadState::Reading(Box::new(reading)),
    })
}

impl PayloadBody {
    /// A payload that needs no verification.
    pub fn of_bytes(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self {
            length: content.len() as u64,
            sent: 0,
            sha256: None,
            receipt: Receipt::default(),
            state: PayloadState::Verified(content),
        }
    }

    /// The length in bytes, decoded.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What will be known of the payload once it was read; ask after the driver's answer.
    pub fn receipt(&self) -> Receipt {
        self.receipt.clone()
    }

    /// The payload as drivers take it. A small payload is read and verified here, before a provider hears of it: some
    /// store an empty object where a request breaks off before its first byte. Others are verified while they are
    /// sent. A hash that the client signed is signed for the provider too, which then verifies it again.
    pub async fn into_driver_payload(self) -> Result<Payload> {
        if self.length <= SMALL as u64 {
            return self.collect_bounded(SMALL).await.map(Payload::bytes);
        }
        let length = self.length;
        Ok(match self.sha256 {
            Some(sha256) => Payload::stream_with_sha256(self, length, sha256),
            None => Payload::stream(self, length),
        })
    }

    /// Reads and verifies the whole payload into memory: for documents, of at most `limit` bytes.
    pub async fn collect_bounded(self, limit: usize) -> Result<Bytes> {
        if self.length > limit as u64 {
            return Err(S3Error::new(
                Code::EntityTooLarge,
                format!("The body must be at most {limit} bytes long."),
            ));
        }
        Ok(self.collect().await?.to_bytes())
    }
}

impl PayloadReader {
    /// The next piece to hand on; `None` when everything was read and verified but for what is held.
    fn poll_piece(&mut self, length: u64, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        loop {
            ready!(self.verification.poll_room(cx));
            while let Some(piece) = self.decode()? {
                self.received = self.received.saturating_add(piece.len() as u64);
                if self.received > length {
                    return Poll::Ready(Err(chunked::incomplete("it is longer")));
                }
                self.verification.update(&piece);
                if self.received < length {
                    return Poll::Ready(Ok(Some(piece)));
                }
                self.held = piece;
            }
            if self.ended {
                return self.verification.poll_done(cx).map(|()| Ok(None));
            }
            match ready!(self.source.as_mut().poll_frame(cx)) {
                // What HTTP itself has in trailers is signed by nobody.
                Some(Ok(frame)) => self.input = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Err(broken_off(error))),
                None if self.received < length => {
                    return Poll::Ready(Err(chunked::incomplete("it is shorter")));
                }
                None => self.ended = true,
            }
        }
    }

    /// The next piece of what was read that isn't empty.
    fn decode(&mut self) -> Result<Option<Bytes>> {
        match &mut self.decoder {
            Some(decoder) => decoder.next(&mut self.input),
            None => Ok(Some(std::mem::take(&mut self.input)).filter(|piece| !piece.is_empty())),
        }
    }

    /// What was held back, if all is well.
    fn finish(self, receipt: &Receipt) -> Result<Bytes> {
        let trailer = self.decoder.map_or(Ok(Trailer::default()), Decoder::finish)?;
        receipt.verified(self.verification.finish(trailer)?);
        Ok(self.held)
    }
}

fn broken_off(error: BoxError) -> S3Error {
    match error.downcast::<S3Error>() {
        Ok(error) => *error,
        Err(_) => chunked::incomplete("the client broke it off"),
    }
}

impl Body for PayloadBody {
    type Data = Bytes;
    type Error = S3Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
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
                    Err(chunked::incomplete("it ended"))
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
        SizeHint::with_exact(self.length - self.sent)
    }
}

impl fmt::Debug for PayloadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadBody").field("length", &self.length).finish_non_exhaustive()
    }
}
