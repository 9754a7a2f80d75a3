//! How records lie in a spool's file: length, checksum, JSON.
//!
//! A crash in the middle of writing leaves a frame that is too short or doesn't match its checksum: the end of the
//! file is what lies before it.

use std::io::{self, Read};

use bucketry_model::usage::UsageRow;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// Length (4 bytes, little-endian) and checksum (the first 8 bytes of the payload's SHA-256).
const HEADER_BYTES: usize = 12;
/// No payload is longer.
const MAX_PAYLOAD_BYTES: usize = 4 << 20;

/// One record of a spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Record {
    /// The first record of a file: the spool that it belongs to, and the number of the next batch.
    Begin { spool: String, next: u64 },
    /// A numbered batch. Once written it never changes: it may have been counted already.
    Batch { number: u64, rows: Vec<UsageRow> },
    /// Batches up to this number were acknowledged.
    Acknowledged { number: u64 },
}

/// A record as it is written.
pub(super) fn encode(record: &Record) -> io::Result<Vec<u8>> {
    let payload = serde_json::to_vec(record)?;
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= MAX_PAYLOAD_BYTES)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a record is too long for the spool"))?;
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&checksum(&payload));
    frame.extend_from_slice(&payload);
    Ok(frame)
}

/// Reads the next record and its length in the file; none at the end, or where what follows is no whole record.
pub(super) fn read(input: &mut impl Read) -> io::Result<Option<(Record, u64)>> {
    let mut header = [0; HEADER_BYTES];
    if !fill(input, &mut header)? {
        return Ok(None);
    }
    let (length, expected) = header.split_at(4);
    let length = length.iter().rev().fold(0_usize, |number, byte| (number << 8) | usize::from(*byte));
    if length > MAX_PAYLOAD_BYTES {
        return Ok(None);
    }
    let mut payload = vec![0; length];
    if !fill(input, &mut payload)? || checksum(&payload) != expected {
        return Ok(None);
    }
    Ok(serde_json::from_slice(&payload).ok().map(|record| (record, (HEADER_BYTES + length) as u64)))
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&digest(&SHA256, payload).as_ref()[..8]);
    first
}

/// Whether there was enough to fill the buffer.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_records() -> (Vec<u8>, usize) {
        let first = encode(&Record::Begin { spool: "s".into(), next: 1 }).unwrap();
        let second = encode(&Record::Acknowledged { number: 7 }).unwrap();
        ([first.clone(), second].concat(), first.len())
    }

    #[test]
    fn records_read_back_in_order() {
        let (bytes, first) = two_records();
        let mut input = bytes.as_slice();
        let (record, length) = read(&mut input).unwrap().unwrap();
        assert_eq!((record, length), (Record::Begin { spool: "s".into(), next: 1 }, first as u64));
        assert_eq!(read(&mut input).unwrap().unwrap().0, Record::Acknowledged { number: 7 });
        assert!(read(&mut input).unwrap().is_none());
    }

    #[test]
    fn a_record_that_is_cut_short_or_changed_anywhere_ends_the_file() {
        let (bytes, first) = two_records();
        for end in first..bytes.len() {
            let mut input = &bytes[..end];
            assert!(read(&mut input).unwrap().is_some());
            assert!(read(&mut input).unwrap().is_none(), "cut at {end}");
        }
        for at in first..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let mut input = &changed[first..];
            assert!(read(&mut input).unwrap().is_none(), "changed at {at}");
        }
    }
}
