//! Limits how fast passwords can be guessed, without letting anyone lock another user out.
//!
//! Only failures count. Each network has a small allowance per account. An account has a much larger one for all
//! networks together, against guesses from many networks. A network from which the account logged in recently has
//! its own allowance, whatever others do.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use bucketry_control::Control;
use bucketry_model::id::UserId;
use parking_lot::Mutex;

use crate::error::{ApiError, ApiResult};
use crate::rate_limited::rate_limited;
use crate::settings::{Rate, RateLimits};

/// The most keys that an allowance remembers, a few MiB. Every failure is an attempt that was admitted, and rate
/// limits by address and the cost of hashing passwords keep those far below this number.
const MAX_KEYS: usize = 65_536;

/// The network that an address belongs to, as `192.0.2.0/24` or `2001:db8::/64`.
pub(crate) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("{}/24", Ipv4Addr::from_bits(address.to_bits() & !0xff)),
        IpAddr::V6(address) => {
            format!("{}/64", Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}

/// What was left of an allowance at a point in time.
#[derive(Debug, Clone, Copy)]
struct Left {
    attempts: f64,
    at: Instant,
}

/// The allowances of one rate, by hashed key.
struct Allowances {
    rate: Rate,
    left: Mutex<HashMap<u64, Left>>,
}

impl Allowances {
    fn new(rate: Rate) -> Self {
        Self { rate, left: Mutex::default() }
    }

    fn burst(&self) -> f64 {
        f64::from(self.rate.burst.get())
    }

    fn per_second(&self) -> f64 {
        f64::from(self.rate.per_minute.get()) / 60.0
    }

    fn now(&self, left: Left, now: Instant) -> f64 {
        let refilled = now.saturating_duration_since(left.at).as_secs_f64() * self.per_second();
        (left.attempts + refilled).min(self.burst())
    }

    /// Takes an attempt, or returns the time until the next one is available.
    fn take(&self, key: u64, now: Instant) -> Result<(), Duration> {
        let mut all = self.left.lock();
        if all.len() >= MAX_KEYS && !all.contains_key(&key) {
            all.retain(|_, left| self.now(*left, now) < self.burst());
            if all.len() >= MAX_KEYS {
                all.clear();
            }
        }
        let attempts = all.get(&key).map_or(self.burst(), |left| self.now(*left, now));
        if attempts < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - attempts) / self.per_second()));
        }
        all.insert(key, Left { attempts: attempts - 1.0, at: now });
        Ok(())
    }

    /// Refunds an attempt that was not a failure.
    fn refund(&self, key: u64) {
        let mut all = self.left.lock();
        if let Some(left) = all.get_mut(&key) {
            left.attempts = (left.attempts + 1.0).min(self.burst());
        }
    }
}

/// The allowances of all accounts.
pub(crate) struct LoginGuard {
    per_network: Allowances,
    per_account: Allowances,
    known_networks: Allowances,
    changes: Allowances,
    hasher: RandomState,
}

/// An admitted attempt. If it is dropped, it counts as failed.
#[must_use = "an attempt that is not refunded counts as failed"]
pub(crate) struct Attempt<'a>(Vec<(&'a Allowances, u64)>);

impl Attempt<'_> {
    /// The password was right, or was not checked.
    pub(crate) fn refund(self) {
        for (allowances, key) in self.0 {
            allowances.refund(key);
        }
    }
}

impl LoginGuard {
    pub(crate) fn new(rates: &RateLimits) -> Self {
        Self {
            per_network: Allowances::new(rates.login_per_account_and_network),
            per_account: Allowances::new(rates.login_per_account),
            known_networks: Allowances::new(rates.login_per_account),
            changes: Allowances::new(rates.login_per_account_and_network),
            hasher: RandomState::new(),
        }
    }

    /// Admits an attempt to log in to the account with this e-mail address, which is remembered only as a hash.
    pub(crate) async fn admit(
        &self,
        control: &Control,
        email: &str,
        network: Option<&str>,
    ) -> ApiResult<Attempt<'_>> {
        let account = email.trim().to_lowercase();
        let near = self.hasher.hash_one((&account, network));
        let wait = match self.take_both(near, self.hasher.hash_one(&account), Instant::now()) {
            Ok(attempt) => return Ok(attempt),
            Err(wait) => wait,
        };
        // Query only where an allowance is used up, so that normal logins cost no extra query.
        match network {
            Some(network) if control.signed_in_from(email, network).await? => {
                take(&self.known_networks, near, "this account from your network", Instant::now())
            }
            _ => Err(too_many(self.per_network.rate, "this account", wait)),
        }
    }

    /// Admits an attempt to change a password by sending the current one.
    pub(crate) fn admit_change(&self, user: UserId) -> ApiResult<Attempt<'_>> {
        take(
            &self.changes,
            self.hasher.hash_one(user),
            "the current password of this account",
            Instant::now(),
        )
    }

    fn take_both(&self, near: u64, account: u64, now: Instant) -> Result<Attempt<'_>, Duration> {
        self.per_network.take(near, now)?;
        self.per_account.take(account, now).inspect_err(|_| self.per_network.refund(near))?;
        Ok(Attempt(vec![(&self.per_network, near), (&self.per_account, account)]))
    }
}

fn take<'a>(allowances: &'a Allowances, key: u64, what: &str, now: Instant) -> ApiResult<Attempt<'a>> {
    match allowances.take(key, now) {
        Ok(()) => Ok(Attempt(vec![(allowances, key)])),
        Err(wait) => Err(too_many(allowances.rate, what, wait)),
    }
}

fn too_many(rate: Rate, what: &str, wait: Duration) -> ApiError {
    let seconds = wait.as_secs() + 1;
    let message = format!("too many wrong passwords for {what}: try again in {seconds} s");
    rate_limited("account", rate, message, seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_a_24_or_a_64() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.0/24");
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }

    #[test]
    fn an_allowance_refills_and_what_is_given_back_can_be_taken_again() {
        let (allowances, start) = (Allowances::new(Rate::new(6, 2)), Instant::now());
        let take = |key, after| allowances.take(key, start + Duration::from_secs(after));
        assert!(take(1, 0).is_ok() && take(1, 0).is_ok());
        assert_eq!(take(1, 0), Err(Duration::from_secs(10)));
        assert!(take(2, 0).is_ok(), "others are not affected");
        assert!(take(1, 11).is_ok() && take(1, 11).is_err());
        allowances.refund(1);
        assert!(take(1, 11).is_ok());
        allowances.refund(7);
        assert!(take(7, 0).is_ok() && take(7, 0).is_ok() && take(7, 0).is_err(), "never more than the burst");
    }

    #[test]
    fn memory_is_bounded_whatever_keys_come() {
        let (allowances, now) = (Allowances::new(Rate::new(1, 10)), Instant::now());
        for key in 0..200_000 {
            allowances.take(key, now).unwrap();
        }
        assert!(allowances.left.lock().len() <= MAX_KEYS);
    }

    #[test]
    fn attempts_at_once_are_all_counted_before_any_has_ended() {
        let rates = RateLimits { login_per_account_and_network: Rate::new(1, 3), ..RateLimits::default() };
        let guard = LoginGuard::new(&rates);
        let now = Instant::now();
        let under_way: Vec<_> = (0..5).map(|_| guard.take_both(1, 2, now)).collect();
        assert_eq!(under_way.iter().filter(|attempt| attempt.is_ok()).count(), 3);
        under_way.into_iter().flatten().for_each(Attempt::refund);
        assert!(guard.take_both(1, 2, now).is_ok());
    }
}
