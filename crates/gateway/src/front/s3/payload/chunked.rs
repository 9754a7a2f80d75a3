//! Decodes aws-chunked: chunks of `size[;chunk-signature=…]\r\n` content `\r\n`, then a chunk of size 0, and
//! optionally trailing headers.
//!
//! A state machine without I/O: the result doesn't depend on how the input is split.

use std::task::{Context, Poll, ready};

use bucketry_model::hex;
use bytes::{Buf as _, Bytes};
use http_body::Body;
use ring::digest;

use super::line::{malformed, take_line};
use super::trailer::TrailerReader;
use crate::failure::{Failure, FailureKind};
use crate::front::s3::auth::ChunkSignatures;
use crate::payload::checksum::Checksum;
use crate::payload::{BoxError, ContentSource, NextContent, incomplete, poll_bytes};

/// A body in chunks.
pub(super) struct Chunked<B> {
    body: B,
    decoder: Decoder,
    /// Bytes that were read but not decoded yet.
    input: Bytes,
}

impl<B> Chunked<B> {
    pub(super) fn new(body: B, decoder: Decoder) -> Self {
        Self { body, decoder, input: Bytes::new() }
    }
}

impl<B> ContentSource for Chunked<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin,
{
    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Result<NextContent, Failure>> {
        loop {
            if let Some(piece) = self.decoder.next(&mut self.input)? {
                return Poll::Ready(Ok(NextContent::Piece(piece)));
            }
            match ready!(poll_bytes(&mut self.body, cx)?) {
                Some(input) => self.input = input,
                None => {
                    return Poll::Ready(self.decoder.finish().map(|trailing| NextContent::End { trailing }));
                }
            }
        }
    }
}

/// Decodes aws-chunked.
#[derive(Debug)]
pub(super) struct Decoder {
    state: ChunkState,
    /// The part of an incomplete line that has arrived.
    line: Vec<u8>,
    /// How many bytes of content may still arrive.
    announced: u64,
    signatures: Option<ChunkSignatures>,
    trailer: Option<TrailerReader>,
}

#[derive(Debug)]
enum ChunkState {
    /// In the line that starts a chunk.
    Begin,
    /// In the content of a chunk.
    Content { left: u64, signature: Option<(Box<Hash>, [u8; 32])> },
    /// In the line end after a chunk's content, of which this many bytes were seen.
    End { seen: usize },
    /// After the last chunk. This many bytes of the optional line end were seen.
    After { seen: usize },
    /// In the trailer.
    Trailer,
}

struct Hash(digest::Context);

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash(…)")
    }
}

const LINE_END: &[u8; 2] = b"\r\n";
/// 16 digits, `;chunk-signature=`, 64 digits and the line end are 99 bytes.
const MAX_LINE: usize = 128;

impl Decoder {
    /// Creates a decoder for `announced` bytes of content. There is a trailer if there is a reader for it.
    pub(super) fn new(
        announced: u64,
        signatures: Option<ChunkSignatures>,
        trailer: Option<TrailerReader>,
    ) -> Self {
        Self { state: ChunkState::Begin, line: Vec::new(), announced, signatures, trailer }
    }

    /// Takes the next piece of content off `input`. `None` when the input is used up. The last piece of a signed
    /// chunk is returned only if the chunk's signature is correct.
    fn next(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, Failure> {
        while !input.is_empty() {
            match &mut self.state {
                ChunkState::Begin => {
                    if take_line(&mut self.line, input, MAX_LINE)? {
                        self.begin_chunk()?;
                        self.line.clear();
                    }
                }
                ChunkState::Content { left, signature } => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    let piece = input.split_to(length);
                    *left -= length as u64;
                    self.announced = self.announced.saturating_sub(length as u64);
                    if let Some((hash, _)) = signature {
                        hash.0.update(&piece);
                    }
                    if *left == 0 {
                        let signature = signature.take();
                        self.state = ChunkState::End { seen: 0 };
                        if let (Some(signatures), Some((hash, claimed))) = (&mut self.signatures, signature) {
                            verify(signatures, hash.0, &claimed)?;
                        }
                    }
                    return Ok(Some(piece));
                }
                ChunkState::End { seen } => {
                    expect(input.get_u8(), LINE_END[*seen])?;
                    *seen += 1;
                    if *seen == LINE_END.len() {
                        self.state = ChunkState::Begin;
                    }
                }
                ChunkState::After { seen } => {
                    let Some(expected) = LINE_END.get(*seen) else {
                        return Err(malformed("data follows the last chunk"));
                    };
                    expect(input.get_u8(), *expected)?;
                    *seen += 1;
                }
                ChunkState::Trailer => {
                    if let Some(trailer) = &mut self.trailer {
                        trailer.read(input)?;
                    }
                    input.clear();
                }
            }
        }
        Ok(None)
    }

    /// Call this at the end of the body. Checks that the end is complete, and returns the checksum in the trailer.
    fn finish(&mut self) -> Result<Option<Checksum>, Failure> {
        if self.announced > 0 {
            return Err(incomplete("it is shorter"));
        }
        match self.state {
            ChunkState::Trailer | ChunkState::After { seen: 0 | 2 } => {}
            _ => return Err(incomplete("it ends in the middle of a chunk")),
        }
        match self.trailer.take() {
            Some(trailer) => trailer.finish(self.signatures.take()),
            None => Ok(None),
        }
    }

    fn begin_chunk(&mut self) -> Result<(), Failure> {
        let Some(line) = self.line.strip_suffix(LINE_END) else {
            return Err(malformed("the size line of a chunk must end with CR LF"));
        };
        let end = line.iter().position(|c| *c == b';').unwrap_or(line.len());
        let (digits, extension) = line.split_at(end);
        let size = size(digits).ok_or_else(|| malformed("a chunk's size is not a hexadecimal number"))?;
        if size > self.announced {
            return Err(incomplete("the chunks have more bytes than x-amz-decoded-content-length"));
        }
        let signature = match &self.signatures {
            None if extension.is_empty() => None,
            None => return Err(malformed("its chunks must not have extensions")),
            Some(_) => {
                let claimed = extension.strip_prefix(b";chunk-signature=").and_then(hex::decode_32);
                let claimed = claimed.ok_or_else(|| malformed("a chunk has no valid signature"))?;
                Some((Box::new(Hash(digest::Context::new(&digest::SHA256))), claimed))
            }
        };
        if size > 0 {
            self.state = ChunkState::Content { left: size, signature };
            return Ok(());
        }
        if self.announced > 0 {
            return Err(incomplete("the chunks have fewer bytes than x-amz-decoded-content-length"));
        }
        if let (Some(signatures), Some((hash, claimed))) = (&mut self.signatures, signature) {
            verify(signatures, hash.0, &claimed)?;
        }
        self.state = if self.trailer.is_some() { ChunkState::Trailer } else { ChunkState::After { seen: 0 } };
        Ok(())
    }
}

fn size(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn expect(byte: u8, expected: u8) -> Result<(), Failure> {
    if byte == expected { Ok(()) } else { Err(malformed("a chunk is longer or shorter than its size")) }
}

fn verify(
    signatures: &mut ChunkSignatures,
    hash: digest::Context,
    claimed: &[u8; 32],
) -> Result<(), Failure> {
    if signatures.chunk(&hash.finish(), claimed) {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::BadSignature,
        "The signature of a chunk does not match. The payload is not the one that was signed.",
    ))
}
