//! The invented past of the demo's buckets: probes and traffic of some weeks, so that there is something to look at.
//!
//! The same demo has the same past on every run, relative to the time of its start.

use bucketry_model::diagnosis::CheckCode;
use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::splitmix::{STEP, mix};
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::usage::UsageRow;
use jiff::{SignedDuration, Timestamp};

/// How many days the past has.
pub(crate) const DAYS: i64 = 30;
/// Seconds between two invented probes of a bucket.
pub(crate) const PROBE_SECONDS: i64 = 1_800;

const HOUR: i64 = 3_600;
const MINUTE: i64 = 60;

/// Traffic in each hour of a day (UTC), in percent of the busiest.
const HOURS_OF_DAY: [u64; 24] =
    [22, 16, 12, 10, 10, 14, 24, 42, 66, 86, 98, 100, 96, 92, 97, 100, 98, 90, 76, 68, 62, 52, 42, 30];
/// Traffic on a Saturday or Sunday, in percent of that on other days.
const WEEKEND: u64 = 45;

/// A time in which a bucket was down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PastOutage {
    /// Minutes before the demo's start.
    pub(crate) began: i64,
    /// Minutes. `None` if it hasn't ended.
    pub(crate) lasted: Option<i64>,
    pub(crate) code: CheckCode,
    pub(crate) message: &'static str,
}

/// How a bucket behaved.
#[derive(Debug)]
pub(crate) struct PastProfile {
    /// The usual latency of a probe, in milliseconds.
    pub(crate) latency_ms: u32,
    pub(crate) outages: &'static [PastOutage],
    /// Requests in the busiest hour. 0 for a bucket that nobody used.
    pub(crate) requests: u64,
    /// The mean size of an object, in bytes.
    pub(crate) object_bytes: u64,
}

/// A registered bucket, and how it behaved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PastBucket {
    pub(crate) id: BucketId,
    /// The repository that its traffic came through.
    pub(crate) repo_id: Option<RepoId>,
    pub(crate) profile: &'static PastProfile,
}

impl PastBucket {
    /// A number that looks random, and is the same for the same bucket (by its position) and `at`.
    fn number(position: usize, at: i64) -> u64 {
        let seed = (position as u64 + 1).wrapping_mul(0x5851_f42d_4c95_7f2d);
        mix(seed.wrapping_add(at.unsigned_abs().wrapping_mul(STEP)))
    }

    fn outage_at(&self, ago: i64) -> Option<&'static PastOutage> {
        let is_in = |outage: &&PastOutage| {
            let ended = outage.lasted.map_or(i64::MIN, |lasted| outage.began - lasted);
            ago <= outage.began * MINUTE && (outage.lasted.is_none() || ago > ended * MINUTE)
        };
        self.profile.outages.iter().find(is_in)
    }

    /// The probe that ended `ago` seconds before the demo's start.
    fn probe(&self, position: usize, ago: i64, now: Timestamp) -> BucketStatus {
        let at = now.checked_sub(SignedDuration::from_secs(ago)).unwrap_or(now);
        let outage = self.outage_at(ago);
        let failure =
            outage.map(|outage| ProbeFailure { code: outage.code, message: outage.message.to_owned() });
        let number = Self::number(position, ago);
        // Most probes take about as long as usual; one in forty takes much longer.
        let percent = if number.is_multiple_of(40) { 300 + number % 300 } else { 80 + number % 60 };
        let latency = u64::from(self.profile.latency_ms) * percent / 100;
        BucketStatus {
            bucket_id: self.id,
            status: if outage.is_some() { ProbedStatus::Offline } else { ProbedStatus::Online },
            latency_ms: outage.is_none().then(|| u32::try_from(latency).unwrap_or(u32::MAX)),
            created_at: at,
            failure,
            version: Some(bucketry_model::bucket::FIRST_VERSION),
        }
    }

    /// The traffic of the hour that began at `start`, in Unix seconds, as one minute. `None` without any.
    fn traffic(&self, position: usize, start: i64, now: i64) -> Option<UsageRow> {
        let number = Self::number(position, start);
        let minute = start + i64::try_from(number % 60).unwrap_or_default() * MINUTE;
        let hour = usize::try_from(start.rem_euclid(24 * HOUR) / HOUR).unwrap_or_default();
        // The first day of Unix time was a Thursday.
        let weekday = (start.div_euclid(24 * HOUR) + 4).rem_euclid(7);
        let weekend = if weekday == 0 || weekday == 6 { WEEKEND } else { 100 };
        let share = HOURS_OF_DAY.get(hour).copied().unwrap_or_default() * weekend * (70 + number % 60);
        let requests = self.profile.requests * share / 1_000_000;
        if requests == 0 || minute > now - MINUTE {
            return None;
        }
        let is_down = self.outage_at(now - minute).is_some();
        let errors = if is_down { requests } else { requests * (number % 5) / 1_000 };
        let (writes, lists) = (requests * 18 / 100, requests * 7 / 100);
        let reads = requests - writes - lists;
        let size = self.profile.object_bytes * (80 + number % 40) / 100;
        let served = |count: u64| if is_down { 0 } else { count * size };
        let latency = u64::from(self.profile.latency_ms) * (90 + number % 40) / 100;
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Some(UsageRow {
            requests: count(requests),
            errors: count(errors),
            reads: count(reads),
            writes: count(writes),
            lists: count(lists),
            provider_errors: count(if is_down { errors } else { 0 }),
            upload_bytes: served(writes),
            download_bytes: served(reads),
            size_change: i64::try_from(served(writes) * 6 / 10).unwrap_or(i64::MAX),
            latency_sum_ms: requests * (latency * 3 / 2 + 2),
            first_byte_sum_ms: requests * latency,
            ..UsageRow::empty(minute, self.id, self.repo_id)
        })
    }
}

/// The probes of all buckets, oldest first. Each change of a status has a probe at its time.
pub(crate) fn probes(buckets: &[PastBucket], now: Timestamp) -> Vec<BucketStatus> {
    let mut all = Vec::new();
    for (position, bucket) in buckets.iter().enumerate() {
        let mut times: Vec<i64> = (0..DAYS * 24 * HOUR / PROBE_SECONDS)
            // A second before now at the latest, so that the first real probe is later.
            .map(|step| step * PROBE_SECONDS + 1)
            .collect();
        for outage in bucket.profile.outages {
            times.push(outage.began * MINUTE);
            times.extend(outage.lasted.map(|lasted| (outage.began - lasted) * MINUTE));
        }
        all.extend(times.into_iter().map(|ago| bucket.probe(position, ago, now)));
    }
    all.sort_by_key(|probe| probe.created_at);
    all
}

/// The traffic of all buckets, oldest first.
pub(crate) fn traffic(buckets: &[PastBucket], now: Timestamp) -> Vec<UsageRow> {
    let now = now.as_second();
    let this_hour = now.div_euclid(HOUR) * HOUR;
    let mut rows = Vec::new();
    for hour in (0..DAYS * 24).rev() {
        let start = this_hour - hour * HOUR;
        let of_bucket = |(position, bucket): (usize, &PastBucket)| bucket.traffic(position, start, now);
        rows.extend(buckets.iter().enumerate().filter_map(of_bucket));
    }
    rows
}

#[cfg(test)]
mod tests {
    use bucketry_model::node_protocol::MAX_BATCH;
    use bucketry_model::time::from_micros;

    use super::*;

    static PROFILE: PastProfile = PastProfile {
        latency_ms: 20,
        outages: &[
            PastOutage {
                began: 5_000,
                lasted: Some(40),
                code: CheckCode::ProviderError,
                message: "It failed.",
            },
            PastOutage { began: 90, lasted: None, code: CheckCode::SecretWrong, message: "Wrong." },
        ],
        requests: 900,
        object_bytes: 100_000,
    };

    fn bucket() -> PastBucket {
        PastBucket { id: BucketId::new(from_micros(0), [1; 10]), repo_id: None, profile: &PROFILE }
    }

    fn now() -> Timestamp {
        "2026-03-04T15:20:30Z".parse().unwrap()
    }

    #[test]
    fn probes_are_in_the_past_in_order_and_change_their_status_when_outages_begin_and_end() {
        let probes = probes(&[bucket()], now());
        assert!(probes.is_sorted_by_key(|probe| probe.created_at));
        assert!(probes.last().is_some_and(|last| last.created_at < now()));
        let changes: Vec<_> = probes
            .windows(2)
            .filter(|pair| pair[0].status != pair[1].status)
            .map(|pair| (now().duration_since(pair[1].created_at).as_mins(), pair[1].status))
            .collect();
        let expected =
            [(5_000, ProbedStatus::Offline), (4_960, ProbedStatus::Online), (90, ProbedStatus::Offline)];
        assert_eq!(changes, expected);
        assert!(probes.iter().all(|probe| probe.failure.is_some() == probe.latency_ms.is_none()));
    }

    #[test]
    fn traffic_is_sane_ends_now_and_fits_a_batch_for_all_buckets() {
        let rows = traffic(&[bucket(); 3], now());
        assert!(rows.iter().all(UsageRow::is_sane));
        assert!(rows.iter().all(|row| row.minute < now().as_second()));
        assert!(rows.len() > 1_000 && rows.len() <= MAX_BATCH, "{}", rows.len());
    }
}
