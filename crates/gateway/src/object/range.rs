//! Ranges of objects, and the condition under which only a range is read.

use bucketry_provider::driver::ByteRange;
use jiff::Timestamp;

use crate::failure::{Failure, FailureKind};

/// `If-Range` (RFC 9110 §13.1.5): the object that a client has a part of. If the object is another one by now, the
/// client needs all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeCondition {
    /// The object has this entity tag, with its quotation marks.
    Tag(String),
    /// The object was last modified at this time.
    Date(Timestamp),
}

impl RangeCondition {
    /// Whether the object is still the same. A weak entity tag never is: equal ones don't mean equal bytes.
    pub(crate) fn holds(&self, etag: Option<&str>, last_modified: Option<Timestamp>) -> bool {
        match self {
            Self::Tag(tag) => !tag.starts_with("W/") && etag == Some(tag),
            Self::Date(date) => {
                last_modified.is_some_and(|modified| modified.as_second() == date.as_second())
            }
        }
    }
}

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
    fn only_the_very_same_object_is_continued() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let stored = time("2026-05-01T10:00:00.5Z");
        let holds = |condition: RangeCondition| condition.holds(Some("\"e\""), Some(stored));
        assert!(holds(RangeCondition::Tag("\"e\"".into())));
        assert!(holds(RangeCondition::Date(time("2026-05-01T10:00:00Z"))), "dates have whole seconds");
        for other in ["\"f\"", "W/\"e\"", "e", "*", ""] {
            assert!(!holds(RangeCondition::Tag(other.into())), "{other}");
        }
        for other in ["2026-05-01T09:59:59Z", "2026-05-01T10:00:01Z"] {
            assert!(!holds(RangeCondition::Date(time(other))), "a later date isn't the same: {other}");
        }
        let weak = RangeCondition::Tag("W/\"e\"".into());
        assert!(!weak.holds(Some("W/\"e\""), None));
        assert!(!RangeCondition::Date(stored).holds(Some("\"e\""), None));
    }

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
