//! Ranges of objects.

use bucketry_provider::driver::ByteRange;

use crate::failure::{Failure, FailureKind};

/// The first and last byte of a range in an object of this size.
pub(crate) fn resolve(range: ByteRange, size: u64) -> Result<(u64, u64), Failure> {
    let outside = || Failure::new(FailureKind::InvalidRange, "The requested range is outside the object.");
    let end = size.checked_sub(1).ok_or_else(outside)?;
    match range {
        ByteRange::Closed(first, _) | ByteRange::From(first) if first > end => Err(outside()),
        ByteRange::Closed(first, last) => Ok((first, last.min(end))),
        ByteRange::From(first) => Ok((first, end)),
        ByteRange::Last(0) => Err(outside()),
        ByteRange::Last(count) => Ok((size.saturating_sub(count), end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_object() {
        for (range, size, expected) in [
            (ByteRange::Closed(2, 5), 10, Some((2, 5))),
            (ByteRange::Closed(2, 99), 10, Some((2, 9))),
            (ByteRange::From(9), 10, Some((9, 9))),
            (ByteRange::From(10), 10, None),
            (ByteRange::Last(3), 10, Some((7, 9))),
            (ByteRange::Last(99), 10, Some((0, 9))),
            (ByteRange::Last(0), 10, None),
            (ByteRange::From(0), 0, None),
        ] {
            assert_eq!(resolve(range, size).ok(), expected, "{range:?} of {size}");
        }
    }
}
