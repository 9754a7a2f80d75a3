//! The parts of an object that was uploaded in parts.

use std::fmt::Write as _;

/// The most parts of an object.
const MAX_PARTS: usize = 10_000;
/// The longest text of sizes, in bytes.
const MAX_TEXT: usize = 512;

/// A part of a stored object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectPart {
    /// The number of the part, from 1. Numbers ascend, and some may be missing.
    pub number: u32,
    /// The size in bytes.
    pub size: u64,
}

/// Writes parts as `1-11:8388608,12:1234`: most uploads have parts of one size, except the last. `None` if the sizes
/// are so different that the text would be too long.
pub fn encode_parts(parts: &[ObjectPart]) -> Option<String> {
    let mut text = String::new();
    let follows =
        |one: &ObjectPart, next: &ObjectPart| next.number == one.number + 1 && next.size == one.size;
    for run in parts.chunk_by(follows) {
        let (first, last) = (run.first()?, run.last()?);
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a string can't fail.
        let _ = match run.len() {
            1 => write!(text, "{}:{}", first.number, first.size),
            _ => write!(text, "{}-{}:{}", first.number, last.number, first.size),
        };
        if text.len() > MAX_TEXT {
            return None;
        }
    }
    Some(text)
}

/// Reads what [`encode_parts`] writes. `None` if the text is malformed.
pub fn decode_parts(text: &str) -> Option<Vec<ObjectPart>> {
    let mut parts: Vec<ObjectPart> = Vec::new();
    for run in text.split(',') {
        let (numbers, size) = run.split_once(':')?;
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        let size = size.parse().ok()?;
        let last_before = parts.last().map_or(0, |part| part.number);
        if first <= last_before || last < first || last as usize > MAX_PARTS {
            return None;
        }
        parts.extend((first..=last).map(|number| ObjectPart { number, size }));
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(list: &[(u32, u64)]) -> Vec<ObjectPart> {
        list.iter().map(|(number, size)| ObjectPart { number: *number, size: *size }).collect()
    }

    #[test]
    fn parts_of_one_size_are_written_together() {
        for (list, text) in [
            (&[(1, 5), (2, 5), (3, 5), (4, 1)][..], "1-3:5,4:1"),
            (&[(2, 5), (4, 5), (5, 5)], "2:5,4-5:5"),
            (&[(10_000, 0)], "10000:0"),
        ] {
            assert_eq!(encode_parts(&parts(list)).as_deref(), Some(text));
            assert_eq!(decode_parts(text), Some(parts(list)));
        }
        let most: Vec<_> = (1..=10_000).map(|number| (number, 5 << 30)).collect();
        assert!(encode_parts(&parts(&most)).is_some());
        let different: Vec<_> = (1..=100).map(|number| (number, u64::from(number))).collect();
        assert_eq!(encode_parts(&parts(&different)), None);
    }

    #[test]
    fn malformed_texts_are_not_read() {
        for text in ["", "1", "1:", "0:5", "2-1:5", "1-2:5,2:5", "1-4294967295:1", "1:5,", "-1:5"] {
            assert_eq!(decode_parts(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9,:-]{0,40}") {
            let _ = decode_parts(&text);
        }
    }
}
