//! Rate limits: a token bucket per session or API token, and one per address. Limits on wrong passwords are in
//! `login_guard`.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use bucketry_model::id::TokenId;
use bucketry_web::accept::network;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::error::{ApiError, ApiResult};
use crate::login_guard::LoginGuard;
use crate::rate_limited::rate_limited;
use crate::settings::{Rate, RateLimits};

/// The number of checks after which keys with a full token bucket are forgotten. This bounds a limiter's memory to
/// the keys seen during one refill, plus this many.
const CLEAN_EVERY: u32 = 4_096;

/// A token bucket per key.
struct Limiter<K: Hash + Eq + Clone> {
    name: &'static str,
    rate: Rate,
    states: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(name: &'static str, rate: Rate) -> Self {
        let quota = Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        Self {
            name,
            rate,
            states: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
            checks: AtomicU32::new(1),
        }
    }

    fn check(&self, key: &K) -> ApiResult<()> {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(CLEAN_EVERY) {
            self.states.retain_recent();
            self.states.shrink_to_fit();
        }
        let Err(not_until) = self.states.check_key(key) else { return Ok(()) };
        let wait = not_until.wait_time_from(self.clock.now());
        Err(self.refusal(wait.as_secs() + 1))
    }

    fn refusal(&self, seconds: u64) -> ApiError {
        let (name, per_minute) = (self.name, self.rate.per_minute);
        let message = format!(
            "too many requests: the limit is {per_minute} per minute for each {name}; try again in {seconds} s"
        );
        rate_limited(name, self.rate, message, seconds)
    }
}

/// All limits of the API.
pub(crate) struct Limits {
    tokens: Limiter<TokenId>,
    addresses: Limiter<IpAddr>,
    login_addresses: Limiter<IpAddr>,
    logins: LoginGuard,
}

impl Limits {
    pub(crate) fn new(rates: &RateLimits) -> Self {
        Self {
            tokens: Limiter::new("token", rates.per_token),
            addresses: Limiter::new("address", rates.per_address),
            login_addresses: Limiter::new("login-address", rates.login_per_address),
            logins: LoginGuard::new(rates),
        }
    }

    /// Admits or refuses a request of an address.
    pub(crate) fn check_address(&self, address: IpAddr) -> ApiResult<()> {
        self.addresses.check(&network(address))
    }

    /// Admits or refuses a request with a token.
    pub(crate) fn check_token(&self, token: TokenId) -> ApiResult<()> {
        self.tokens.check(&token)
    }

    /// Admits or refuses an attempt to log in, register or refresh.
    pub(crate) fn check_login_address(&self, address: IpAddr) -> ApiResult<()> {
        self.login_addresses.check(&network(address))
    }

    /// The limits on wrong passwords.
    pub(crate) fn logins(&self) -> &LoginGuard {
        &self.logins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;
    use bucketry_model::time::from_micros;

    #[test]
    fn a_burst_is_let_through_and_then_the_wait_is_told() {
        let limits = Limits::new(&RateLimits { per_token: Rate::new(6, 2), ..RateLimits::default() });
        let (a, b) = (TokenId::new(from_micros(1), [1; 10]), TokenId::new(from_micros(1), [2; 10]));
        assert!(limits.check_token(a).is_ok() && limits.check_token(a).is_ok());
        let refused = limits.check_token(a).unwrap_err().into_response();
        assert_eq!(refused.status(), 429);
        let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=11).contains(&wait), "{wait}");
        assert_eq!(refused.headers()["ratelimit-policy"], "\"token\";q=2;w=21");
        assert!(refused.headers()["ratelimit"].to_str().unwrap().starts_with("\"token\";r=0;t="));
        assert!(limits.check_token(b).is_ok(), "others are not affected");
    }
}
