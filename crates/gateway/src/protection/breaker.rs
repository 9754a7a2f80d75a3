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
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Requests pass; so many have failed in a row.
    Closed(u32),
    /// Requests are refused until then.
    Open(Instant),
    /// One request tries; another may from then on, should the first never tell.
    Trying(Instant),
}

/// Whether a request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It may.
    Free,
    /// Not now; after so long one may try.
    Refused(Duration),
}

impl Breaker {
    /// Lets requests pass.
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: Mutex::new(State::Closed(0)) }
    }

    /// Asks for a request. What came of it is to be told by [`Breaker::succeeded`] or [`Breaker::failed`]; of one that
    /// was given up nothing has to be told.
    pub fn ask(&self, now: Instant) -> Passage {
        let mut state = self.lock();
        match *state {
            State::Closed(_) => Passage::Free,
            State::Open(until) | State::Trying(until) if now < until => Passage::Refused(until - now),
            State::Open(_) | State::Trying(_) => {
                *state = State::Trying(now + self.settings.open_for);
                Passage::Free
            }
        }
    }

    /// The bucket answered, whatever it said.
    pub fn succeeded(&self) {
        let mut state = self.lock();
        // One that began before the failures tells nothing of now.
        if matches!(*state, State::Closed(1..) | State::Trying(_)) {
            *state = State::Closed(0);
        }
    }

    /// The bucket could not be reached, or didn't answer in time. Says whether it is left alone from now on, having
    /// not been before.
    pub fn failed(&self, now: Instant) -> bool {
        let mut state = self.lock();
        match *state {
            State::Closed(before) if before + 1 < self.settings.failures => {
                *state = State::Closed(before + 1);
                false
            }
            State::Closed(_) => {
                *state = State::Open(now + self.settings.open_for);
                true
            }
            State::Trying(_) => {
                *state = State::Open(now + self.settings.open_for);
                false
            }
            State::Open(_) => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
        assert_eq!(breaker.ask(now), Passage::Free);
        assert!(breaker.failed(now));
        assert_eq!(breaker.ask(now), Passage::Refused(OPEN_FOR));
    }

    #[test]
    fn after_a_while_one_request_tries_and_its_success_opens_the_way() {
        let (breaker, now) = breaker();
        breaker.failed(now);
        breaker.failed(now);
        let later = now + OPEN_FOR;
        assert_eq!(breaker.ask(later), Passage::Free);
        assert_eq!(breaker.ask(later), Passage::Refused(OPEN_FOR), "one at a time");
        breaker.failed(later);
        assert_eq!(breaker.ask(later), Passage::Refused(OPEN_FOR));
        assert_eq!(breaker.ask(later + OPEN_FOR), Passage::Free);
        breaker.succeeded();
        assert_eq!(breaker.ask(later + OPEN_FOR), Passage::Free);
        assert_eq!(breaker.ask(later + OPEN_FOR), Passage::Free);
    }

    #[test]
    fn one_that_tries_and_never_tells_keeps_the_way_closed_for_a_while_only() {
        let (breaker, now) = breaker();
        breaker.failed(now);
        breaker.failed(now);
        assert_eq!(breaker.ask(now + OPEN_FOR), Passage::Free);
        assert_eq!(breaker.ask(now + 2 * OPEN_FOR), Passage::Free);
    }

    #[test]
    fn a_late_success_of_before_does_not_open_the_way() {
        let (breaker, now) = breaker();
        breaker.failed(now);
        breaker.failed(now);
        breaker.succeeded();
        assert!(matches!(breaker.ask(now), Passage::Refused(_)));
    }
}
