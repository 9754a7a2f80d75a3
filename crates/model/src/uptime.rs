//! Uptime from probes: weighted by time, by UTC day, and only counting time that a node observed.

use jiff::{SignedDuration, Timestamp};

use crate::latency::LatencyHistogram;
use crate::status::{ProbeFailure, ProbedStatus};
use crate::time::{Day, from_micros};

/// One probe of a bucket by a node, and the resulting status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSample {
    /// End of the probe.
    pub at: Timestamp,
    /// Status after this probe; a single failure leaves it ONLINE.
    pub status: ProbedStatus,
    /// Duration of the probe in milliseconds; `None` if it failed.
    pub latency_ms: Option<u32>,
    /// Why the probe failed; `None` if it succeeded.
    pub failure: Option<ProbeFailure>,
    /// Version of the bucket that was probed, if known. Day records don't store it.
    pub version: Option<i64>,
}

/// The time and status of the previous sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// Time of the sample.
    pub at: Timestamp,
    /// Status since then.
    pub status: ProbedStatus,
}

/// One node's record of one day of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DayRecord {
    /// Observed time, in microseconds.
    pub observed_us: i64,
    /// Observed time in which the bucket was online, in microseconds.
    pub online_us: i64,
    /// Number of probes that ended on the day.
    pub probes: i64,
    /// Number of failed probes.
    pub failures: i64,
    /// Sum of the latencies of the successful probes, in milliseconds.
    pub latency_sum_ms: i64,
    /// Distribution of the latencies of the successful probes.
    pub latencies: LatencyHistogram,
    /// Last sample of the day.
    pub last: Option<ProbeSample>,
    /// Last failure of the day.
    pub last_failure: Option<ProbeFailure>,
}

impl DayRecord {
    /// The share of the observed time in which the bucket was online, in percent. With a single probe there is no
    /// observed time yet, so its outcome decides.
    pub fn uptime_percent(&self) -> f64 {
        if self.observed_us > 0 {
            return self.online_us as f64 * 100.0 / self.observed_us as f64;
        }
        match &self.last {
            Some(sample) if sample.status == ProbedStatus::Online => 100.0,
            _ => 0.0,
        }
    }

    /// Mean latency of the successful probes, in milliseconds; 0 if none succeeded.
    pub fn average_latency_ms(&self) -> f64 {
        let successes = self.probes - self.failures;
        if successes > 0 { self.latency_sum_ms as f64 / successes as f64 } else { 0.0 }
    }

    /// Counts a probe that ended on this day.
    pub fn count(&mut self, sample: &ProbeSample) {
        self.probes += 1;
        match (sample.latency_ms, &sample.failure) {
            (Some(latency), None) => {
                self.latency_sum_ms += i64::from(latency);
                self.latencies.record(latency);
            }
            (_, failure) => {
                self.failures += 1;
                self.last_failure.clone_from(failure);
            }
        }
        self.last = Some(sample.clone());
    }

    /// Adds observed time.
    pub fn observe(&mut self, span: Span) {
        self.observed_us += span.observed_us;
        self.online_us += span.online_us;
    }
}

/// Observed time within one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// In UTC.
    pub day: Day,
    /// The hour of the day, from 0 to 23.
    pub hour: u8,
    /// Observed microseconds.
    pub observed_us: i64,
    /// Microseconds in which the bucket was online.
    pub online_us: i64,
}

/// The longest time between two probes that counts as observed, for a node that probes every `interval`. A longer
/// gap means that the node was disconnected, stopped or asleep, so the state of the bucket is unknown.
pub fn longest_gap(interval: SignedDuration) -> SignedDuration {
    (interval * 5 / 2).max(SignedDuration::from_secs(5))
}

/// Microseconds in an hour.
const HOUR_US: i64 = 3_600_000_000;

/// The hour of the day that contains a time, in UTC.
pub fn hour_of(time: Timestamp) -> u8 {
    u8::try_from(time.as_microsecond().div_euclid(HOUR_US).rem_euclid(24)).unwrap_or_default()
}

/// The observed time that a new sample at `now` completes: from the previous sample, with its status, split at every
/// full hour. Empty without a previous sample, for samples out of order, and if the gap is too long.
pub fn spans(before: Option<Observed>, now: Timestamp, longest_gap: SignedDuration) -> Vec<Span> {
    let Some(before) = before else { return Vec::new() };
    let gap = now.duration_since(before.at);
    if gap <= SignedDuration::ZERO || gap > longest_gap {
        return Vec::new();
    }
    let (mut from, now) = (before.at.as_microsecond(), now.as_microsecond());
    let mut spans = Vec::with_capacity(1);
    while from < now {
        let until = (from.div_euclid(HOUR_US) * HOUR_US + HOUR_US).min(now);
        let (observed_us, start) = (until - from, from_micros(from));
        let online_us = if before.status == ProbedStatus::Online { observed_us } else { 0 };
        spans.push(Span { day: Day::of(start), hour: hour_of(start), observed_us, online_us });
        from = until;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::CheckCode;

    const MINUTE: SignedDuration = SignedDuration::from_secs(60);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn online(at: Timestamp, latency_ms: u32) -> ProbeSample {
        ProbeSample {
            at,
            status: ProbedStatus::Online,
            latency_ms: Some(latency_ms),
            failure: None,
            version: None,
        }
    }

    #[test]
    fn time_between_probes_counts_at_the_status_that_held() {
        let before = Observed { at: at("2026-03-01T10:00:00Z"), status: ProbedStatus::Offline };
        let spans = spans(Some(before), at("2026-03-01T10:01:00Z"), longest_gap(MINUTE));
        assert_eq!(spans.len(), 1);
        assert_eq!((spans[0].observed_us, spans[0].online_us), (60_000_000, 0));
    }

    #[test]
    fn a_span_over_midnight_is_split() {
        let before = Observed { at: at("2026-03-01T23:59:30Z"), status: ProbedStatus::Online };
        let spans = spans(Some(before), at("2026-03-02T00:00:30Z"), longest_gap(MINUTE));
        let response: Vec<_> = spans.iter().map(|span| (span.day, span.online_us)).collect();
        assert_eq!(
            response,
            [
                (Day::parse("2026-03-01").unwrap(), 30_000_000),
                (Day::parse("2026-03-02").unwrap(), 30_000_000)
            ]
        );
    }

    #[test]
    fn a_span_over_a_full_hour_is_split() {
        let before = Observed { at: at("2026-03-01T09:59:50Z"), status: ProbedStatus::Online };
        let found = spans(Some(before), at("2026-03-01T11:00:00Z"), SignedDuration::from_hours(5));
        let response: Vec<_> = found.iter().map(|span| (span.hour, span.observed_us)).collect();
        assert_eq!(response, [(9, 10_000_000), (10, 3_600_000_000)]);
        assert_eq!((hour_of(at("1969-12-31T23:59:59Z")), hour_of(Timestamp::MIN) < 24), (23, true));
        let end = Observed { at: Timestamp::MAX - MINUTE, status: ProbedStatus::Online };
        let last = spans(Some(end), Timestamp::MAX, MINUTE);
        assert_eq!(last.iter().map(|span| span.observed_us).sum::<i64>(), 60_000_000, "the last hour ends");
    }

    #[test]
    fn a_gap_in_which_nobody_looked_counts_neither_as_up_nor_as_down() {
        let before = Observed { at: at("2026-03-01T10:00:00Z"), status: ProbedStatus::Online };
        assert!(spans(Some(before), at("2026-03-01T11:00:00Z"), longest_gap(MINUTE)).is_empty());
    }

    #[test]
    fn late_and_repeated_samples_add_no_time() {
        let before = Observed { at: at("2026-03-01T10:00:00Z"), status: ProbedStatus::Online };
        for now in ["2026-03-01T10:00:00Z", "2026-03-01T09:59:00Z"] {
            assert!(spans(Some(before), at(now), longest_gap(MINUTE)).is_empty());
        }
    }

    #[test]
    fn a_day_tells_uptime_latency_and_the_last_failure() {
        let mut day = DayRecord::default();
        day.count(&online(at("2026-03-01T10:00:00Z"), 10));
        assert!((day.uptime_percent() - 100.0).abs() < f64::EPSILON);
        day.observe(Span {
            day: Day::parse("2026-03-01").unwrap(),
            hour: 10,
            observed_us: 300,
            online_us: 100,
        });
        let failure = ProbeFailure { code: CheckCode::ConnectionRefused, message: "nothing listens".into() };
        day.count(&ProbeSample {
            at: at("2026-03-01T10:01:00Z"),
            status: ProbedStatus::Online,
            latency_ms: None,
            failure: Some(failure.clone()),
            version: None,
        });
        day.count(&online(at("2026-03-01T10:02:00Z"), 30));
        assert!((day.uptime_percent() - 33.333).abs() < 0.001);
        assert!((day.average_latency_ms() - 20.0).abs() < f64::EPSILON);
        assert_eq!((day.probes, day.failures, day.last_failure.as_ref()), (3, 1, Some(&failure)));
    }
}
