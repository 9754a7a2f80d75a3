//! aws-chunked: `size[;chunk-signature=…]\r\n` content `\r\n`, over and over, a chunk of size 0, and perhaps headers.
//!
//! A state machine without I/O: the same bytes give the same result however they are cut.

use bytes::{Buf, Bytes};
use ring::digest;

use super::trailer::{Trailer, TrailerReader};
use crate::error::{Code, Result, S3Error};
use crate::hex;
use crate::signature::ChunkSignatures;

/// Undoes aws-chunked.
#[derive(Debug)]
pub(super) struct Decoder {
    state: ChunkState,
    /// The beginning of a line whose end hasn't come yet.
    line: Vec<u8>,
    /// How much content may still come.
    announced: u64,
    signatures: Option<ChunkSignatures>,
    trailer: Option<TrailerReader>,
}

#[derive(Debug)]
enum ChunkState {
    /// In the line that begins a chunk.
    Begin,
    /// In the content of a chunk.
    Content { left: u64, signature: Option<(Box<Hash>, [u8; 32])> },
    /// Before so many bytes of the line's end after a chunk's content.
    End { seen: usize },
    /// After the last chunk, before so many bytes of a line's end that may be missing.
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
/// 16 digits, `;chunk-signature=`, 64 digits and the end of the line are 99 bytes.
const MAX_LINE: usize = 128;

impl Decoder {
    /// A decoder of content of the `announced` length; with a trailer if there is a reader for it.
    pub(super) fn new(
        announced: u64,
        signatures: Option<ChunkSignatures>,
        trailer: Option<TrailerReader>,
    ) -> Self {
        Self { state: ChunkState::Begin, line: Vec::new(), announced, signatures, trailer }
    }

    /// The next piece of content, taken off `input`; `None` once that is used up. The last piece of a signed chunk
    /// comes only if the chunk's signature is right.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Result<Option<Bytes>> {
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
                        return Err(malformed("something follows its last chunk"));
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

    /// The body has ended: whether that was its end, and what its trailer says.
    pub(super) fn finish(self) -> Result<Trailer> {
        match self.state {
            ChunkState::Trailer | ChunkState::After { seen: 0 | 2 } => {}
            _ => return Err(incomplete("the body ends in the middle of a chunk")),
        }
        match self.trailer {
            Some(trailer) => trailer.finish(self.signatures),
            None => Ok(Trailer::default()),
        }
    }

    fn begin_chunk(&mut self) -> Result<()> {
        let Some(line) = self.line.strip_suffix(LINE_END) else {
            return Err(malformed("a chunk's line must end with CR and LF"));
        };
        let end = line.iter().position(|c| *c == b';').unwrap_or(line.len());
        let (digits, extension) = line.split_at(end);
        let size = size(digits).ok_or_else(|| malformed("a chunk's size is not a hexadecimal number"))?;
        if size > self.announced {
            return Err(incomplete("the chunks hold more than x-amz-decoded-content-length"));
        }
        let signature = match &self.signatures {
            None if extension.is_empty() => None,
            None => return Err(malformed("its chunks must have no extensions")),
            Some(_) => {
                let claimed = extension.strip_prefix(b";chunk-signature=").and_then(hex::read_32);
                let claimed = claimed.ok_or_else(|| malformed("a chunk has no well-formed signature"))?;
                Some((Box::new(Hash(digest::Context::new(&digest::SHA256))), claimed))
            }
        };
        if size > 0 {
            self.state = ChunkState::Content { left: size, signature };
            return Ok(());
        }
        if self.announced > 0 {
            return Err(incomplete("the chunks hold less than x-amz-decoded-content-length"));
        }
        if let (Some(signatures), Some((hash, claimed))) = (&mut self.signatures, signature) {
            verify(signatures, hash.0, &claimed)?;
        }
        self.state = if self.trailer.is_some() { ChunkState::Trailer } else { ChunkState::After { seen: 0 } };
        Ok(())
    }
}

/// Moves what `input` holds of a line to `line`, up to and with its LF; whether the line is complete.
pub(super) fn take_line(line: &mut Vec<u8>, input: &mut Bytes, max: usize) -> Result<bool> {
    let end = memchr::memchr(b'\n', input);
    let taken = end.map_or(input.len(), |at| at + 1);
    if line.len() + taken > max {
        return Err(malformed("a line is too long"));
    }
    line.extend_from_slice(&input[..taken]);
    input.advance(taken);
    Ok(end.is_some())
}

fn size(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn expect(byte: u8, expected: u8) -> Result<()> {
    if byte == expected { Ok(()) } else { Err(malformed("a chunk isn't as long as its size says")) }
}

fn verify(signatures: &mut ChunkSignatures, hash: digest::Context, claimed: &[u8; 32]) -> Result<()> {
    if signatures.chunk(&hash.finish(), claimed) {
        return Ok(());
    }
    Err(S3Error::new(
        Code::SignatureDoesNotMatch,
        "The signature of a chunk does not match: the payload is not what was signed.",
    ))
}

pub(super) fn malformed(what: &str) -> S3Error {
    S3Error::new(Code::InvalidRequest, format!("The aws-chunked body is malformed: {what}."))
}

pub(super) fn incomplete(what: &str) -> S3Error {
    S3Error::new(Code::IncompleteBody, format!("The body is not what was announced: {what}."))
}
