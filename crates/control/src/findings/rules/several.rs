//! When several buckets are one finding.

use jiff::Timestamp;

/// From this number on, buckets with the same cause are one finding.
pub(super) const SEVERAL: usize = 3;

/// Since when there have been several: the latest may only be flapping. Those of unknown age count as the oldest.
pub(super) fn since_several(since: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    let mut since: Vec<_> = since.collect();
    since.sort_unstable();
    since.get(SEVERAL - 1).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_are_as_old_as_the_third() {
        let at = |second| Timestamp::from_second(second).ok();
        assert_eq!(since_several([at(9), at(1), at(5), at(3)].into_iter()), at(5));
        assert_eq!(since_several([at(9), None, at(5)].into_iter()), at(9));
        assert_eq!(since_several([at(9), at(5)].into_iter()), None);
    }
}
