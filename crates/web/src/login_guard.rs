//! Limits how fast passwords can be guessed, without letting anyone lock another user out.
//!
//! Only failures count. Each network has a small allowance per account. An account has a much larger one for all
//! networks together, against guesses from many networks. A network from which the account logged in recently has
//! its own allowance, whatever others do.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::rate::{Rate, RateExceeded};

/// The most keys that an allowance remembers, a few MiB. Every failure is an attempt that was admitted, and rate
/// limits by address and the cost of hashing passwords keep those far below this number.
const MAX_KEYS: usize = 65_536;

/// The network that an address belongs to, as `192.0.2.0/24` or `2001:db8::/64`.
pub fn network(address: IpAddr) -> String {
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

    /// Takes an attempt that has no other allowance.
    fn admit(&self, key: u64, what: &'static str, now: Instant) -> Result<Attempt<'_>, TooManyFailures> {
        match self.take(key, now) {
            Ok(()) => Ok(Attempt(vec![(self, key)])),
            Err(wait) => Err(TooManyFailures::new(self.rate, what, wait)),
        }
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
pub struct LoginGuard {
    per_network: Allowances,
    per_account: Allowances,
    known_networks: Allowances,
    changes: Allowances,
    hasher: RandomState,
}

/// An admitted attempt. If it is dropped, it counts as failed.
#[must_use = "an attempt that is not refunded counts as failed"]
pub struct Attempt<'a>(Vec<(&'a Allowances, u64)>);

impl Attempt<'_> {
    /// The password was right, or was not checked.
    pub fn refund(self) {
        for (allowances, key) in self.0 {
            allowances.refund(key);
        }
    }
}

impl LoginGuard {
    /// Creates full allowances: for the failures of an account from one network, and for those of an account from
    /// all networks together, or from one network that it recently logged in from.
    pub fn new(per_account_and_network: Rate, per_account: Rate) -> Self {
        Self {
            per_network: Allowances::new(per_account_and_network),
            per_account: Allowances::new(per_account),
            known_networks: Allowances::new(per_account),
            changes: Allowances::new(per_account_and_network),
            hasher: RandomState::new(),
        }
    }

    /// Admits an attempt to log in to the account with this e-mail address, which is remembered only as a hash.
    ///
    /// If the attempt is refused, and the account recently logged in from this network, try
    /// [`Self::admit_from_known_network`].
    pub fn admit(&self, email: &str, network: Option<&str>) -> Result<Attempt<'_>, TooManyFailures> {
        let (near, account) = self.keys(email, network);
        self.take_both(near, account, Instant::now())
            .map_err(|wait| TooManyFailures::new(self.per_network.rate, "this account", wait))
    }

    /// Admits an attempt to log in from a network from which the account recently logged in.
    pub fn admit_from_known_network(
        &self,
        email: &str,
        network: &str,
    ) -> Result<Attempt<'_>, TooManyFailures> {
        let (near, _) = self.keys(email, Some(network));
        self.known_networks.admit(near, "this account from your network", Instant::now())
    }

    /// Admits an attempt to change the password of this account by sending the current one.
    pub fn admit_change(&self, account: impl Hash) -> Result<Attempt<'_>, TooManyFailures> {
        let key = self.hasher.hash_one(account);
        self.changes.admit(key, "the current password of this account", Instant::now())
    }

    fn keys(&self, email: &str, network: Option<&str>) -> (u64, u64) {
        let account = email.trim().to_lowercase();
        (self.hasher.hash_one((&account, network)), self.hasher.hash_one(&account))
    }

    fn take_both(&self, near: u64, account: u64, now: Instant) -> Result<Attempt<'_>, Duration> {
        self.per_network.take(near, now)?;
        self.per_account.take(account, now).inspect_err(|_| self.per_network.refund(near))?;
        Ok(Attempt(vec![(&self.per_network, near), (&self.per_account, account)]))
    }
}

/// An attempt that was refused, because too many before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong passwords for {what}: try again in {} s", limit.retry_after)]
pub struct TooManyFailures {
    what: &'static str,
    /// The allowance that is used up, and when the next attempt is possible.
    pub limit: RateExceeded,
}

impl TooManyFailures {
    fn new(rate: Rate, what: &'static str, wait: Duration) -> Self {
        Self { what, limit: RateExceeded { name: "account", rate, retry_after: wait.as_secs() + 1 } }
    }
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
        let guard = LoginGuard::new(Rate::new(1, 3), Rate::new(30, 300));
        let now = Instant::now();
        let under_way: Vec<_> = (0..5).map(|_| guard.take_both(1, 2, now)).collect();
        assert_eq!(under_way.iter().filter(|attempt| attempt.is_ok()).count(), 3);
        under_way.into_iter().flatten().for_each(Attempt::refund);
        assert!(guard.take_both(1, 2, now).is_ok());
    }
}
