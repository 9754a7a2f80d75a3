//! A histogram of latencies that is compact to store and can be merged.

/// Smaller values are counted exactly, with one bucket per millisecond.
const EXACT: u32 = 16;
/// Buckets per power of two above that, so that a value is off by at most an eighth.
const PER_OCTAVE: u32 = 8;
/// Longer latencies are counted as this one, because no probe takes longer.
const LONGEST_MS: u32 = 600_000;

/// Counts of latencies in log-linear buckets: exact below 16 ms, within 12.5 % above. It has at most about 140
/// counts, regardless of the number of latencies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LatencyHistogram {
    counts: Vec<(u16, u32)>,
}

/// The text is not a stored histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a latency histogram: expected `index:count` pairs in ascending order")]
pub struct NotAHistogram;

impl LatencyHistogram {
    /// Counts a latency.
    pub fn record(&mut self, milliseconds: u32) {
        self.add(index(milliseconds.min(LONGEST_MS)), 1);
    }

    fn add(&mut self, index: u16, count: u32) {
        match self.counts.binary_search_by_key(&index, |(index, _)| *index) {
            Ok(at) => self.counts[at].1 = self.counts[at].1.saturating_add(count),
            Err(at) => self.counts.insert(at, (index, count)),
        }
    }

    /// Adds what another histogram has counted.
    pub fn merge(&mut self, other: &Self) {
        for (index, count) in &other.counts {
            self.add(*index, *count);
        }
    }

    /// The number of recorded latencies.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// The latency that `percent` of the recorded ones don't exceed, in milliseconds (the upper end of its bucket);
    /// `None` if nothing was recorded.
    pub fn percentile(&self, percent: u32) -> Option<u32> {
        let total = self.count();
        let rank = (total * u64::from(percent.min(100))).div_ceil(100).max(1);
        let mut seen = 0;
        self.counts.iter().find_map(|(index, count)| {
            seen += u64::from(*count);
            (seen >= rank).then(|| upper_end(*index))
        })
    }

    /// The stored form: `index:count` pairs, separated by spaces.
    pub fn to_text(&self) -> String {
        let pairs: Vec<String> =
            self.counts.iter().map(|(index, count)| format!("{index}:{count}")).collect();
        pairs.join(" ")
    }

    /// Parses the output of [`Self::to_text`].
    pub fn from_text(text: &str) -> Result<Self, NotAHistogram> {
        let mut histogram = Self::default();
        for pair in text.split_ascii_whitespace() {
            let (index, count) = pair.split_once(':').ok_or(NotAHistogram)?;
            let index: u16 = index.parse().map_err(|_| NotAHistogram)?;
            let count: u32 = count.parse().map_err(|_| NotAHistogram)?;
            if histogram.counts.last().is_some_and(|(last, _)| *last >= index)
                || index > self::index(LONGEST_MS)
            {
                return Err(NotAHistogram);
            }
            histogram.counts.push((index, count));
        }
        Ok(histogram)
    }
}

fn index(milliseconds: u32) -> u16 {
    let index = if milliseconds < EXACT {
        milliseconds
    } else {
        let octave = milliseconds.ilog2();
        let within = (milliseconds >> (octave - 3)) & (PER_OCTAVE - 1);
        EXACT + (octave - 4) * PER_OCTAVE + within
    };
    u16::try_from(index).unwrap_or(u16::MAX)
}

fn upper_end(index: u16) -> u32 {
    let index = u32::from(index);
    if index < EXACT {
        return index;
    }
    let (octave, within) = ((index - EXACT) / PER_OCTAVE + 4, (index - EXACT) % PER_OCTAVE);
    ((PER_OCTAVE + within + 1) << (octave - 3)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_histograms_are_one_of_all_latencies() {
        let of = |all: &[u32]| {
            let mut histogram = LatencyHistogram::default();
            for ms in all {
                histogram.record(*ms);
            }
            histogram
        };
        let mut merged = of(&[1, 5, 700]);
        merged.merge(&of(&[5, 3_000, u32::MAX]));
        assert_eq!(merged, of(&[1, 5, 5, 700, 3_000, u32::MAX]));
        merged.merge(&LatencyHistogram::default());
        assert_eq!((merged.count(), merged.percentile(50)), (6, Some(5)));
    }

    #[test]
    fn percentiles_are_exact_for_short_latencies_and_within_an_eighth_for_long_ones() {
        let mut histogram = LatencyHistogram::default();
        for ms in 1..=10 {
            histogram.record(ms);
        }
        assert_eq!((histogram.percentile(50), histogram.percentile(99)), (Some(5), Some(10)));
        for ms in [16, 100, 999, 5_000, 123_456, 600_000] {
            let mut one = LatencyHistogram::default();
            one.record(ms);
            let response = one.percentile(50).unwrap();
            assert!(
                response >= ms && f64::from(response) <= f64::from(ms) * 1.125,
                "{ms} reported as {response}"
            );
        }
    }

    #[test]
    fn nothing_recorded_has_no_percentile() {
        assert_eq!(LatencyHistogram::default().percentile(50), None);
    }

    #[test]
    fn the_stored_text_reads_back() {
        let mut histogram = LatencyHistogram::default();
        for ms in [3, 3, 3, 70, 4_000_000_000] {
            histogram.record(ms);
        }
        assert_eq!(LatencyHistogram::from_text(&histogram.to_text()), Ok(histogram));
        assert_eq!(LatencyHistogram::from_text(""), Ok(LatencyHistogram::default()));
        for wrong in ["x", "1", "1:x", "2:1 1:1", "1:1 1:1", "60000:1"] {
            assert_eq!(LatencyHistogram::from_text(wrong), Err(NotAHistogram), "{wrong}");
        }
    }
}
