//! Rate limits: a token bucket per key. Processes that serve the same clients tell each other what they have admitted
//! ([`rate_exchange`](crate::rate_exchange)).

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;

use crate::token_bucket::TokenBucketSize;

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
/// Other processes are told of a key when this part of its bucket has been used since the last time.
const TOLD_PARTS: u32 = 8;

/// What was used of a key's bucket.
#[derive(Debug, Clone, Copy)]
struct UsedTokens {
    full_at: Instant,
    /// Requests that other processes don't know of yet.
    untold: u32,
}

struct LimiterState<K> {
    used: HashMap<K, UsedTokens>,
    checks: u32,
    /// Keys of which enough was used to tell others. `None` if there are no others.
    to_tell: Option<VecDeque<K>>,
}

/// A token bucket per key.
pub struct RateLimiter<K: Hash + Eq + Clone> {
    name: &'static str,
    rate: Rate,
    size: TokenBucketSize,
    state: Mutex<LimiterState<K>>,
}

impl<K: Hash + Eq + Clone> RateLimiter<K> {
    /// Creates a limiter with full buckets. Refusals contain its name.
    pub fn new(name: &'static str, rate: Rate) -> Self {
        let size = TokenBucketSize::new(rate.per_minute, rate.burst);
        let state = LimiterState { used: HashMap::new(), checks: 0, to_tell: None };
        Self { name, rate, size, state: Mutex::new(state) }
    }

    /// Admits or refuses a request.
    pub fn check(&self, key: &K) -> Result<(), RateExceeded> {
        let admitted = self.check_at(key, Instant::now());
        admitted.map_err(|wait| RateExceeded {
            name: self.name,
            rate: self.rate,
            retry_after: wait.as_secs() + 1,
        })
    }

    fn check_at(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock();
        state.checks = state.checks.wrapping_add(1);
        if state.checks.is_multiple_of(CLEAN_EVERY) {
            state.used.retain(|_, one| one.full_at > now);
            state.used.shrink_to_fit();
        }
        let known = state.used.get(key).copied().unwrap_or(UsedTokens { full_at: now, untold: 0 });
        let full_at = self.size.take(known.full_at, now)?;
        let untold = known.untold.saturating_add(1);
        state.used.insert(key.clone(), UsedTokens { full_at, untold });
        if untold == (self.rate.burst.get() / TOLD_PARTS).max(1)
            && let Some(to_tell) = &mut state.to_tell
        {
            to_tell.push_back(key.clone());
        }
        Ok(())
    }

    /// From now on, remembers what to tell other processes.
    pub(crate) fn remember_untold(&self) {
        self.state.lock().to_tell.get_or_insert_default();
    }

    /// The requests that were admitted since other processes were told last, for at most this many keys of which much was
    /// used. They count as told.
    pub(crate) fn take_untold(&self, at_most: usize) -> Vec<(K, u32)> {
        let mut state = self.state.lock();
        let LimiterState { used, to_tell: Some(to_tell), .. } = &mut *state else { return Vec::new() };
        let keys: Vec<K> = to_tell.drain(..at_most.min(to_tell.len())).collect();
        let take = |key: K| {
            let requests = std::mem::take(&mut used.get_mut(&key)?.untold);
            (requests > 0).then_some((key, requests))
        };
        keys.into_iter().filter_map(take).collect()
    }

    /// Counts requests that another process has admitted. If they are more than the bucket has, further ones are refused
    /// until the difference is refilled, too.
    pub(crate) fn spent_elsewhere(&self, key: K, requests: u32, now: Instant) {
        let mut state = self.state.lock();
        let known = state.used.entry(key).or_insert(UsedTokens { full_at: now, untold: 0 });
        known.full_at = self.size.spend(known.full_at, requests, now);
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

    #[test]
    fn keys_with_full_buckets_are_forgotten() {
        let (limiter, start) = (RateLimiter::new("token", Rate::new(60, 2)), Instant::now());
        for key in 0..CLEAN_EVERY {
            let at = start + Duration::from_millis(u64::from(key));
            limiter.check_at(&key, at).unwrap();
        }
        let remembered = limiter.state.lock().used.len();
        assert!(remembered <= 1_001, "those of the last second, not {remembered}");
    }

    #[test]
    fn others_are_told_of_much_use_once() {
        let limiter = RateLimiter::new("token", Rate::new(60, 16));
        let now = Instant::now();
        limiter.check_at(&"quiet", now).unwrap();
        assert!(limiter.take_untold(10).is_empty(), "there are no others");
        limiter.remember_untold();
        for _ in 0..5 {
            limiter.check_at(&"busy", now).unwrap();
        }
        assert!(limiter.take_untold(0).is_empty());
        assert_eq!(limiter.take_untold(10), [("busy", 5)]);
        limiter.check_at(&"busy", now).unwrap();
        assert!(limiter.take_untold(10).is_empty(), "one more is too little");
        limiter.check_at(&"busy", now).unwrap();
        assert_eq!(limiter.take_untold(10), [("busy", 2)]);
    }

    #[test]
    fn what_others_admit_beyond_the_burst_must_be_refilled_too() {
        let limiter = RateLimiter::new("token", Rate::new(60, 10));
        let start = Instant::now();
        let check = |seconds| limiter.check_at(&1, start + Duration::from_secs(seconds));
        for _ in 0..10 {
            check(0).unwrap();
        }
        limiter.spent_elsewhere(1, 10, start);
        assert_eq!(check(0), Err(Duration::from_secs(11)));
        assert!(check(10).is_err() && check(11).is_ok());
        limiter.spent_elsewhere(1, u32::MAX, start);
        assert!(check(400).is_ok(), "what another process says can't lock anybody out");
    }
}
