//! What a client sends: decoded, and verified before its last byte is handed on.
//!
//! A storage driver sends on exactly as many bytes as [`PayloadBody::length`] says, and a provider stores nothing
//! while bytes are missing. So pieces may be handed on as they come, as long as the piece that makes the length full
//! is held back until everything was verified: the end of the body, each chunk's signature, the hash and the
//! checksums. What fails ends in an error in place of that piece, and nothing is stored.

mod receipt;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bucketry_provider::body::Payload;
use bytes::Bytes;
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};

pub use receipt::Receipt;

use crate::error::{Code, Result, S3Error};
use crate::signature::Verified;

/// What a body may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The payload of a request. Dropping it closes the client's connection, if the body wasn't read to its end.
pub struct PayloadBody {
    length: u64,
    receipt: Receipt,
}

/// Prepares to read the payload, as its header and signature declare it. Nothing is read yet: a client that waits for
/// `100 Continue` is told to go on when the body is first asked for a frame.
pub fn reader<B, K>(body: B, verified: &Verified<K>, request: &Parts) -> Result<PayloadBody>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let _ = (body, verified, request);
    Err(S3Error::new(Code::NotImplemented, "Payloads are not read yet."))
}

impl PayloadBody {
    /// A payload that needs no verification.
    pub fn of_bytes(content: impl Into<Bytes>) -> Self {
        Self { length: content.into().len() as u64, receipt: Receipt::default() }
    }

    /// The length in bytes, decoded.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What will be known of the payload once it was read; ask after the driver's answer.
    pub fn receipt(&self) -> Receipt {
        self.receipt.clone()
    }

    /// The payload as drivers take it. An empty payload is verified here, because a driver doesn't read it; others
    /// while they are sent.
    pub async fn into_driver_payload(self) -> Result<Payload> {
        if self.length == 0 {
            return self.collect_bounded(0).await.map(Payload::bytes);
        }
        let length = self.length;
        Ok(Payload::stream(self, length))
    }

    /// Reads and verifies the whole payload into memory: for documents, of at most `limit` bytes.
    pub async fn collect_bounded(self, limit: usize) -> Result<Bytes> {
        let _ = limit;
        std::future::ready(Err(S3Error::new(Code::NotImplemented, "Payloads are not read yet."))).await
    }
}

impl Body for PayloadBody {
    type Data = Bytes;
    type Error = S3Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        Poll::Ready(Some(Err(S3Error::new(Code::NotImplemented, "Payloads are not read yet."))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

impl fmt::Debug for PayloadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadBody").field("length", &self.length).finish_non_exhaustive()
    }
}
