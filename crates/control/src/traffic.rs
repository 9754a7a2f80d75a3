//! Traffic by minute and by day, limited to what the caller may see.

use std::collections::{BTreeSet, HashMap};

use bucketry_model::id::{BucketId, OrgId, RepoId, WorkspaceId};
use bucketry_model::price_sheet::{BucketPrices, TrafficCost};
use bucketry_model::provider::Provider;
use bucketry_model::role::Caller;
use bucketry_model::usage::Resolution;
use bucketry_store::usage::{SeriesPoint, SeriesPosition, SeriesQuery};
use jiff::{SignedDuration, Timestamp};

use crate::{Control, Error, Result};

/// The maximum number of hosts that a request can name.
const MOST_HOSTS: usize = 1_000;
/// The maximum length of a host name, in bytes.
const LONGEST_HOST: usize = 255;
/// The longest range of minutes, in days.
const MOST_DAYS_OF_MINUTES: i64 = 31;
/// The longest range of days, in days: ten years.
const MOST_DAYS: i64 = 3_660;

/// The filters of a traffic series.
#[derive(Debug, Clone)]
pub struct SeriesInput {
    /// By minute or by day.
    pub resolution: Resolution,
    /// Any time in the first period. The default is 24 hours (minutes) or 30 days (days) before the last.
    pub from: Option<Timestamp>,
    /// Any time in the last period. The default is the current time.
    pub until: Option<Timestamp>,
    /// Only traffic of buckets in this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Only traffic of these buckets; `None` means all.
    pub buckets: Option<Vec<BucketId>>,
    /// Only traffic through these repositories; `None` means all.
    pub repositories: Option<Vec<RepoId>>,
    /// Only traffic through the nodes with these names; empty means all.
    pub hosts: Vec<String>,
}

/// A series that the caller may read. It is `None` if nothing that was named exists.
#[derive(Debug, Clone)]
pub struct Series(Option<SeriesQuery>);

impl Control {
    /// Selects a series. Named buckets and repositories may be deleted, because their traffic is retained. Unknown
    /// ids are left out; a bucket or repository that the caller may not read is forbidden. If none are named, the
    /// series contains the traffic of all workspaces that the caller has access to, including deleted buckets.
    pub async fn series(&self, caller: &Caller, input: SeriesInput) -> Result<Series> {
        let (first, last) = range(input.resolution, input.from, input.until, self.inner.environment.now())?;
        if input.hosts.len() > MOST_HOSTS || input.hosts.iter().any(|host| host.len() > LONGEST_HOST) {
            let message =
                format!("must have at most {MOST_HOSTS} names of at most {LONGEST_HOST} bytes each");
            return Err(Error::field("hosts", message));
        }
        let visible = self.visible(caller, input.workspace).await?;
        let buckets = match &input.buckets {
            Some(named) => Some(self.named_buckets(caller, named, input.workspace).await?),
            None => None,
        };
        let repositories = match &input.repositories {
            Some(named) => Some(self.named_repositories(caller, named, None).await?),
            None => None,
        };
        // The store takes an empty list as all.
        if buckets.as_ref().is_some_and(Vec::is_empty) || repositories.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Series(None));
        }
        Ok(Series(Some(SeriesQuery {
            resolution: input.resolution,
            org_id: caller.org_id,
            visible,
            buckets: buckets.unwrap_or_default(),
            repositories: repositories.unwrap_or_default(),
            hosts: input.hosts,
            first,
            last,
            after: None,
            limit: 0,
        })))
    }

    /// Returns a page of a series, newest period first, with what the traffic costs where there are prices.
    pub async fn series_page(
        &self,
        Series(query): &Series,
        after: Option<SeriesPosition>,
        limit: u32,
    ) -> Result<Vec<PricedPoint>> {
        let Some(query) = query else { return Ok(Vec::new()) };
        let points = self.inner.store.usage_series(&SeriesQuery { after, limit, ..query.clone() }).await?;
        let prices = self.prices_of(query.org_id, &points).await?;
        let priced = |point: SeriesPoint| {
            let cost = prices.get(&point.bucket_id).and_then(|prices| prices.traffic_cost(&point.counts));
            PricedPoint { point, cost }
        };
        Ok(points.into_iter().map(priced).collect())
    }

    /// The prices of the buckets of a page. Traffic of a removed bucket has a price, too.
    async fn prices_of(
        &self,
        org_id: OrgId,
        points: &[SeriesPoint],
    ) -> Result<HashMap<BucketId, BucketPrices>> {
        let Some(sheet) = self.inner.settings.prices.as_deref() else { return Ok(HashMap::new()) };
        let ids: BTreeSet<BucketId> = points.iter().map(|point| point.bucket_id).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let buckets = self.inner.store.buckets_ever(org_id, &Vec::from_iter(ids)).await?;
        let prices = buckets.into_iter().map(|bucket| {
            let location = &bucket.location;
            let provider = Provider::recognise(location.storage_type, location.endpoint.as_ref());
            (bucket.id, sheet.prices(provider, bucket.id))
        });
        Ok(prices.collect())
    }
}

/// The traffic of a period, and what it costs.
#[derive(Debug, Clone)]
pub struct PricedPoint {
    /// The traffic.
    pub point: SeriesPoint,
    /// `None` where no price is set.
    pub cost: Option<TrafficCost>,
}

/// The start of the first and the last period, in Unix seconds.
fn range(
    resolution: Resolution,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(i64, i64)> {
    let (usual, most) = match resolution {
        Resolution::Minute => (SignedDuration::from_hours(24), MOST_DAYS_OF_MINUTES),
        Resolution::Day => (SignedDuration::from_hours(30 * 24), MOST_DAYS),
    };
    let until = until.unwrap_or(now);
    let from = from.unwrap_or_else(|| until.checked_sub(usual).unwrap_or(Timestamp::MIN));
    if from > until {
        return Err(Error::field("startDate", "must not be after endDate"));
    }
    let (first, last) = (resolution.start_of(from), resolution.start_of(until));
    if last - first > most * 86_400 {
        return Err(Error::field("startDate", format!("must be at most {most} days before endDate")));
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_is_the_last_day_of_minutes_or_thirty_days_where_nothing_is_said() {
        let now = at("2026-03-31T10:20:30Z");
        let minutes = (at("2026-03-30T10:20:00Z").as_second(), at("2026-03-31T10:20:00Z").as_second());
        assert_eq!(range(Resolution::Minute, None, None, now).unwrap(), minutes);
        let days = (at("2026-03-01T00:00:00Z").as_second(), at("2026-03-31T00:00:00Z").as_second());
        assert_eq!(range(Resolution::Day, None, None, now).unwrap(), days);
    }

    #[test]
    fn ranges_that_are_too_long_or_backwards_are_refused() {
        let now = at("2026-03-31T10:20:30Z");
        let ask = |resolution, from: &str| range(resolution, Some(at(from)), None, now);
        assert!(ask(Resolution::Minute, "2026-02-28T10:20:30Z").is_ok());
        assert!(ask(Resolution::Minute, "2026-02-28T10:19:59Z").is_err());
        assert!(ask(Resolution::Day, "2017-01-01T00:00:00Z").is_ok());
        assert!(ask(Resolution::Day, "2016-01-01T00:00:00Z").is_err());
        assert!(ask(Resolution::Day, "2026-04-01T00:00:00Z").is_err());
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for resolution in [Resolution::Minute, Resolution::Day] {
            for (from, until) in [(Timestamp::MIN, Timestamp::MAX), (Timestamp::MIN, Timestamp::MIN)] {
                let _ = range(resolution, Some(from), Some(until), Timestamp::UNIX_EPOCH);
            }
            let _ = range(resolution, None, Some(Timestamp::MIN), Timestamp::UNIX_EPOCH);
        }
    }
}
