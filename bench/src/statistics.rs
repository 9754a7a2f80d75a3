//! Percentiles, and ratios of pairs.

use std::time::Duration;

use serde::Serialize;

/// Latencies of many requests, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
}

impl Latency {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let micros = |percent| {
            let at = percentile(&times, percent);
            u64::try_from(at.unwrap_or_default().as_micros()).unwrap_or(u64::MAX)
        };
        Self { p50: micros(50), p90: micros(90), p99: micros(99) }
    }
}

/// The percentile of sorted values (nearest rank).
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// The median and the range of a figure that was measured several times.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            at(middle)
        } else {
            f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
        };
        Self { median, min: at(0), max: at(values.len().wrapping_sub(1)) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.median, self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let latency = Latency::of((1..=200).rev().map(Duration::from_micros).collect());
        assert_eq!((latency.p50, latency.p90, latency.p99), (100, 180, 198));
        let one = Latency::of(vec![Duration::from_micros(7)]);
        assert_eq!((one.p50, one.p99), (7, 7));
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        let odd = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!(odd.to_string(), "2.00 (1.00–3.00)");
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).to_string(), "2.50 (1.00–4.00)");
    }
}
