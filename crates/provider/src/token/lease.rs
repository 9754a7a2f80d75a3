//! Temporary credentials: asked for once for all who share them, and renewed ahead of their end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bucketry_model::time::{Clock, is_ahead};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use crate::error::ProviderError;

/// How long before its end a credential is renewed.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// How long the old credential serves alone after a renewal failed.
const RENEWAL_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// How long the one who renews waits before going on with the old credential.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(5);
const CACHED: usize = 4_096;

/// The leases of one kind by who holds them, so that buckets of one identity share theirs. Bounded; what fell out is
/// asked for again.
pub(crate) struct Leases<T>(Cache<[u8; 32], Arc<Lease<T>>>);

impl<T> Leases<T> {
    pub(crate) fn new() -> Self {
        Self(Cache::new(CACHED))
    }

    pub(crate) fn of(&self, id: [u8; 32]) -> Arc<Lease<T>> {
        self.0.get(&id).unwrap_or_else(|| {
            let lease = Arc::new(Lease::default());
            self.0.insert(id, Arc::clone(&lease));
            lease
        })
    }
}

/// A credential that was handed out, and until when it holds.
#[derive(Clone)]
pub(crate) struct Held<T> {
    value: T,
    since: Timestamp,
    renew: Timestamp,
    ends: Timestamp,
}

impl<T> Held<T> {
    /// A credential that holds for `lifetime` from `now` on. Lifetimes beyond a day are not believed.
    pub(crate) fn new(value: T, now: Timestamp, lifetime: SignedDuration) -> Self {
        let lifetime = lifetime.clamp(SignedDuration::ZERO, SignedDuration::from_hours(24));
        let early = if lifetime > EARLY * 2 { EARLY } else { lifetime / 2 };
        let after = |time: SignedDuration| now.checked_add(time).unwrap_or(now);
        Self { value, since: now, renew: after(lifetime - early), ends: after(lifetime) }
    }

    /// Whether it can be used. One that was handed out in the future is of a clock that was ahead: nobody knows how long it
    /// holds.
    fn holds(&self, now: Timestamp) -> bool {
        now < self.ends && !is_ahead(self.since, now)
    }
}

/// The credential of one identity.
pub(crate) struct Lease<T> {
    state: Mutex<LeaseState<T>>,
    /// Held by the one that asks; the others wait for its answer.
    asking: tokio::sync::Mutex<()>,
}

struct LeaseState<T> {
    held: Option<Held<T>>,
    /// How often an answer has come.
    answers: u64,
    /// What the last one was, if a failure.
    failure: Option<ProviderError>,
}

impl<T> Default for Lease<T> {
    fn default() -> Self {
        let state = LeaseState { held: None, answers: 0, failure: None };
        Self { state: Mutex::new(state), asking: tokio::sync::Mutex::new(()) }
    }
}

impl<T: Clone> Lease<T> {
    /// The credential that holds now. One asks at a time: those who wait share its answer, also if it is a failure,
    /// so that a service that stalls is waited for once and not by one after the other. Renewal is tried by one
    /// caller, while the others go on with what they have; so does that one if it fails.
    ///
    /// Dropping the future of the one that asks lets the next one ask.
    pub(crate) async fn get(
        &self,
        clock: &dyn Clock,
        ask: impl Future<Output = Result<Held<T>, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let now = clock.now();
        let (held, seen) = {
            let state = self.state();
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
            let state = self.state();
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
                let mut state = self.state();
                state.answers += 1;
                state.failure = Some(error.again());
                Err(error)
            }
        }
    }

    fn keep(&self, held: Held<T>) -> T {
        let value = held.value.clone();
        let mut state = self.state();
        *state = LeaseState { held: Some(held), answers: state.answers + 1, failure: None };
        value
    }

    fn postpone(&self, now: Timestamp) {
        if let Some(held) = &mut self.state().held {
            held.renew = now.checked_add(RENEWAL_PAUSE).unwrap_or(now);
        }
    }

    /// Forgets a credential that the provider refused.
    pub(crate) fn forget(&self, refused: impl Fn(&T) -> bool) {
        let mut state = self.state();
        if state.held.as_ref().is_some_and(|held| refused(&held.value)) {
            state.held = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, LeaseState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// A service that numbers what it hands out, and fails while it is told to.
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
        let lease = Lease::default();
        let all = (0..16).map(|_| lease.get(&clock, service.ask()));
        for value in futures_util::future::join_all(all).await {
            assert_eq!(value.unwrap(), 1);
        }
        clock.advance(SignedDuration::from_mins(54));
        assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 1);
        clock.advance(SignedDuration::from_mins(2));
        assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 2, "five minutes ahead");
    }

    #[tokio::test]
    async fn one_that_was_asked_for_in_the_future_is_asked_for_again() {
        let clock = clock();
        let service = Service::new(&clock);
        let lease = Lease::default();
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
        let lease = Lease::default();
        assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 1);
        service.down = true;
        clock.advance(SignedDuration::from_mins(56));
        for _ in 0..3 {
            assert_eq!(lease.get(&clock, service.ask()).await.unwrap(), 1);
        }
        assert_eq!(service.asked.load(Ordering::Relaxed), 2, "one try, then a pause");
        clock.advance(SignedDuration::from_mins(5));
        assert!(lease.get(&clock, service.ask()).await.is_err(), "it has ended");
    }

    #[tokio::test]
    async fn those_who_wait_share_a_failure_and_those_who_come_later_ask_again() {
        let clock = clock();
        let mut service = Service::new(&clock);
        service.down = true;
        let lease = Lease::<u32>::default();
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
