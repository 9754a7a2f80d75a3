//! What an overview shows: how many buckets have each status, which are the busiest, and sums of traffic for charts.
//!
//! Counting takes longer the more buckets there are, so counts are remembered. Nobody waits for long for a newer one: a count
//! that is some seconds old is returned while a task makes the next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::latency::LatencyHistogram;
use bucketry_model::role::{Caller, Visibility, WorkspaceRole};
use bucketry_model::time::Day;
use bucketry_model::usage::{Resolution, UsageCounts};
use bucketry_store::bucket::BucketQuery;
use bucketry_store::overview::{BucketCounts, HourSum, StoredSum};
use jiff::Timestamp;
use parking_lot::Mutex;
use quick_cache::sync::Cache;

use crate::traffic::{PricedPoint, SeriesInput};
use crate::{Control, Result};

/// How long counts are current.
const CURRENT: Duration = Duration::from_secs(5);
/// How long counts are current at least, in multiples of the time that it took to make them.
const PAUSE: u32 = 20;
/// Older counts than this are not shown if newer ones take no longer than [`QUICK`].
const OLD: Duration = Duration::from_secs(30);
/// The same for an overview without buckets: a user who has just added the first one looks for it.
const OLD_IF_EMPTY: Duration = Duration::from_secs(2);
/// How long somebody can wait for newer counts.
const QUICK: Duration = Duration::from_millis(300);
/// For how many sets of workspaces counts are remembered.
const REMEMBERED: usize = 1_000;
/// How many of the busiest buckets are found.
const BUSIEST: u32 = 6;
/// The probes of how many buckets are summed up for the latency. A sample of this size has the percentiles of all.
const LATENCY_SAMPLE: u32 = 200;
/// The longest range of hours of one bucket, in days.
const MOST_DAYS_OF_HOURS: i64 = 8;
/// Points of a series that are read at once.
const POINTS_AT_ONCE: u32 = 1_000;
/// The most points of a series that are summed up.
const MOST_POINTS: usize = 100_000;

/// What an overview shows of the caller's buckets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// How many buckets have each status.
    pub buckets: BucketCounts,
    /// How full the buckets are that have been measured.
    pub stored: StoredSum,
    /// The buckets with the most traffic yesterday and today (UTC), the busiest first, with that traffic. Some may have been
    /// deleted.
    pub busiest: Vec<(BucketId, UsageCounts)>,
    /// The traffic of the last 24 hours, by hour, the earliest first.
    pub hours: Vec<TrafficPeriod>,
    /// The traffic of the last 30 days (UTC), by day, the earliest first.
    pub days: Vec<TrafficPeriod>,
    /// How long probes took yesterday and today (UTC). `None` if none succeeded.
    pub latency: Option<ProbeLatency>,
}

/// How long the successful probes of a period took, of at most the newest 200 buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeLatency {
    /// The median, in milliseconds.
    pub median_ms: u32,
    /// 99 % took at most this long, in milliseconds.
    pub p99_ms: u32,
}

/// An overview, and whether a newer one is being made.
#[derive(Clone)]
struct RememberedOverview {
    overview: Arc<Overview>,
    made_at: Instant,
    /// How long it took to make it.
    took: Duration,
    next_at: Instant,
}

impl RememberedOverview {
    /// Whether it would mislead, and a newer one is worth waiting for.
    fn is_too_old(&self, now: Instant) -> bool {
        let old = if self.overview.buckets.total() == 0 { OLD_IF_EMPTY } else { OLD };
        self.took <= QUICK && now.duration_since(self.made_at) > old
    }
}

/// Overviews by what they show.
pub(crate) struct OverviewCache {
    known: Cache<(OrgId, Visibility), RememberedOverview>,
    under_way: Mutex<std::collections::HashSet<(OrgId, Visibility)>>,
}

impl Default for OverviewCache {
    fn default() -> Self {
        Self { known: Cache::new(REMEMBERED), under_way: Mutex::default() }
    }
}

/// The traffic of one period of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrafficPeriod {
    /// The start of the hour or day.
    pub at: Timestamp,
    /// Zeros if there was no traffic.
    pub counts: UsageCounts,
}

/// The length of the periods of a chart, and how many end with the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartRange {
    /// The last hours.
    Hours(i64),
    /// The last days, in UTC.
    Days(i64),
}

impl Control {
    /// Returns what an overview shows of the buckets that the caller may see. It may be some seconds old.
    pub async fn overview(&self, caller: &Caller) -> Result<Arc<Overview>> {
        let key = (caller.org_id, caller.visibility());
        let cache = Arc::clone(&self.inner.overviews);
        let Some(known) = cache.known.get(&key) else {
            return self.make_overview(key).await;
        };
        if known.is_too_old(Instant::now()) {
            return self.make_overview(key).await;
        }
        if Instant::now() >= known.next_at && cache.under_way.lock().insert(key.clone()) {
            let control = self.clone();
            tokio::spawn(async move {
                if let Err(error) = control.make_overview(key.clone()).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "an overview could not be computed"
                    );
                }
                cache.under_way.lock().remove(&key);
            });
        }
        Ok(known.overview)
    }

    async fn make_overview(&self, key: (OrgId, Visibility)) -> Result<Arc<Overview>> {
        let started = Instant::now();
        let (org_id, visible) = &key;
        let connected = self.connected_node_ids().await?;
        let yesterday = Day::from_number(Day::of(self.inner.environment.now()).number() - 1);
        let overview = Arc::new(Overview {
            buckets: self.inner.store.count_buckets(*org_id, visible, &connected).await?,
            stored: self.inner.store.stored_sum(*org_id, visible).await?,
            busiest: self.inner.store.busiest_buckets(*org_id, visible, yesterday, BUSIEST).await?,
            hours: self.visible_traffic(&key, ChartRange::Hours(24)).await?,
            days: self.visible_traffic(&key, ChartRange::Days(30)).await?,
            latency: self.probe_latency(&key, yesterday).await?,
        });
        let now = Instant::now();
        let took = now - started;
        let next_at = now + CURRENT.max(took * PAUSE);
        let remembered = RememberedOverview { overview: Arc::clone(&overview), made_at: now, took, next_at };
        self.inner.overviews.known.insert(key, remembered);
        Ok(overview)
    }

    async fn probe_latency(
        &self,
        (org_id, visible): &(OrgId, Visibility),
        since: Day,
    ) -> Result<Option<ProbeLatency>> {
        let (org_id, visible) = (*org_id, visible.clone());
        let query = BucketQuery { org_id, visible, after: None, limit: LATENCY_SAMPLE };
        let sample = self.inner.store.buckets(&query).await?;
        let ids: Vec<BucketId> = sample.iter().map(|one| one.bucket.id).collect();
        let last = Day::from_number(since.number() + 1);
        let mut latencies = LatencyHistogram::default();
        for day in self.inner.store.day_records_between(&ids, since, last).await? {
            latencies.merge(&day.record.latencies);
        }
        let percentiles = latencies.percentile(50).zip(latencies.percentile(99));
        Ok(percentiles.map(|(median_ms, p99_ms)| ProbeLatency { median_ms, p99_ms }))
    }

    async fn visible_traffic(
        &self,
        (org_id, visible): &(OrgId, Visibility),
        range: ChartRange,
    ) -> Result<Vec<TrafficPeriod>> {
        let (first, last, step) = range.seconds(self.inner.environment.now());
        let sums = self.inner.store.traffic_hours(*org_id, visible, first, last + step - 1).await?;
        Ok(periods(&sums, first, last, step))
    }

    /// Returns the traffic of one bucket by hour or day, earliest first and without gaps. Hours are available for a week.
    pub async fn bucket_traffic_chart(
        &self,
        caller: &Caller,
        id: BucketId,
        range: ChartRange,
    ) -> Result<Vec<TrafficPeriod>> {
        self.reach_bucket(caller, id, WorkspaceRole::Read).await?;
        let (first, last, step) = range.seconds(self.inner.environment.now());
        let sums = match range {
            ChartRange::Hours(_) => {
                let first = first.max(last - MOST_DAYS_OF_HOURS * 86_400);
                self.inner.store.traffic_hours_of_bucket(id, first, last + step - 1).await?
            }
            ChartRange::Days(_) => self.traffic_days_of(caller, id, first).await?,
        };
        Ok(periods(&sums, first, last, step))
    }

    async fn traffic_days_of(&self, caller: &Caller, id: BucketId, first: i64) -> Result<Vec<HourSum>> {
        let input = SeriesInput {
            resolution: Resolution::Day,
            from: Timestamp::from_second(first).ok(),
            until: None,
            workspace: None,
            buckets: Some(vec![id]),
            repositories: None,
            hosts: Vec::new(),
        };
        let series = self.series(caller, input).await?;
        let (mut sums, mut after, mut read) = (Vec::new(), None, 0);
        loop {
            let page = self.series_page(&series, after, POINTS_AT_ONCE).await?;
            read += page.len();
            after = page.last().map(|one| one.point.position);
            let is_last = page.len() < POINTS_AT_ONCE as usize || read >= MOST_POINTS;
            sums.extend(
                page.iter()
                    .map(|PricedPoint { point, .. }| HourSum { at: point.position.at, counts: point.counts }),
            );
            if is_last {
                return Ok(sums);
            }
        }
    }
}

impl ChartRange {
    /// The starts of the first and the last period and the length of each, in Unix seconds and seconds.
    fn seconds(self, now: Timestamp) -> (i64, i64, i64) {
        let (count, step) = match self {
            Self::Hours(count) => (count, 3_600),
            Self::Days(count) => (count, 86_400),
        };
        let last = now.as_second().div_euclid(step) * step;
        (last - (count.max(1) - 1) * step, last, step)
    }
}

/// Every period of the range, with the sums that lie in it.
fn periods(sums: &[HourSum], first: i64, last: i64, step: i64) -> Vec<TrafficPeriod> {
    let empty = |at| TrafficPeriod {
        at: Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH),
        counts: UsageCounts::default(),
    };
    let mut periods: Vec<TrafficPeriod> =
        (0..=(last - first) / step).map(|index| empty(first + index * step)).collect();
    for sum in sums {
        let index = usize::try_from((sum.at - first).div_euclid(step)).ok();
        if let Some(period) = index.and_then(|index| periods.get_mut(index)) {
            period.counts.merge(&sum.counts);
        }
    }
    periods
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(at: i64, requests: i64) -> HourSum {
        HourSum { at, counts: UsageCounts { requests, ..UsageCounts::default() } }
    }

    #[test]
    fn counts_that_would_mislead_are_made_again_while_somebody_waits_if_that_is_quick() {
        let made_at = Instant::now();
        let remembered = |online: u64, took: u64| {
            let buckets = BucketCounts { online, ..BucketCounts::default() };
            let overview = Arc::new(Overview { buckets, ..Overview::default() });
            RememberedOverview { overview, made_at, took: Duration::from_millis(took), next_at: made_at }
        };
        let after = |seconds| made_at + Duration::from_secs(seconds);
        assert!(!remembered(5, 1).is_too_old(after(10)) && remembered(5, 1).is_too_old(after(3_600)));
        assert!(!remembered(0, 1).is_too_old(after(1)) && remembered(0, 1).is_too_old(after(10)));
        assert!(!remembered(5, 5_000).is_too_old(after(3_600)), "nobody waits for seconds");
    }

    #[test]
    fn a_chart_has_a_period_for_each_hour_or_day_up_to_now() {
        let now: Timestamp = "2026-03-31T10:20:30Z".parse().unwrap();
        let (first, last, step) = ChartRange::Hours(24).seconds(now);
        assert_eq!((last - first, step), (23 * 3_600, 3_600));
        let sums =
            [sum(first - 1, 1), sum(first, 2), sum(first + 3_599, 3), sum(last, 4), sum(last + 3_600, 5)];
        let chart = periods(&sums, first, last, step);
        assert_eq!(chart.len(), 24);
        assert_eq!((chart[0].counts.requests, chart[23].counts.requests), (5, 4));
        assert_eq!(chart.iter().map(|period| period.counts.requests).sum::<i64>(), 9);
        let (first, last, step) = ChartRange::Days(30).seconds(now);
        assert_eq!(periods(&[], first, last, step).len(), 30);
        assert_eq!(Timestamp::from_second(last).unwrap().to_string(), "2026-03-31T00:00:00Z");
    }
}
