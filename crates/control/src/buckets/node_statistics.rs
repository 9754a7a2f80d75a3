//! What nodes report about many buckets at once: their current state, and their state by day.

use std::collections::HashMap;

use bucketry_model::bucket::BucketLocation;
use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::node::Node;
use bucketry_model::provider::Provider;
use bucketry_model::status::{Status, as_seen_now, is_connected};
use bucketry_model::time::Day;
use bucketry_store::bucket::{ListedBucket, NodeStatusRow, PageStart};
use bucketry_store::status::NodeDayRecord;
use jiff::Timestamp;

use super::selection::{BucketSelection, SelectedPage};
use crate::{Control, Error, Result};

/// The longest range, in days: a year and one day.
const MOST_DAYS: i64 = 366;
/// The default length of a range, in days.
const USUAL_DAYS: i64 = 30;
/// How many days of buckets are read at once, at most. Each has one record per node.
const BUCKET_DAYS_AT_ONCE: i64 = 10_000;
/// How many buckets are read at once, at most.
const BUCKETS_AT_ONCE: i64 = 100;

/// A bucket's state as one node last saw it.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the undocumented field is the id of the node")]
pub struct NodeState {
    pub node_id: NodeId,
    /// DISCONNECTED if the node has fallen silent.
    pub status: Status,
    /// When the node last probed the bucket.
    pub last_updated: Timestamp,
    /// Latency of the last successful probe, in milliseconds.
    pub latency_ms: Option<u32>,
}

/// A bucket's state as its nodes last saw it.
#[derive(Debug, Clone)]
pub struct BucketStates {
    /// The bucket, and the list's position at it.
    pub position: PageStart,
    /// One entry per node that has reported on the bucket, by node name.
    pub nodes: Vec<NodeState>,
}

/// One day of a bucket as one node saw it.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the undocumented field is the id of the node")]
pub struct NodeDayRow {
    pub node_id: NodeId,
    /// The Bucketry version that the node runs.
    pub version: String,
    /// In UTC.
    pub day: Day,
    /// Share of the observed time in which the bucket was online, in percent.
    pub online_percent: f64,
    /// Mean latency of the successful probes, in milliseconds.
    pub latency_ms: f64,
    /// Status after the day's last probe; DISCONNECTED if the node has fallen silent since.
    pub status: Status,
}

/// Days of a bucket as its nodes saw them.
#[derive(Debug, Clone)]
pub struct BucketDays {
    /// The bucket, and the list's position at it.
    pub position: PageStart,
    /// Location of the bucket; the last one if it was deleted.
    pub location: BucketLocation,
    /// Provider, recognised from the location.
    pub provider: Provider,
    /// Newest day first, then by node name.
    pub days: Vec<NodeDayRow>,
}

/// A range of days of buckets that the caller may read.
#[derive(Debug, Clone)]
pub struct NodeStatistics {
    selection: BucketSelection,
    first: Day,
    last: Day,
}

impl NodeStatistics {
    /// The maximum number of buckets per page. More days mean fewer buckets.
    pub fn most_buckets(&self) -> u32 {
        let days = self.last.number() - self.first.number() + 1;
        let most = (BUCKET_DAYS_AT_ONCE / days.max(1)).clamp(1, BUCKETS_AT_ONCE);
        u32::try_from(most).unwrap_or(1)
    }
}

impl Control {
    /// Returns a page of the selected buckets as their nodes last saw them. Deleted buckets are left out, because
    /// nodes no longer report on them.
    pub async fn bucket_states(
        &self,
        selection: &BucketSelection,
        after: Option<PageStart>,
        limit: u32,
    ) -> Result<Vec<BucketStates>> {
        let nodes = self.nodes_by_id().await?;
        let now = self.inner.environment.now();
        let states = |position: PageStart, words: &[NodeStatusRow]| BucketStates {
            position,
            nodes: states_of(words, &nodes, now),
        };
        match selection.page(after, limit) {
            SelectedPage::Listed(query) => {
                let page = self.inner.store.buckets(&query).await?;
                let entry = |one: &ListedBucket| {
                    let position = PageStart { created_at: one.bucket.created_at, id: one.bucket.id };
                    states(position, &one.nodes)
                };
                Ok(page.iter().map(entry).collect())
            }
            SelectedPage::Named(ids) => {
                let found = self.inner.store.buckets_among(selection.org_id, ids).await?;
                let mut words: HashMap<BucketId, Vec<NodeStatusRow>> =
                    found.into_iter().map(|one| (one.bucket.id, one.nodes)).collect();
                let entry = |id: &BucketId| {
                    states(BucketSelection::position(*id), &words.remove(id).unwrap_or_default())
                };
                Ok(ids.iter().map(entry).collect())
            }
        }
    }

    /// Selects the days from `first` to `last`, both included. The default is the last thirty days up to today.
    pub fn node_statistics(
        &self,
        selection: BucketSelection,
        first: Option<Day>,
        last: Option<Day>,
    ) -> Result<NodeStatistics> {
        let (first, last) = range(first, last, Day::of(self.inner.environment.now()))?;
        Ok(NodeStatistics { selection, first, last })
    }

    /// Returns a page of days, bucket by bucket. `limit` counts buckets, up to [`NodeStatistics::most_buckets`].
    pub async fn bucket_days(
        &self,
        statistics: &NodeStatistics,
        after: Option<PageStart>,
        limit: u32,
    ) -> Result<Vec<BucketDays>> {
        let NodeStatistics { selection, first, last } = statistics;
        let buckets: Vec<(PageStart, BucketLocation)> = match selection.page(after, limit) {
            SelectedPage::Listed(query) => {
                let page = self.inner.store.buckets(&query).await?;
                let placed = |ListedBucket { bucket, .. }: ListedBucket| {
                    (PageStart { created_at: bucket.created_at, id: bucket.id }, bucket.location)
                };
                page.into_iter().map(placed).collect()
            }
            SelectedPage::Named(ids) => {
                let found = self.inner.store.buckets_ever(selection.org_id, ids).await?;
                let mut locations: HashMap<BucketId, BucketLocation> =
                    found.into_iter().map(|bucket| (bucket.id, bucket.location)).collect();
                let placed = |id: &BucketId| Some((BucketSelection::position(*id), locations.remove(id)?));
                ids.iter().filter_map(placed).collect()
            }
        };
        let ids: Vec<BucketId> = buckets.iter().map(|(position, _)| position.id).collect();
        let mut records: HashMap<BucketId, Vec<NodeDayRecord>> = HashMap::new();
        for record in self.inner.store.day_records_between(&ids, *first, *last).await? {
            records.entry(record.bucket_id).or_default().push(record);
        }
        let nodes = self.nodes_by_id().await?;
        let now = self.inner.environment.now();
        let days = |(position, location): (PageStart, BucketLocation)| BucketDays {
            provider: Provider::recognise(location.storage_type, location.endpoint.as_ref()),
            days: days_of(records.remove(&position.id).unwrap_or_default(), &nodes, now),
            position,
            location,
        };
        Ok(buckets.into_iter().map(days).collect())
    }

    async fn nodes_by_id(&self) -> Result<HashMap<NodeId, Node>> {
        Ok(self.known_nodes().await?.iter().map(|node| (node.id, node.clone())).collect())
    }
}

fn states_of(words: &[NodeStatusRow], nodes: &HashMap<NodeId, Node>, now: Timestamp) -> Vec<NodeState> {
    let known = words.iter().filter_map(|word| Some((nodes.get(&word.node_id)?, word)));
    let mut known: Vec<(&Node, &NodeStatusRow)> = known.collect();
    known.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let state = |(node, word): (&Node, &NodeStatusRow)| {
        let status = as_seen_now(word.status, is_connected(node.last_seen, now));
        NodeState {
            node_id: node.id,
            status,
            last_updated: word.at,
            latency_ms: word.latency_ms.filter(|_| status == Status::Online),
        }
    };
    known.into_iter().map(state).collect()
}

fn days_of(records: Vec<NodeDayRecord>, nodes: &HashMap<NodeId, Node>, now: Timestamp) -> Vec<NodeDayRow> {
    let known = records.into_iter().filter_map(|one| Some((nodes.get(&one.node_id)?, one)));
    let mut known: Vec<(&Node, NodeDayRecord)> = known.collect();
    known.sort_by(|(a, one), (b, other)| other.day.cmp(&one.day).then_with(|| a.name.cmp(&b.name)));
    let row = |(node, one): (&Node, NodeDayRecord)| {
        let connected = is_connected(node.last_seen, now);
        let last = one.record.last.as_ref();
        NodeDayRow {
            node_id: node.id,
            version: node.version.clone(),
            day: one.day,
            online_percent: one.record.uptime_percent(),
            latency_ms: one.record.average_latency_ms(),
            status: last.map_or(Status::Disconnected, |sample| as_seen_now(sample.status, connected)),
        }
    };
    known.into_iter().map(row).collect()
}

/// The first and the last day, with defaults applied.
fn range(first: Option<Day>, last: Option<Day>, today: Day) -> Result<(Day, Day)> {
    let last = last.unwrap_or(today);
    let first = first.unwrap_or_else(|| Day::from_number(last.number() - USUAL_DAYS + 1));
    if first > last {
        return Err(Error::field("startDate", "must not be after endDate"));
    }
    if last.number() - first.number() >= MOST_DAYS {
        return Err(Error::field("startDate", format!("must be less than {MOST_DAYS} days before endDate")));
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn a_range_is_thirty_days_unless_another_is_given_and_at_most_a_year() {
        let today = day("2026-03-31");
        assert_eq!(range(None, None, today).unwrap(), (day("2026-03-02"), today));
        assert_eq!(range(None, Some(day("2026-01-30")), today).unwrap().0, day("2026-01-01"));
        assert!(range(Some(day("2025-03-31")), None, today).is_ok());
        assert!(range(Some(day("2025-03-30")), None, today).is_err());
        assert!(range(Some(day("2026-04-01")), None, today).is_err());
        for end in [Day::of(Timestamp::MIN), Day::of(Timestamp::MAX)] {
            let _ = range(None, Some(end), today);
        }
    }

    #[test]
    fn the_more_days_the_fewer_buckets_at_once() {
        let most = |days: i64| {
            let org_id = bucketry_model::id::OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]);
            let last = day("2026-03-31");
            let first = Day::from_number(last.number() - days + 1);
            NodeStatistics { selection: BucketSelection::none(org_id), first, last }.most_buckets()
        };
        assert_eq!((most(1), most(30), most(200), most(366)), (100, 100, 50, 27));
    }
}
