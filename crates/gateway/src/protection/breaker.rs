//! Leaves a bucket alone that can't be reached: after some failures in a row requests are refused at once, until one
//! that is let through to try succeeds.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When a bucket is left alone.
#[derive(Debug, Clone)]
pub struct BreakerSettings {
    /// After so many failures in a row.
    pub failures: u32,
    /// For so long, then one request is let through to try.
    pub open_for: Duration,
}

/// The state of one bucket.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    state: Mutex<BreakerState>,
}

#[derive(Debug, Clone, Copy)]
enum BreakerState {
    /// Requests pass; so many have failed in a row.
    Closed(u32),
    /// Requests are refused until then.
    Open(Instant),
    /// One request tries; another may from then on, should the first never tell.
    Trying(Instant),
}

/// Whether a request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Free,
    /// Not now; after so long one may try.
    Refused(Duration),
}

impl Breaker {
    /// Lets requests pass.
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: Mutex::new(BreakerState::Closed(0)) }
    }

    /// Asks for a request. What came of it is to be told by [`Breaker::succeeded`] or [`Breaker::failed`]; of one that
    /// was given up nothing has to be told.
    pub fn try_acquire(&self, now: Instant) -> Admission {
        let mut state = self.lock();
        match *state {
            BreakerState::Closed(_) => Admission::Free,
            BreakerState::Open(until) | BreakerState::Trying(until) if now < until => {
                Admission::Refused(until - now)
            }
            BreakerState::Open(_) | BreakerState::Trying(_) => {
                *state = BreakerState::Trying(now + self.settings.open_for);
                Admission::Free
            }
        }
    }

    /// The bucket answered, whatever it said.
    pub fn succeeded(&self) {
        let mut state = self.lock();
        // One that began before the failures tells nothing of now.
        if matches!(*state, BreakerState::Closed(1..) | BreakerState::Trying(_)) {
            *state = BreakerState::Closed(0);
        }
    }

    /// The bucket could not be reached, or didn't answer in time. Says whether it is left alone from now on, having
    /// not been before.
    pub fn failed(&self, now: Instant) -> bool {
        let mut state = self.lock();
        match *state {
            BreakerState::Closed(before) if before + 1 < self.settings.failures => {
                *state = BreakerState::Closed(before + 1);
                false
            }
            BreakerState::Closed(_) => {
                *state = BreakerState::Open(now + self.settings.open_for);
                true
            }
            BreakerState::Trying(_) => {
                *state = BreakerState::Open(now + self.settings.open_for);
                false
            }
            BreakerState::Open(_) => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BreakerState> {
        // Nothing panics while it is held, and every state is a valid one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN_FOR: Duration = Duration::from_secs(5);

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new(BreakerSettings { failures: 2, open_for: OPEN_FOR }), Instant::now())
    }

    #[test]
    fn failures_in_a_row_close_the_way_and_others_do_not() {
        let (breaker, now) = breaker();
        assert!(!breaker.failed(now));
        breaker.succeeded();
        assert!(!breaker.failed(now));
        assert_eq!(breaker.try_acquire(now), Admission::Free);
        assert!(breaker.failed(now));
        assert_eq!(breaker.try_acquire(now), Admission::Refused(OPEN_FOR));
    }

    #[test]
    fn after_a_while_one_request_tries_and_its_success_opens_the_way() {
        let (breaker, now) = breaker();
        breaker.failed(now);
        breaker.failed(now);
        let later = now + OPEN_FOR;
        assert_eq!(breaker.try_acquire(later), Admission::Free);
        assert_eq!(breaker.try_acquire(later), Admission::Refused(OPEN_FOR), "one at a time");
        breaker.failed(later);
        assert_eq!(breaker.try_acquire(later), Admission::Refused(OPEN_FOR));
        assert_eq!(breaker.try_acquire(later + OPEN_FOR), Admission::Free);
        breaker.succeeded();
        assert_eq!(breaker.try_acquire(later + OPEN_FOR), Admission::Free);
        assert_eq!(breaker.try_acquire(later + OPEN_FOR), Admission::Free);
    }

    #[test]
    fn one_that_tries_and_never_tells_keeps_the_way_closed_for_a_while_only() {
        let (breaker, now) = breaker();
        breaker.failed(now);
        breaker.failed(now);
        assert_eq!(breaker.try_acquire(now + OPEN_FOR), Admission::Free);
        assert_eq!(breaker.try_acquire(now + 2 * OPEN_FOR), Admission::Free);
    }

    #[test]
    fn a_late_success_of_before_does_not_open_the_way() {
        let (breaker, now) = breaker();
        breaker.failed(now);
        breaker.failed(now);
        breaker.succeeded();
        assert!(matches!(breaker.try_acquire(now), Admission::Refused(_)));
    }
}
