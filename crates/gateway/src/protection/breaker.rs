//! The circuit breaker of a bucket. After several failures in a row it refuses requests immediately, until a trial
//! request succeeds.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// When the circuit breaker opens, and for how long.
#[derive(Debug, Clone)]
pub struct BreakerSettings {
    /// How many failures in a row open it.
    pub failures: u32,
    /// How long requests are refused before a trial request is let through.
    pub open_for: Duration,
}

/// The circuit breaker of one bucket.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    state: Mutex<BreakerState>,
}

#[derive(Debug, Clone, Copy)]
enum BreakerState {
    /// Requests pass. The number counts failures in a row.
    Closed(u32),
    /// Requests are refused until this time.
    Open(Instant),
    /// One trial request is in progress. If its outcome is never reported, another one may try from this time on.
    Trying(Instant),
}

/// Whether a request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The request may pass.
    Free,
    /// The request may not pass. A trial request may after this time.
    Refused(Duration),
}

impl Breaker {
    /// Creates a closed circuit breaker.
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: Mutex::new(BreakerState::Closed(0)) }
    }

    /// Requests permission to contact the provider. Report the outcome with [`Breaker::succeeded`] or
    /// [`Breaker::failed`]. A request that was abandoned needs no report.
    pub fn try_acquire(&self, now: Instant) -> Admission {
        let mut state = self.state.lock();
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

    /// The provider answered, with success or with an error.
    pub fn succeeded(&self) {
        let mut state = self.state.lock();
        // A request that started before the failures says nothing about the present.
        if matches!(*state, BreakerState::Closed(1..) | BreakerState::Trying(_)) {
            *state = BreakerState::Closed(0);
        }
    }

    /// The provider could not be reached or didn't answer in time. Returns whether this opened a closed circuit
    /// breaker.
    pub fn failed(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
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
