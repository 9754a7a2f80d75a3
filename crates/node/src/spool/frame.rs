//! The format of a record in a spool's file: length, checksum, JSON.
//!
//! A crash in the middle of a write leaves a frame that is too short. The file then ends before that frame. A
//! frame that is complete but doesn't match its checksum was damaged later, and the records after it can still be
//! read.

use std::io::{self, Read};

use bucketry_model::usage::UsageRow;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// The length (4 bytes, little-endian) and the checksum (the first 8 bytes of the payload's SHA-256).
const HEADER_BYTES: usize = 12;
/// The largest payload. A header with a larger length is treated as the end of the file.
const MAX_PAYLOAD_BYTES: usize = 4 << 20;

/// One record of a spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Record {
    /// The first record of a file: the name of the spool, and the number of its next batch. If `replaces` is true,
    /// the file contains all batches of older files that still count.
    Begin {
        spool: String,
        next: u64,
        #[serde(default)]
        replaces: bool,
    },
    /// A numbered batch. It never changes once written, because it may have been counted already.
    Batch { number: u64, rows: Vec<UsageRow> },
    /// Batches up to this number were acknowledged.
    Acknowledged { number: u64 },
}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A record, and its length in the file.
    Record(Record, u64),
    /// A complete but damaged record of this length.
    Damaged(u64),
    /// No complete frame: the end of the file, or the rest of an interrupted write.
    End,
}

/// Encodes a record as a frame.
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

/// Reads the next record.
pub(super) fn read(input: &mut impl Read) -> io::Result<Found> {
    let mut header = [0; HEADER_BYTES];
    if !fill(input, &mut header)? {
        return Ok(Found::End);
    }
    let (length, expected) = header.split_at(4);
    let length = length.iter().rev().fold(0_usize, |number, byte| (number << 8) | usize::from(*byte));
    if length > MAX_PAYLOAD_BYTES {
        return Ok(Found::End);
    }
    let mut payload = vec![0; length];
    if !fill(input, &mut payload)? {
        return Ok(Found::End);
    }
    let bytes = (HEADER_BYTES + length) as u64;
    let record = if checksum(&payload) == expected { serde_json::from_slice(&payload).ok() } else { None };
    Ok(record.map_or(Found::Damaged(bytes), |record| Found::Record(record, bytes)))
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&digest(&SHA256, payload).as_ref()[..8]);
    first
}

/// Fills the buffer. Returns false if the input ends before that.
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
        let first = encode(&Record::Begin { spool: "s".into(), next: 1, replaces: false }).unwrap();
        let second = encode(&Record::Acknowledged { number: 7 }).unwrap();
        ([first.clone(), second].concat(), first.len())
    }

    #[test]
    fn records_read_back_in_order() {
        let (bytes, first) = two_records();
        let mut input = bytes.as_slice();
        let begin = Record::Begin { spool: "s".into(), next: 1, replaces: false };
        assert_eq!(read(&mut input).unwrap(), Found::Record(begin, first as u64));
        let (acknowledged, length) = (Record::Acknowledged { number: 7 }, (bytes.len() - first) as u64);
        assert_eq!(read(&mut input).unwrap(), Found::Record(acknowledged, length));
        assert_eq!(read(&mut input).unwrap(), Found::End);
    }

    #[test]
    fn a_record_that_is_cut_short_anywhere_ends_the_file() {
        let (bytes, first) = two_records();
        for end in first..bytes.len() {
            let mut input = &bytes[..end];
            assert!(matches!(read(&mut input).unwrap(), Found::Record(..)));
            assert_eq!(read(&mut input).unwrap(), Found::End, "cut at {end}");
        }
    }

    #[test]
    fn a_record_that_changed_is_passed_over_where_its_length_still_fits() {
        let (bytes, first) = two_records();
        for at in 4..first {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let mut input = changed.as_slice();
            assert_eq!(read(&mut input).unwrap(), Found::Damaged(first as u64), "changed at {at}");
            assert!(matches!(read(&mut input).unwrap(), Found::Record(Record::Acknowledged { .. }, _)));
        }
        for at in 0..4 {
            let mut changed = bytes.clone();
            changed[at] ^= 0x80;
            assert!(!matches!(read(&mut changed.as_slice()).unwrap(), Found::Record(..)), "changed at {at}");
        }
    }
}
