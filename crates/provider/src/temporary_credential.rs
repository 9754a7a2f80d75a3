//! Temporary credentials: requested once for all callers that share them, and renewed before they expire.

use std::sync::Arc;
use std::time::Duration;

use bucketry_model::time::{Clock, is_ahead};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use quick_cache::sync::Cache;

use crate::error::ProviderError;

/// How long before its expiry a credential is renewed.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// How long renewal pauses after it failed. The old credential is used meanwhile.
const RENEWAL_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// How long the renewing caller waits before it continues with the old credential.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(5);
const CACHED: usize = 4_096;

/// The credentials of one kind by identity, so that buckets with the same identity share one. Limited in number; an
/// evicted credential is requested again.
pub(crate) struct TemporaryCredentials<T>(Cache<[u8; 32], Arc<TemporaryCredential<T>>>);

impl<T> TemporaryCredentials<T> {
    pub(crate) fn new() -> Self {
        Self(Cache::new(CACHED))
    }

    pub(crate) fn of(&self, id: [u8; 32]) -> Arc<TemporaryCredential<T>> {
        self.0.get(&id).unwrap_or_else(|| {
            let lease = Arc::new(TemporaryCredential::default());
            self.0.insert(id, Arc::clone(&lease));
            lease
        })
    }
}

/// An issued credential and its validity.
#[derive(Clone)]
pub(crate) struct Held<T> {
    value: T,
    since: Timestamp,
    renew: Timestamp,
    ends: Timestamp,
}

impl<T> Held<T> {
    /// A credential that is valid for `lifetime` from `now`. A lifetime of more than a day is reduced to a day.
    pub(crate) fn new(value: T, now: Timestamp, lifetime: SignedDuration) -> Self {
        let lifetime = lifetime.clamp(SignedDuration::ZERO, SignedDuration::from_hours(24));
        let early = if lifetime > EARLY * 2 { EARLY } else { lifetime / 2 };
        let after = |time: SignedDuration| now.checked_add(time).unwrap_or(now);
        Self { value, since: now, renew: after(lifetime - early), ends: after(lifetime) }
    }

    /// Whether the credential is valid. If it was issued in the future, the clock was ahead at that time, so its
    /// expiry is unknown and it counts as expired.
    fn holds(&self, now: Timestamp) -> bool {
        now < self.ends && !is_ahead(self.since, now)
    }
}

/// The credential of one identity.
pub(crate) struct TemporaryCredential<T> {
    state: Mutex<RenewalState<T>>,
    /// Locked by the caller that requests a credential. The others wait for its outcome.
    asking: tokio::sync::Mutex<()>,
}

struct RenewalState<T> {
    held: Option<Held<T>>,
    /// How many requests have ended.
    answers: u64,
    /// The failure of the last request, if it failed.
    failure: Option<ProviderError>,
}

impl<T> Default for TemporaryCredential<T> {
    fn default() -> Self {
        let state = RenewalState { held: None, answers: 0, failure: None };
        Self { state: Mutex::new(state), asking: tokio::sync::Mutex::new(()) }
    }
}

impl<T: Clone> TemporaryCredential<T> {
    /// Returns a valid credential. One caller at a time requests it. Those that wait share the outcome, also a
    /// failure, so that they don't wait for a stalling service one after the other. One caller tries to renew the
    /// credential while the others use the current one. If renewal fails, that caller uses the current one too.
    ///
    /// If the requesting caller drops its future, the next one requests.
    pub(crate) async fn get(
        &self,
        clock: &dyn Clock,
        ask: impl Future<Output = Result<Held<T>, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let now = clock.now();
        let (held, seen) = {
            let state = self.state.lock();
            (state.held.clone().filter(|held| held.holds(now)), state.answers)
        };
        let Some(held) = held else { return self.wait(clock, seen, ask).await };
        if now >= held.renew
            && let Ok(_turn) = self.asking.try_lock()
        {
            match tokio::time::timeout(RENEWAL_PATIENCE, ask).await {
                Ok(Ok(renewed)) => return Ok(self.keep(renewed)),
                _ => self.postpone(now),
            }
        }
        Ok(held.value)
    }

    async fn wait(
        &self,
        clock: &dyn Clock,
        seen: u64,
        ask: impl Future<Output = Result<Held<T>, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let _turn = self.asking.lock().await;
        {
            let state = self.state.lock();
            if let Some(held) = state.held.as_ref().filter(|held| held.holds(clock.now())) {
                return Ok(held.value.clone());
            }
            if let Some(failure) = state.failure.as_ref().filter(|_| state.answers != seen) {
                return Err(failure.again());
            }
        }
        match ask.await {
            Ok(held) => Ok(self.keep(held)),
            Err(error) => {
                let mut state = self.state.lock();
                state.answers += 1;
                state.failure = Some(error.again());
                Err(error)
            }
        }
    }

    fn keep(&self, held: Held<T>) -> T {
        let value = held.value.clone();
        let mut state = self.state.lock();
        *state = RenewalState { held: Some(held), answers: state.answers + 1, failure: None };
        value
    }

    fn postpone(&self, now: Timestamp) {
        if let Some(held) = &mut self.state.lock().held {
            held.renew = now.checked_add(RENEWAL_PAUSE).unwrap_or(now);
        }
    }

    /// Discards a credential that the provider refused.
    pub(crate) fn forget(&self, refused: impl Fn(&T) -> bool) {
        let mut state = self.state.lock();
        if state.held.as_ref().is_some_and(|held| refused(&held.value)) {
            state.held = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use bucketry_model::time::ManualClock;

    use super::*;

    fn clock() -> ManualClock {
        ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap())
    }

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    /// A service that numbers the credentials it issues, and fails while `down` is set.
    struct Service<'a> {
        clock: &'a ManualClock,
        asked: AtomicU32,
        down: bool,
    }

    impl<'a> Service<'a> {
        fn new(clock: &'a ManualClock) -> Self {
            Self { clock, asked: AtomicU32::new(0), down: false }
        }

        async fn ask(&self) -> Result<Held<u32>, ProviderError> {
            tokio::task::yield_now().await;
            let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
            if self.down {
                return Err(ProviderError::TimedOut);
            }
            Ok(Held::new(number, self.clock.now(), HOUR))
        }
    }

    #[tokio::test]
    async fn it_is_asked_for_once_and_renewed_ahead_of_its_end() {
        let clock = clock();
        let service = Service::new(&clock);
        let lease = TemporaryCredential::default();
        let all = (0..16).map(|_| lease.get(&clock, service.ask()));
        for value in futures_util::future::join_all(all).await {
            assert_eq!(value.unwrap(), 1);
        }
        clock.advance(SignedDuration::from_mins(54));
        assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 1);
        clock.advance(SignedDuration::from_mins(2));
        assert_eq!(
            lease.get(&clock, service.ask()).await.unwrap(),
            2,
            "renewed five minutes before it expires"
        );
    }

    #[tokio::test]
    async fn one_that_was_asked_for_in_the_future_is_asked_for_again() {
        let clock = clock();
        let service = Service::new(&clock);
        let lease = TemporaryCredential::default();
        let two_days = SignedDuration::from_hours(48);
        clock.advance(two_days);
        assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 1);
        clock.advance(-two_days);
        assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 2);
        clock.advance(SignedDuration::from_mins(10));
        assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_renewal_that_fails_leaves_the_old_one_until_its_end() {
        let clock = clock();
        let mut service = Service::new(&clock);
        let lease = TemporaryCredential::default();
        assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 1);
        service.down = true;
        clock.advance(SignedDuration::from_mins(56));
        for _ in 0..3 {
            assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 1);
        }
        assert_eq!(service.asked.load(Ordering::Relaxed), 2, "one attempt, then a pause");
        clock.advance(SignedDuration::from_mins(5));
        assert!(lease.get(&clock, service.ask()).await.is_err(), "the credential has expired");
    }

    #[tokio::test]
    async fn those_who_wait_share_a_failure_and_those_who_come_later_ask_again() {
        let clock = clock();
        let mut service = Service::new(&clock);
        service.down = true;
        let lease = TemporaryCredential::<u32>::default();
        let all = (0..16).map(|_| lease.get(&clock, service.ask()));
        for value in futures_util::future::join_all(all).await {
            assert!(matches!(value, Err(ProviderError::TimedOut)));
        }
        assert_eq!(service.asked.load(Ordering::Relaxed), 1);
        service.down = false;
        assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 2);
        lease.forget(|value| *value == 1);
        assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 2, "another one was refused");
        lease.forget(|value| *value == 2);
        assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 3);
    }

    #[test]
    fn odd_lifetimes_are_bounded() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let times = |seconds: i64| {
            let held = Held::new((), now, SignedDuration::from_secs(seconds));
            (held.renew.duration_since(now).as_secs(), held.ends.duration_since(now).as_secs())
        };
        assert_eq!(times(3_600), (3_300, 3_600));
        assert_eq!(times(100), (50, 100));
        assert_eq!(times(-5), (0, 0));
        assert_eq!(times(i64::MAX), (86_100, 86_400));
    }
}
