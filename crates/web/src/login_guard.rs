//! Limits how fast passwords can be guessed, without letting anyone lock another user out.
//!
//! Only failures count. Each network has a small allowance per account. An account has a much larger one for all
//! networks together, against guesses from many networks. A network from which the account logged in recently has
//! its own allowance, whatever others do.
//!
//! Several processes count together if they share what they know about failures ([`SharedFailures`]). Attempts that are in
//! progress are counted by each process alone.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::rate::{Rate, RateExceeded};
use crate::token_bucket::TokenBucketSize;

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

/// What a failed attempt uses of an allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAllowance {
    /// What the allowance is for. Contains an e-mail address as it was entered.
    pub name: String,
    /// How much later the allowance is complete again because of the attempt.
    pub recovers_in: Duration,
    /// After how long it is complete again at the latest.
    pub overdrawn_at_most: Duration,
}

/// What several processes know together about failed attempts. If it can't be read or written, each process counts alone.
#[async_trait]
pub trait SharedFailures: Send + Sync {
    /// How long it takes until each of these allowances is complete again, in their order: zero for those that are, and if
    /// nothing is known.
    async fn recovery(&self, names: &[String]) -> Vec<Duration>;

    /// Records an attempt that failed, and what it used.
    async fn record(&self, failed: &[FailedAllowance]);
}

/// Names what an allowance is for.
struct AllowanceKey {
    name: String,
    hash: u64,
}

/// Stores when an allowance will be complete again, in bounded memory.
fn store(all: &mut HashMap<u64, Instant>, hash: u64, complete_at: Instant, now: Instant) {
    if all.len() >= MAX_KEYS && !all.contains_key(&hash) {
        all.retain(|_, complete_at| *complete_at > now);
        if all.len() >= MAX_KEYS {
            all.clear();
        }
    }
    all.insert(hash, complete_at);
}

/// The allowances of one rate.
struct Allowances {
    /// Distinguishes them from others that are for the same account.
    kind: &'static str,
    rate: Rate,
    size: TokenBucketSize,
    /// When each allowance that isn't complete will be so again, by hashed key.
    complete_at: Mutex<HashMap<u64, Instant>>,
    hasher: RandomState,
}

impl Allowances {
    fn new(kind: &'static str, rate: Rate) -> Self {
        let size = TokenBucketSize::new(rate.per_minute, rate.burst);
        Self { kind, rate, size, complete_at: Mutex::default(), hasher: RandomState::new() }
    }

    fn key(&self, account: impl Display, network: &str) -> AllowanceKey {
        let name = format!("{}\n{network}\n{account}", self.kind);
        AllowanceKey { hash: self.hasher.hash_one(&name), name }
    }

    /// Takes an attempt, or returns the time until the next one is available.
    fn take(&self, hash: u64, now: Instant) -> Result<(), Duration> {
        let mut all = self.complete_at.lock();
        let complete_at = self.size.take(all.get(&hash).copied().unwrap_or(now), now)?;
        store(&mut all, hash, complete_at, now);
        Ok(())
    }

    /// Refunds an attempt that was not a failure.
    fn refund(&self, hash: u64) {
        if let Some(complete_at) = self.complete_at.lock().get_mut(&hash) {
            *complete_at = self.size.put_back(*complete_at);
        }
    }

    /// Takes into account that the allowance recovers later than this process knows.
    fn learn(&self, hash: u64, recovery: Duration, now: Instant) {
        // More than what failures can use comes from a wrong clock.
        if recovery.is_zero() || recovery > self.size.longest_refill() + self.size.per_token() {
            return;
        }
        let mut all = self.complete_at.lock();
        let complete_at = all.get(&hash).map_or(now + recovery, |known| (*known).max(now + recovery));
        store(&mut all, hash, complete_at, now);
    }

    fn failed(&self, key: AllowanceKey) -> FailedAllowance {
        FailedAllowance {
            name: key.name,
            recovers_in: self.size.per_token(),
            overdrawn_at_most: self.size.longest_refill(),
        }
    }
}

/// The allowances of all accounts.
pub struct LoginGuard {
    per_network: Allowances,
    per_account: Allowances,
    known_networks: Allowances,
    changes: Allowances,
    shared: Option<Arc<dyn SharedFailures>>,
}

/// An admitted attempt. If it is dropped, it counts as failed at this process.
#[must_use = "an attempt that is not refunded counts as failed"]
pub struct Attempt<'a> {
    used: Vec<(&'a Allowances, AllowanceKey)>,
    shared: Option<&'a dyn SharedFailures>,
}

impl Attempt<'_> {
    /// The password was right, or was not checked.
    pub fn refund(self) {
        for (allowances, key) in self.used {
            allowances.refund(key.hash);
        }
    }

    /// The password was wrong. Other processes are to know this before the client does.
    pub async fn fail(self) {
        if let Some(shared) = self.shared {
            let failed: Vec<FailedAllowance> =
                self.used.into_iter().map(|(allowances, key)| allowances.failed(key)).collect();
            shared.record(&failed).await;
        }
    }
}

impl LoginGuard {
    /// Creates full allowances: for the failures of an account from one network, and for those of an account from
    /// all networks together, or from one network that it recently logged in from.
    pub fn new(per_account_and_network: Rate, per_account: Rate) -> Self {
        Self {
            per_network: Allowances::new("network", per_account_and_network),
            per_account: Allowances::new("account", per_account),
            known_networks: Allowances::new("known network", per_account),
            changes: Allowances::new("change", per_account_and_network),
            shared: None,
        }
    }

    /// Counts together with other processes.
    #[must_use]
    pub fn shared(self, failures: Arc<dyn SharedFailures>) -> Self {
        Self { shared: Some(failures), ..self }
    }

    /// Admits an attempt to log in to the account with this e-mail address, which is remembered only as a hash.
    ///
    /// If the attempt is refused, and the account recently logged in from this network, try
    /// [`Self::admit_from_known_network`].
    pub async fn admit(&self, email: &str, network: Option<&str>) -> Result<Attempt<'_>, TooManyFailures> {
        let account = folded(email);
        let near = self.per_network.key(&account, network.unwrap_or_default());
        let all = self.per_account.key(&account, "");
        let used = vec![(&self.per_network, near), (&self.per_account, all)];
        self.take(used, self.per_network.rate, "this account").await
    }

    /// Admits an attempt to log in from a network from which the account recently logged in.
    pub async fn admit_from_known_network(
        &self,
        email: &str,
        network: &str,
    ) -> Result<Attempt<'_>, TooManyFailures> {
        let near = self.known_networks.key(folded(email), network);
        let used = vec![(&self.known_networks, near)];
        self.take(used, self.known_networks.rate, "this account from your network").await
    }

    /// Admits an attempt to change the password of this account by sending the current one.
    pub async fn admit_change(&self, account: impl Display) -> Result<Attempt<'_>, TooManyFailures> {
        let key = self.changes.key(account, "");
        self.take(vec![(&self.changes, key)], self.changes.rate, "the current password of this account").await
    }

    async fn take<'a>(
        &'a self,
        used: Vec<(&'a Allowances, AllowanceKey)>,
        rate: Rate,
        what: &'static str,
    ) -> Result<Attempt<'a>, TooManyFailures> {
        self.learn(&used).await;
        take_all(&used, Instant::now()).map_err(|wait| TooManyFailures::new(rate, what, wait))?;
        Ok(Attempt { used, shared: self.shared.as_deref() })
    }

    /// Takes into account what failed at other processes.
    async fn learn(&self, used: &[(&Allowances, AllowanceKey)]) {
        let Some(shared) = &self.shared else { return };
        let names: Vec<String> = used.iter().map(|(_, key)| key.name.clone()).collect();
        let recovery = shared.recovery(&names).await;
        let now = Instant::now();
        for ((allowances, key), recovery) in used.iter().zip(recovery) {
            allowances.learn(key.hash, recovery, now);
        }
    }
}

fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Takes an attempt from each allowance, or from none.
fn take_all(used: &[(&Allowances, AllowanceKey)], now: Instant) -> Result<(), Duration> {
    for (position, (allowances, key)) in used.iter().enumerate() {
        if let Err(wait) = allowances.take(key.hash, now) {
            for (allowances, key) in &used[..position] {
                allowances.refund(key.hash);
            }
            return Err(wait);
        }
    }
    Ok(())
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

    /// Failures that several guards share.
    #[derive(Default)]
    struct Together(Mutex<HashMap<String, Duration>>);

    #[async_trait]
    impl SharedFailures for Together {
        async fn recovery(&self, names: &[String]) -> Vec<Duration> {
            let all = self.0.lock();
            names.iter().map(|name| all.get(name).copied().unwrap_or_default()).collect()
        }

        async fn record(&self, failed: &[FailedAllowance]) {
            let mut all = self.0.lock();
            for one in failed {
                *all.entry(one.name.clone()).or_default() += one.recovers_in;
            }
        }
    }

    #[test]
    fn an_allowance_refills_and_what_is_given_back_can_be_taken_again() {
        let (allowances, start) = (Allowances::new("network", Rate::new(6, 2)), Instant::now());
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
        let (allowances, now) = (Allowances::new("network", Rate::new(1, 10)), Instant::now());
        for key in 0..200_000 {
            allowances.take(key, now).unwrap();
        }
        assert!(allowances.complete_at.lock().len() <= MAX_KEYS);
    }

    #[tokio::test]
    async fn attempts_at_once_are_all_counted_before_any_has_ended() {
        let guard = LoginGuard::new(Rate::new(1, 3), Rate::new(30, 300));
        let mut under_way = Vec::new();
        for _ in 0..5 {
            under_way.push(guard.admit("a@example.com", None).await);
        }
        assert_eq!(under_way.iter().filter(|attempt| attempt.is_ok()).count(), 3);
        under_way.into_iter().flatten().for_each(Attempt::refund);
        assert!(guard.admit("A@example.com ", None).await.is_ok());
    }

    #[tokio::test]
    async fn failures_at_another_process_count_and_successes_store_nothing() {
        let together = Arc::new(Together::default());
        let guard = || LoginGuard::new(Rate::new(1, 3), Rate::new(30, 300)).shared(together.clone());
        let (here, there) = (guard(), guard());
        let (email, network) = ("a@example.com", Some("192.0.2.0/24"));
        for _ in 0..5 {
            here.admit(email, network).await.unwrap().refund();
        }
        assert!(together.0.lock().is_empty());
        here.admit(email, network).await.unwrap().fail().await;
        there.admit(email, network).await.unwrap().fail().await;
        here.admit(email, network).await.unwrap().fail().await;
        for guard in [&here, &there] {
            let refused = guard.admit(email, network).await.map(drop).unwrap_err();
            assert!((30..=61).contains(&refused.limit.retry_after), "{refused:?}");
            assert!(guard.admit(email, Some("198.51.100.0/24")).await.is_ok(), "another network");
            assert!(guard.admit("b@example.com", network).await.is_ok(), "another account");
        }
        here.admit_change(7).await.unwrap().fail().await;
        here.admit_change(7).await.unwrap().fail().await;
        there.admit_change(7).await.unwrap().fail().await;
        assert!(there.admit_change(7).await.is_err() && here.admit_change(7).await.is_err());
    }

    #[tokio::test]
    async fn what_only_a_wrong_clock_can_have_stored_is_ignored() {
        let together = Arc::new(Together::default());
        let guard = LoginGuard::new(Rate::new(1, 3), Rate::new(30, 300)).shared(together.clone());
        guard.admit("a@example.com", None).await.unwrap().fail().await;
        for recovery in together.0.lock().values_mut() {
            *recovery = Duration::from_hours(365 * 24);
        }
        assert!(guard.admit("a@example.com", None).await.is_ok());
    }
}
