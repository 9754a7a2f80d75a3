//! The lines of aws-chunked bodies: the sizes of chunks, and the headers in trailers.

use bytes::{Buf as _, Bytes};

use crate::failure::{Failure, FailureKind};

/// Moves bytes of a line from `input` to `line`, including the LF. Returns whether the line is complete.
pub(super) fn take_line(line: &mut Vec<u8>, input: &mut Bytes, max: usize) -> Result<bool, Failure> {
    let end = memchr::memchr(b'\n', input);
    let taken = end.map_or(input.len(), |at| at + 1);
    if line.len() + taken > max {
        return Err(malformed("a line is too long"));
    }
    line.extend_from_slice(&input[..taken]);
    input.advance(taken);
    Ok(end.is_some())
}

/// The error for a body that isn't aws-chunked.
pub(super) fn malformed(what: &str) -> Failure {
    Failure::new(FailureKind::InvalidRequest, format!("The aws-chunked body is malformed: {what}."))
}
