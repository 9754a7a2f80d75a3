//! Random delays that spread work over time.

use std::time::Duration;

use bucketry_model::splitmix;

/// A cheap pseudo-random generator (SplitMix64) that a seed makes reproducible. Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns an independent generator.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    /// A random duration between the two.
    pub(crate) fn between(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let span = longest.saturating_sub(shortest);
        shortest + span.mul_f64(self.unit())
    }

    fn unit(&mut self) -> f64 {
        // A double represents integers of up to 53 bits exactly.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(splitmix::STEP);
        splitmix::mix(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_lie_between_their_bounds_and_are_spread_over_them() {
        let (shortest, longest) = (Duration::from_secs(10), Duration::from_secs(20));
        let mut jitter = Jitter::new(7);
        let times: Vec<_> = (0..1_000).map(|_| jitter.between(shortest, longest)).collect();
        assert!(times.iter().all(|time| (shortest..=longest).contains(time)));
        let early = times.iter().filter(|time| **time < Duration::from_secs(15)).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
        assert_eq!(jitter.between(longest, shortest), longest, "a wrong order is not a panic");
    }
}
