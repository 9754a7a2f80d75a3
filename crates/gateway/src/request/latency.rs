//! Histograms of latencies. Recording one costs two additions and no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bound of the first bucket. Each further bound is twice the one before it.
const FIRST_BOUND: Duration = Duration::from_micros(FIRST_MICROS);
const FIRST_MICROS: u64 = 500;
/// The number of bounds: the last one is 16.384 s.
pub const LATENCY_BOUNDS: usize = 16;

/// Counts latencies by powers of two.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// The last one counts latencies above all bounds.
    counts: [AtomicU64; LATENCY_BOUNDS + 1],
    sum_micros: AtomicU64,
}

/// The contents of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LatencyCounts {
    /// How many latencies are at most the bound of the same index and above the one before it. The last number is that of
    /// latencies above all bounds.
    pub counts: [u64; LATENCY_BOUNDS + 1],
    /// The sum of all latencies, in microseconds.
    pub sum_micros: u64,
}

impl LatencyCounts {
    /// The bounds, in seconds.
    pub fn bounds() -> [f64; LATENCY_BOUNDS] {
        std::array::from_fn(|index| FIRST_BOUND.as_secs_f64() * f64::from(1_u32 << index))
    }
}

impl Histogram {
    /// Counts a latency.
    pub(crate) fn record(&self, latency: Duration) {
        let micros = micros(latency);
        self.counts[bucket(micros)].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> LatencyCounts {
        LatencyCounts {
            counts: std::array::from_fn(|index| self.counts[index].load(Ordering::Relaxed)),
            sum_micros: self.sum_micros.load(Ordering::Relaxed),
        }
    }
}

/// Unlike `as_micros`, without arithmetic of 128 bits.
fn micros(latency: Duration) -> u64 {
    latency.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(latency.subsec_micros()))
}

/// The number of bits of the multiples of the first bound that fit below the latency: none up to the first bound, one up
/// to twice as much, and so on.
fn bucket(micros: u64) -> usize {
    let multiple = micros.saturating_sub(1) / FIRST_MICROS;
    let bits = u64::BITS - multiple.leading_zeros();
    (bits as usize).min(LATENCY_BOUNDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_counted_up_to_the_first_bound_that_is_not_less() {
        let bounds = LatencyCounts::bounds();
        assert_eq!((bounds[0], bounds[1], bounds[15]), (0.000_5, 0.001, 16.384));
        for (index, bound) in bounds.into_iter().enumerate() {
            let at = u64::try_from(Duration::from_secs_f64(bound).as_micros()).unwrap();
            assert_eq!((bucket(at), bucket(at + 1)), (index, index + 1), "{bound} s");
        }
        assert_eq!((bucket(0), bucket(u64::MAX)), (0, LATENCY_BOUNDS));
    }

    #[test]
    fn latencies_add_up() {
        let histogram = Histogram::default();
        for micros in [400, 600, 700, 20_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        histogram.record(Duration::MAX);
        let read = histogram.read();
        assert_eq!((read.counts[0], read.counts[1], read.counts[LATENCY_BOUNDS]), (1, 2, 2));
        assert_eq!(read.counts.iter().sum::<u64>(), 5);
        assert_eq!(Histogram::default().read(), LatencyCounts::default());
    }
}
