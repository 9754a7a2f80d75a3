//! Token buckets. The state of a bucket is the time at which it will be full again (the generic cell rate algorithm), so a full
//! bucket needs none.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// By how many times its size a bucket may be overdrawn.
const OVERDRAWN_AT_MOST: u32 = 16;

/// The size of buckets, and how fast they are refilled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenBucketSize {
    /// How long it takes to refill one token.
    per_token: Duration,
    /// How long it takes to refill an empty bucket.
    capacity: Duration,
}

impl TokenBucketSize {
    pub(crate) fn new(per_minute: NonZeroU32, burst: NonZeroU32) -> Self {
        let per_token = Duration::from_mins(1) / per_minute.get();
        Self { per_token, capacity: per_token.saturating_mul(burst.get()) }
    }

    pub(crate) fn per_token(&self) -> Duration {
        self.per_token
    }

    /// How long it takes at most until a bucket is full again.
    pub(crate) fn longest_refill(&self) -> Duration {
        self.capacity.saturating_mul(OVERDRAWN_AT_MOST)
    }

    /// Takes a token from a bucket that is full at a time. Returns when it will be full again, or how long it takes until
    /// there is a token.
    pub(crate) fn take(&self, full_at: Instant, now: Instant) -> Result<Instant, Duration> {
        let full_at = full_at.max(now) + self.per_token;
        let missing = full_at.saturating_duration_since(now).saturating_sub(self.capacity);
        if missing.is_zero() { Ok(full_at) } else { Err(missing) }
    }

    /// Takes tokens that are gone already, even if the bucket doesn't have so many. Returns when it will be full again.
    pub(crate) fn spend(&self, full_at: Instant, tokens: u32, now: Instant) -> Instant {
        let full_at = full_at.max(now) + self.per_token.saturating_mul(tokens).min(self.longest_refill());
        full_at.min(now + self.longest_refill())
    }

    /// Puts a token back. Returns when the bucket will be full again.
    pub(crate) fn put_back(&self, full_at: Instant) -> Instant {
        full_at.checked_sub(self.per_token).unwrap_or(full_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(per_minute: u32, burst: u32) -> TokenBucketSize {
        TokenBucketSize::new(per_minute.try_into().unwrap(), burst.try_into().unwrap())
    }

    #[test]
    fn a_bucket_gives_a_burst_and_then_one_token_at_a_time() {
        let (size, start) = (size(60, 3), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut full_at = start;
        for _ in 0..3 {
            full_at = size.take(full_at, start).unwrap();
        }
        assert_eq!(full_at, at(3));
        assert_eq!(size.take(full_at, start), Err(Duration::from_secs(1)));
        let full_at = size.take(full_at, at(1)).unwrap();
        assert!(size.take(full_at, at(1)).is_err());
        assert!(size.take(size.put_back(full_at), at(1)).is_ok());
        assert_eq!(size.take(full_at, at(60)), Ok(at(61)), "never more than the burst");
    }
}
