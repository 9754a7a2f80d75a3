//! Exponential backoff with jitter.

use std::time::Duration;

use crate::jitter::Jitter;

/// The delays between attempts. They double from the first to the longest. Each is shortened by a random part of up
/// to a half, so that many nodes don't come back at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    jitter: Jitter,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration, jitter: Jitter) -> Self {
        Self { first, longest, next: first, jitter }
    }

    /// Returns how long to wait after another failure.
    pub(crate) fn after_failure(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.longest);
        self.jitter.between(whole / 2, whole)
    }

    /// Starts over with the first delay after a success.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(8));
        let mut backoff = Backoff::new(first, longest, Jitter::new(1));
        for whole in [1, 2, 4, 8, 8, 8].map(Duration::from_secs) {
            let wait = backoff.after_failure();
            assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
        }
        backoff.reset();
        assert!(backoff.after_failure() <= first);
    }
}
