//! The chunked transfer coding (RFC 9112 §7.1), as a state machine over a buffer.

use bytes::{Buf as _, Bytes, BytesMut};

/// The longest accepted line with the size of a chunk, extensions included.
const MAX_SIZE_LINE: usize = 4 * 1024;
/// How many bytes of trailers are accepted. They are read and dropped.
const MAX_TRAILERS: usize = 16 * 1024;

/// What has been read of a chunked body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ChunkDecoder {
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Before the line with the size of a chunk; after a chunk, an empty line comes first.
    Size {
        after_chunk: bool,
    },
    /// Inside a chunk: this many bytes are left.
    Data(u64),
    /// After the last chunk: this many bytes of trailers were read.
    Trailers(usize),
    End,
}

impl Default for State {
    fn default() -> Self {
        Self::Size { after_chunk: false }
    }
}

/// What the buffer contains next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Data(Bytes),
    /// The buffer has to be filled further.
    Incomplete,
    /// The body is complete. What is left in the buffer doesn't belong to it.
    End,
}

/// The bytes are not a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl ChunkDecoder {
    /// Whether the body is complete.
    pub(super) fn is_at_end(&self) -> bool {
        self.state == State::End
    }

    /// Takes the next piece of the body out of the buffer.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Piece, Malformed> {
        loop {
            match &mut self.state {
                State::Size { after_chunk: true } => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        self.state = State::Size { after_chunk: false };
                    }
                    Some(_) => return Err(Malformed),
                    None => return Ok(Piece::Incomplete),
                },
                State::Size { after_chunk: false } => {
                    let Some(line) = line(buffer, MAX_SIZE_LINE)? else { return Ok(Piece::Incomplete) };
                    self.state = match size(&line)? {
                        0 => State::Trailers(0),
                        size => State::Data(size),
                    };
                }
                State::Data(left) => {
                    if buffer.is_empty() {
                        return Ok(Piece::Incomplete);
                    }
                    let now = usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
                    *left -= now as u64;
                    if *left == 0 {
                        self.state = State::Size { after_chunk: true };
                    }
                    return Ok(Piece::Data(buffer.split_to(now).freeze()));
                }
                State::Trailers(read) => {
                    let Some(line) = line(buffer, MAX_TRAILERS - *read)? else {
                        return Ok(Piece::Incomplete);
                    };
                    *read += line.len() + 2;
                    if *read > MAX_TRAILERS {
                        return Err(Malformed);
                    }
                    if line.is_empty() {
                        self.state = State::End;
                    }
                }
                State::End => return Ok(Piece::End),
            }
        }
    }
}

/// Takes a line that ends with CR LF out of the buffer, without its end. A lone LF or CR is an error: other readers
/// see a different line there.
fn line(buffer: &mut BytesMut, limit: usize) -> Result<Option<BytesMut>, Malformed> {
    let Some(end) = buffer.iter().take(limit + 2).position(|byte| *byte == b'\n') else {
        return if buffer.len() > limit + 1 { Err(Malformed) } else { Ok(None) };
    };
    let mut line = buffer.split_to(end + 1);
    match line.iter().position(|byte| *byte == b'\r') {
        Some(at) if at + 1 == end => line.truncate(at),
        _ => return Err(Malformed),
    }
    Ok(Some(line))
}

/// The size in a line such as `1a;extension`.
fn size(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    // Sixteen digits fill 64 bits.
    if digits.is_empty() || digits.len() > 16 {
        return Err(Malformed);
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        let value = char::from(*digit).to_digit(16).ok_or(Malformed)?;
        Ok(sum << 4 | u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds a body in pieces of the given size. Returns its content and what follows it.
    fn decode(text: &[u8], at_once: usize) -> Result<(Vec<u8>, Vec<u8>), Malformed> {
        let (mut chunked, mut buffer, mut content) = (ChunkDecoder::default(), BytesMut::new(), Vec::new());
        let mut pieces = text.chunks(at_once.max(1));
        loop {
            match chunked.next(&mut buffer)? {
                Piece::Data(data) => content.extend_from_slice(&data),
                Piece::End => {
                    let rest = buffer.iter().copied().chain(pieces.flatten().copied()).collect();
                    return Ok((content, rest));
                }
                Piece::Incomplete => buffer.extend_from_slice(pieces.next().ok_or(Malformed)?),
            }
        }
    }

    #[test]
    fn a_body_may_arrive_in_any_pieces() {
        let text =
            b"5\r\nhello\r\n1A;name=\"x\"\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nx-trailer: 1\r\n\r\nrest";
        for at_once in 1..text.len() {
            let (content, rest) = decode(text, at_once).unwrap();
            assert_eq!(content, b"helloabcdefghijklmnopqrstuvwxyz", "{at_once}");
            assert_eq!(rest, b"rest", "{at_once}");
        }
    }

    #[test]
    fn what_readers_could_understand_differently_is_refused() {
        for text in [
            &b"\r\n"[..],
            b";x\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\rx\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello!\r\n0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"10000000000000000\r\n",
            b"0\r\nx: y\n\r\n",
        ] {
            assert_eq!(decode(text, 3), Err(Malformed), "{}", String::from_utf8_lossy(text));
        }
        let long = ["5;".as_bytes(), &[b'x'; MAX_SIZE_LINE]].concat();
        assert_eq!(decode(&long, 100), Err(Malformed));
        let trailers = ["0\r\n".as_bytes(), &b"x: y\r\n".repeat(MAX_TRAILERS / 6 + 1)].concat();
        assert_eq!(decode(&trailers, 100), Err(Malformed));
    }

    proptest! {
        #[test]
        fn any_content_comes_out_as_it_went_in(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..8),
            at_once in 1_usize..700,
        ) {
            let mut text = Vec::new();
            for chunk in &chunks {
                text.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                text.extend(chunk);
                text.extend(b"\r\n");
            }
            text.extend(b"0\r\n\r\n");
            prop_assert_eq!(decode(&text, at_once), Ok((chunks.concat(), Vec::new())));
        }

        #[test]
        fn damaged_input_never_yields_more_than_it_contains(
            text in proptest::collection::vec(
                prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b'1'), Just(b'f'), Just(b';'), any::<u8>()],
                0..200,
            ),
            at_once in 1_usize..50,
        ) {
            if let Ok((content, rest)) = decode(&text, at_once) {
                prop_assert!(content.len() + rest.len() < text.len());
            }
        }
    }
}
