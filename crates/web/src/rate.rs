//! Rate limits: a token bucket per key.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use http::{HeaderName, HeaderValue};

/// The settings of a token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The number of requests per minute at which the bucket refills.
    pub per_minute: NonZeroU32,
    /// The number of requests that are allowed at once after a pause.
    pub burst: NonZeroU32,
}

impl Rate {
    /// Creates a rate; zero counts as one.
    pub const fn new(per_minute: u32, burst: u32) -> Self {
        Self { per_minute: non_zero(per_minute), burst: non_zero(burst) }
    }
}

const fn non_zero(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// A request beyond a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests: the limit is {} per minute for each {name}; try again in {retry_after} s", rate.per_minute)]
pub struct RateExceeded {
    /// What the limit is for. Clients see it as the name of the policy.
    pub name: &'static str,
    /// The limit.
    pub rate: Rate,
    /// When the next request is allowed, in seconds.
    pub retry_after: u64,
}

impl RateExceeded {
    /// The headers of draft-ietf-httpapi-ratelimit-headers for the response.
    pub fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        let Self { name, rate: Rate { per_minute, burst }, retry_after } = self;
        let refilled_in = u64::from(burst.get()) * 60 / u64::from(per_minute.get()) + 1;
        let policy = format!("\"{name}\";q={burst};w={refilled_in}");
        let limit = format!("\"{name}\";r=0;t={retry_after}");
        [
            (HeaderName::from_static("ratelimit-policy"), as_value(&policy)),
            (HeaderName::from_static("ratelimit"), as_value(&limit)),
        ]
    }
}

fn as_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// The number of checks after which keys with a full token bucket are forgotten. This bounds a limiter's memory to
/// the keys seen during one refill, plus this many.
const CLEAN_EVERY: u32 = 4_096;

/// A token bucket per key.
pub struct RateLimiter<K: Hash + Eq + Clone> {
    name: &'static str,
    rate: Rate,
    states: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> RateLimiter<K> {
    /// Creates a limiter with full buckets. Refusals contain its name.
    pub fn new(name: &'static str, rate: Rate) -> Self {
        let quota = Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        Self {
            name,
            rate,
            states: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
            checks: AtomicU32::new(1),
        }
    }

    /// Admits or refuses a request.
    pub fn check(&self, key: &K) -> Result<(), RateExceeded> {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(CLEAN_EVERY) {
            self.states.retain_recent();
            self.states.shrink_to_fit();
        }
        let Err(not_until) = self.states.check_key(key) else { return Ok(()) };
        let wait = not_until.wait_time_from(self.clock.now());
        Err(RateExceeded { name: self.name, rate: self.rate, retry_after: wait.as_secs() + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_the_wait_is_reported() {
        let limiter = RateLimiter::new("token", Rate::new(6, 2));
        assert!(limiter.check(&1).is_ok() && limiter.check(&1).is_ok());
        let refused = limiter.check(&1).unwrap_err();
        assert!((1..=11).contains(&refused.retry_after), "{refused}");
        let [(_, policy), (_, limit)] = refused.headers();
        assert_eq!(policy, "\"token\";q=2;w=21");
        assert!(limit.to_str().unwrap().starts_with("\"token\";r=0;t="));
        assert!(limiter.check(&2).is_ok(), "others are not affected");
    }
}
