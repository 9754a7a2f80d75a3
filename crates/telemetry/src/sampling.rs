//! Which requests are traced: a share of all, and those whose callers ask for it, up to a rate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How many traces callers can demand per second. They decide by themselves which of their requests are traced, and
/// a client that traces everything must not cost more than that.
pub(crate) const DEMANDED_PER_SECOND: u32 = 100;

/// Decides which requests are traced.
#[derive(Debug)]
pub(crate) struct Sampling {
    /// A request is traced if its random number is below.
    threshold: u64,
    random: AtomicU64,
    /// The current second, and how many traces callers have demanded in it.
    demanded: Mutex<(Instant, u32)>,
}

impl Sampling {
    /// Traces a share of all requests, from 0 to 1.
    pub(crate) fn new(ratio: f64, seed: u64) -> Self {
        // A ratio of 1 becomes the largest number, which no random number reaches except by a chance of 2^-64.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and the largest number"
        )]
        let threshold = (ratio.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
        Self { threshold, random: AtomicU64::new(seed), demanded: Mutex::new((Instant::now(), 0)) }
    }

    /// Whether a request is traced whose caller says nothing about it.
    pub(crate) fn takes(&self) -> bool {
        self.threshold > 0 && self.next_random() < self.threshold
    }

    /// Whether a request is traced whose caller asks for it.
    pub(crate) fn grants(&self, now: Instant) -> bool {
        let mut demanded = self.demanded.lock();
        let (began, count) = &mut *demanded;
        if now.duration_since(*began) >= Duration::from_secs(1) {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= DEMANDED_PER_SECOND
    }

    /// SplitMix64: each number takes one addition to shared memory, and its bits pass tests of randomness. Ids come from
    /// the operating system instead.
    fn next_random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.random.fetch_add(STEP, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_share_of_requests_is_traced() {
        for (ratio, least, most) in
            [(0.0, 0, 0), (0.01, 850, 1_150), (0.5, 49_000, 51_000), (1.0, 100_000, 100_000)]
        {
            let sampling = Sampling::new(ratio, 7);
            let traced = (0..100_000).filter(|_| sampling.takes()).count();
            assert!((least..=most).contains(&traced), "{ratio}: {traced}");
        }
        assert!(!Sampling::new(f64::NAN, 7).takes());
    }

    #[tokio::test(start_paused = true)]
    async fn callers_demand_a_limited_number_of_traces() {
        let sampling = Sampling::new(0.0, 7);
        let granted = |now| (0..1_000).filter(|_| sampling.grants(now)).count();
        let now = Instant::now();
        assert_eq!(granted(now), DEMANDED_PER_SECOND as usize);
        assert_eq!(granted(now + Duration::from_millis(999)), 0);
        assert_eq!(granted(now + Duration::from_secs(1)), DEMANDED_PER_SECOND as usize);
    }
}
