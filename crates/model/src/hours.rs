//! Availability and latency of a bucket by hour of a UTC day, as one node saw it: compact to store, because a row is
//! written with every probe.

use std::fmt::Write as _;

use crate::latency::LatencyHistogram;
use crate::uptime::{ProbeSample, Span};

/// How many days have hours: today and the seven days before it, so that the last 168 hours are always complete.
pub const DAYS_WITH_HOURS: i64 = 8;

/// What one node saw of a bucket in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HourRecord {
    /// Observed time, in milliseconds.
    pub observed_ms: i64,
    /// Observed time in which the bucket was offline, in milliseconds.
    pub offline_ms: i64,
    /// Number of probes that ended in the hour.
    pub probes: i64,
    /// Number of failed probes.
    pub failures: i64,
    /// Median latency of the successful probes, in milliseconds; `None` if there were none.
    pub median_ms: Option<u32>,
    /// 99th percentile of that latency, in milliseconds; `None` if there were none.
    pub p99_ms: Option<u32>,
}

impl HourRecord {
    /// The share of the observed time in which the bucket was online, in percent; `None` if nothing was observed.
    pub fn online_percent(&self) -> Option<f64> {
        let online_ms = self.observed_ms - self.offline_ms;
        (self.observed_ms > 0).then(|| online_ms as f64 * 100.0 / self.observed_ms as f64)
    }

    fn observe(&mut self, span: Span) {
        self.observed_ms += span.observed_us / 1_000;
        self.offline_ms += (span.observed_us - span.online_us) / 1_000;
    }
}

/// The hours of one UTC day that have data.
///
/// Only the latest hour has a histogram of latencies, so an earlier hour's median and 99th percentile are final. If a
/// node's clock was ahead and is set back, probes in an hour that is over count without their latency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DayHours {
    /// In ascending order of the hour.
    hours: Vec<(u8, HourRecord)>,
    /// The latencies of the last entry.
    latencies: LatencyHistogram,
}

/// The text is not the stored form of hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the hours of a day: expected `hour:` and six numbers per hour, then a histogram")]
pub struct NotHours;

impl DayHours {
    /// Counts a probe that ended in this hour.
    pub fn count(&mut self, hour: u8, sample: &ProbeSample) {
        let latency = sample.latency_ms.filter(|_| sample.failure.is_none());
        let is_latest = self.hours.last().is_none_or(|(last, _)| *last <= hour);
        let record = self.hour(hour);
        record.probes += 1;
        record.failures += i64::from(latency.is_none());
        if let Some(latency) = latency.filter(|_| is_latest) {
            self.latencies.record(latency);
        }
    }

    /// Adds observed time of this day.
    pub fn observe(&mut self, span: Span) {
        self.hour(span.hour).observe(span);
    }

    /// The records, in ascending order of the hour.
    pub fn records(&self) -> impl Iterator<Item = (u8, HourRecord)> + '_ {
        let last = self.hours.len().saturating_sub(1);
        self.hours.iter().enumerate().map(move |(index, (hour, record))| {
            let latest = if index == last { self.with_latencies(*record) } else { *record };
            (*hour, latest)
        })
    }

    /// The hour's record. If it is later than all others, the hour before it becomes final.
    fn hour(&mut self, hour: u8) -> &mut HourRecord {
        let at = self.hours.partition_point(|(other, _)| *other < hour);
        if self.hours.get(at).is_none_or(|(found, _)| *found != hour) {
            if at == self.hours.len() {
                if let Some((last, record)) = self.hours.pop() {
                    let record = self.with_latencies(record);
                    self.hours.push((last, record));
                }
                self.latencies = LatencyHistogram::default();
            }
            self.hours.insert(at, (hour, HourRecord::default()));
        }
        &mut self.hours[at].1
    }

    fn with_latencies(&self, record: HourRecord) -> HourRecord {
        let (median_ms, p99_ms) = (self.latencies.percentile(50), self.latencies.percentile(99));
        HourRecord { median_ms, p99_ms, ..record }
    }

    /// The stored form: `hour:observed,offline,probes,failures,median,p99` per hour, separated by spaces, then a
    /// semicolon and the histogram of the last hour.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(32 * self.hours.len() + 64);
        for (index, (hour, record)) in self.hours.iter().enumerate() {
            let HourRecord { observed_ms, offline_ms, probes, failures, median_ms, p99_ms } = record;
            let separator = if index == 0 { "" } else { " " };
            // Writing to a string can't fail.
            let _ = write!(text, "{separator}{hour}:{observed_ms},{offline_ms},{probes},{failures},");
            if let (Some(median), Some(p99)) = (median_ms, p99_ms) {
                let _ = write!(text, "{median},{p99}");
            } else {
                text.push(',');
            }
        }
        text.push(';');
        text.push_str(&self.latencies.to_text());
        text
    }

    /// Parses the output of [`Self::to_text`].
    pub fn from_text(text: &str) -> Result<Self, NotHours> {
        let (hours, latencies) = text.split_once(';').ok_or(NotHours)?;
        // Thousands of these are in memory at the same time.
        let mut read = Vec::with_capacity(hours.split_ascii_whitespace().count());
        for one in hours.split_ascii_whitespace() {
            let (hour, numbers) = one.split_once(':').ok_or(NotHours)?;
            let hour: u8 = hour.parse().map_err(|_| NotHours)?;
            if hour > 23 || read.last().is_some_and(|(last, _)| *last >= hour) {
                return Err(NotHours);
            }
            read.push((hour, record(numbers)?));
        }
        let latencies = LatencyHistogram::from_text(latencies).map_err(|_| NotHours)?;
        Ok(Self { hours: read, latencies })
    }
}

fn record(text: &str) -> Result<HourRecord, NotHours> {
    let mut numbers = text.split(',');
    let mut next = || numbers.next().ok_or(NotHours);
    let whole = |text: &str| text.parse::<i64>().map_err(|_| NotHours);
    let latency = |text: &str| -> Result<Option<u32>, NotHours> {
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| NotHours) }
    };
    let record = HourRecord {
        observed_ms: whole(next()?)?,
        offline_ms: whole(next()?)?,
        probes: whole(next()?)?,
        failures: whole(next()?)?,
        median_ms: latency(next()?)?,
        p99_ms: latency(next()?)?,
    };
    if numbers.next().is_some() { Err(NotHours) } else { Ok(record) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::CheckCode;
    use crate::status::{ProbeFailure, ProbedStatus};
    use crate::time::{Day, from_micros};

    fn sample(latency_ms: Option<u32>) -> ProbeSample {
        let failure = ProbeFailure { code: CheckCode::ConnectionRefused, message: "nothing listens".into() };
        ProbeSample {
            at: from_micros(0),
            status: ProbedStatus::Online,
            latency_ms,
            failure: latency_ms.is_none().then_some(failure),
            version: None,
        }
    }

    fn span(hour: u8, observed_us: i64, online_us: i64) -> Span {
        Span { day: Day::of(from_micros(0)), hour, observed_us, online_us }
    }

    #[test]
    fn an_hour_has_its_share_online_and_its_latencies() {
        let mut hours = DayHours::default();
        for latency in [Some(10), None, Some(12), Some(14)] {
            hours.count(3, &sample(latency));
        }
        hours.observe(span(3, 60_000_000, 60_000_000));
        hours.observe(span(3, 60_000_000, 0));
        let records: Vec<_> = hours.records().collect();
        let expected = HourRecord {
            observed_ms: 120_000,
            offline_ms: 60_000,
            probes: 4,
            failures: 1,
            median_ms: Some(12),
            p99_ms: Some(14),
        };
        assert_eq!(records, [(3, expected)]);
        assert_eq!(records[0].1.online_percent(), Some(50.0));
        assert_eq!(HourRecord::default().online_percent(), None);
    }

    #[test]
    fn an_hour_that_is_over_keeps_its_percentiles() {
        let mut hours = DayHours::default();
        hours.count(3, &sample(Some(10)));
        hours.observe(span(4, 1_000, 1_000));
        hours.count(4, &sample(Some(7)));
        // The clock was ahead: the probe counts, and its latency isn't mixed into another hour.
        hours.count(3, &sample(Some(500)));
        hours.count(1, &sample(None));
        let latencies: Vec<_> =
            hours.records().map(|(hour, one)| (hour, one.probes, one.failures, one.median_ms)).collect();
        assert_eq!(latencies, [(1, 1, 1, None), (3, 2, 0, Some(10)), (4, 1, 0, Some(7))]);
    }

    #[test]
    fn the_stored_text_reads_back_and_is_short() {
        let mut hours = DayHours::default();
        assert_eq!(DayHours::from_text(&hours.to_text()), Ok(hours.clone()));
        for hour in 0..24 {
            hours.observe(span(hour, 3_599_980_000, 3_599_980_000));
            for latency in [Some(20), Some(35), None] {
                hours.count(hour, &sample(latency));
            }
            assert_eq!(DayHours::from_text(&hours.to_text()), Ok(hours.clone()));
        }
        assert!(hours.to_text().len() < 700, "{}", hours.to_text().len());
        for wrong in [
            "",
            "1:2",
            "24:0,0,0,0,,;",
            "2:0,0,0,0,,;x",
            "2:0,0,0,0,,,;",
            "2:0,0,0,0,;",
            "2:0,0,0,0,, 2:0,0,0,0,,;",
        ] {
            assert_eq!(DayHours::from_text(wrong), Err(NotHours), "{wrong}");
        }
    }
}
