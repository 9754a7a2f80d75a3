//! Freshness rules: how old the newest object under a prefix of a bucket may be, such as the last backup.

use jiff::{SignedDuration, Timestamp};

/// The most rules that a bucket may have.
pub const MAX_RULES: usize = 20;
/// The longest prefix, in bytes. No provider has longer keys.
pub const MAX_PREFIX_BYTES: usize = 1_024;
/// The shortest and the longest accepted age, in seconds: ten minutes and ten years.
pub const AGES: std::ops::RangeInclusive<i64> = 600..=315_360_000;

/// The newest object under a prefix, of those that aren't too small, must not be older than this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshnessRule {
    /// Only keys that begin with this count.
    pub prefix: String,
    /// Smaller objects don't count. A marker or an empty file is no backup.
    pub min_bytes: u64,
    /// How old the newest object may be.
    pub max_age: SignedDuration,
}

/// Why a rule isn't valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFreshness {
    /// The prefix is too long, or contains control characters.
    #[error("must be at most {MAX_PREFIX_BYTES} bytes long and contain no control characters")]
    Prefix,
    /// The size is negative.
    #[error("must be a number of bytes, 0 or more")]
    MinBytes,
    /// The age is out of range.
    #[error("must be a number of seconds from {} (10 minutes) to {} (10 years)", AGES.start(), AGES.end())]
    MaxAge,
}

impl FreshnessRule {
    /// Checks the parts of a rule.
    pub fn new(prefix: &str, min_bytes: i64, max_age_seconds: i64) -> Result<Self, InvalidFreshness> {
        if prefix.len() > MAX_PREFIX_BYTES || prefix.chars().any(char::is_control) {
            return Err(InvalidFreshness::Prefix);
        }
        let min_bytes = u64::try_from(min_bytes).map_err(|_| InvalidFreshness::MinBytes)?;
        if !AGES.contains(&max_age_seconds) {
            return Err(InvalidFreshness::MaxAge);
        }
        let max_age = SignedDuration::from_secs(max_age_seconds);
        Ok(Self { prefix: prefix.to_owned(), min_bytes, max_age })
    }

    /// The time between two checks: short enough to notice a stale prefix soon, and long enough to cost little.
    pub fn interval(&self) -> SignedDuration {
        (self.max_age / 4).clamp(SignedDuration::from_mins(5), SignedDuration::from_hours(6))
    }

    /// Since when the prefix is stale, if the newest object is of this time. `None` while it is fresh. Without an object,
    /// it has been stale since the rule was created.
    pub fn stale_since(
        &self,
        newest: Option<Timestamp>,
        created_at: Timestamp,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match newest {
            Some(newest) => newest.checked_add(self.max_age).ok().filter(|since| *since <= now),
            None => Some(created_at.min(now)),
        }
    }

    /// When to check again after a check that found this newest object: after the interval, or when that object becomes
    /// too old.
    pub fn next_check(&self, newest: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let next = now.checked_add(self.interval()).unwrap_or(Timestamp::MAX);
        let too_old = newest.and_then(|newest| newest.checked_add(self.max_age).ok()).filter(|at| *at > now);
        too_old.map_or(next, |at| at.min(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_rule_has_parts_in_range() {
        use InvalidFreshness::{MaxAge, MinBytes, Prefix};
        assert!(FreshnessRule::new("", 0, 600).is_ok());
        assert_eq!(FreshnessRule::new(&"x".repeat(1_025), 0, 600), Err(Prefix));
        assert_eq!(FreshnessRule::new("a\nb", 0, 600), Err(Prefix));
        assert_eq!(FreshnessRule::new("a/", -1, 600), Err(MinBytes));
        for wrong in [599, 315_360_001, -1, i64::MAX] {
            assert_eq!(FreshnessRule::new("a/", 0, wrong), Err(MaxAge));
        }
    }

    #[test]
    fn a_prefix_is_stale_from_the_moment_its_newest_object_is_too_old() {
        let rule = FreshnessRule::new("backups/", 1, 86_400).unwrap();
        assert_eq!(rule.stale_since(Some(at(1_000)), at(0), at(87_399)), None);
        assert_eq!(rule.stale_since(Some(at(1_000)), at(0), at(87_400)), Some(at(87_400)));
        assert_eq!(rule.stale_since(None, at(50), at(60)), Some(at(50)), "nothing was ever stored");
        assert_eq!(rule.stale_since(None, at(70), at(60)), Some(at(60)));
    }

    #[test]
    fn checks_follow_the_age_and_the_next_deadline() {
        let rule = |seconds| FreshnessRule::new("", 0, seconds).unwrap();
        assert_eq!(rule(600).interval(), SignedDuration::from_mins(5));
        assert_eq!(rule(7_200).interval(), SignedDuration::from_mins(30));
        assert_eq!(rule(86_400 * 30).interval(), SignedDuration::from_hours(6));
        let daily = rule(86_400);
        assert_eq!(daily.next_check(Some(at(0)), at(80_000)), at(86_400), "when it becomes stale");
        assert_eq!(daily.next_check(Some(at(70_000)), at(80_000)), at(80_000 + 21_600));
        assert_eq!(daily.next_check(None, at(0)), at(21_600));
    }
}
