//! What nodes report about many buckets by hour, for the latest seven days.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use bucketry_model::hours::HourRecord;
use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::time::{Day, from_micros};
use bucketry_store::bucket::{ListedBucket, PageStart};
use bucketry_store::status::NodeDayHours;
use jiff::Timestamp;

use super::selection::{BucketSelection, SelectedPage};
use crate::{Control, Error, Result};

/// How many buckets are read at once, at most. Each has up to 168 hours per node.
pub const MOST_BUCKETS_OF_HOURS: u32 = 50;
/// The longest range, in hours: seven days.
const MOST_HOURS: i64 = 168;
const SECONDS_PER_HOUR: i64 = 3_600;

/// The hours of a bucket as one node saw them.
#[derive(Debug, Clone)]
pub struct NodeHourRows {
    /// The node. It is registered.
    pub node_id: NodeId,
    /// The name of the node.
    pub node_name: String,
    /// Each hour with data by its start in Unix seconds, newest first.
    pub hours: Vec<(i64, HourRecord)>,
}

/// The hours of a bucket as its nodes saw them.
#[derive(Debug, Clone)]
pub struct BucketHours {
    /// The bucket, and the list's position at it.
    pub position: PageStart,
    /// One entry per node with data, by node name.
    pub nodes: Vec<NodeHourRows>,
}

/// A range of hours of buckets that the caller may read.
#[derive(Debug, Clone)]
pub struct HourSelection {
    selection: BucketSelection,
    /// The start of the first hour, in Unix seconds.
    first: i64,
    /// The start of the last hour, in Unix seconds.
    last: i64,
}

impl Control {
    /// Selects the hours from the one that contains `first` to the one that contains `last`. The default is the
    /// latest 168 hours. Earlier hours aren't retained and are left out.
    pub fn hour_selection(
        &self,
        selection: BucketSelection,
        first: Option<Timestamp>,
        last: Option<Timestamp>,
    ) -> Result<HourSelection> {
        let (first, last) = range(first, last, self.inner.environment.now())?;
        Ok(HourSelection { selection, first, last })
    }

    /// Returns a page of hours, bucket by bucket. `limit` counts buckets; callers must limit it to about
    /// [`MOST_BUCKETS_OF_HOURS`].
    pub async fn bucket_hours(
        &self,
        hours: &HourSelection,
        after: Option<PageStart>,
        limit: u32,
    ) -> Result<Vec<BucketHours>> {
        let positions: Vec<PageStart> = match hours.selection.page(after, limit) {
            SelectedPage::Listed(query) => {
                let page = self.inner.store.buckets(&query).await?;
                let position = |ListedBucket { bucket, .. }: ListedBucket| PageStart {
                    created_at: bucket.created_at,
                    id: bucket.id,
                };
                page.into_iter().map(position).collect()
            }
            SelectedPage::Named(ids) => ids.iter().copied().map(BucketSelection::position).collect(),
        };
        let ids: Vec<BucketId> = positions.iter().map(|position| position.id).collect();
        let mut stored: HashMap<BucketId, Vec<NodeDayHours>> = HashMap::new();
        let found = self.inner.store.hours_between(&ids, day_of(hours.first), day_of(hours.last)).await?;
        for one in found {
            stored.entry(one.bucket_id).or_default().push(one);
        }
        let names: HashMap<NodeId, String> =
            self.known_nodes().await?.iter().map(|node| (node.id, node.name.clone())).collect();
        let hours = |position: PageStart| BucketHours {
            nodes: rows_of(stored.remove(&position.id).unwrap_or_default(), &names, hours),
            position,
        };
        Ok(positions.into_iter().map(hours).collect())
    }
}

fn day_of(second: i64) -> Day {
    Day::of(from_micros(second.saturating_mul(1_000_000)))
}

fn rows_of(
    days: Vec<NodeDayHours>,
    names: &HashMap<NodeId, String>,
    selected: &HourSelection,
) -> Vec<NodeHourRows> {
    let mut by_node: BTreeMap<(&str, NodeId), Vec<(i64, HourRecord)>> = BTreeMap::new();
    for day in &days {
        let Some(name) = names.get(&day.node_id) else { continue };
        let start = day.day.start().as_second();
        let hours =
            day.hours.records().map(|(hour, record)| (start + i64::from(hour) * SECONDS_PER_HOUR, record));
        let selected = hours.filter(|(at, _)| (selected.first..=selected.last).contains(at));
        by_node.entry((name, day.node_id)).or_default().extend(selected);
    }
    let rows = |((name, node_id), mut hours): ((&str, NodeId), Vec<(i64, HourRecord)>)| {
        hours.sort_by_key(|(at, _)| Reverse(*at));
        (!hours.is_empty()).then(|| NodeHourRows { node_id, node_name: name.to_owned(), hours })
    };
    by_node.into_iter().filter_map(rows).collect()
}

/// The start of the first and the last hour, in Unix seconds.
fn range(first: Option<Timestamp>, last: Option<Timestamp>, now: Timestamp) -> Result<(i64, i64)> {
    let hour = |at: Timestamp| at.as_second().div_euclid(SECONDS_PER_HOUR) * SECONDS_PER_HOUR;
    if first.zip(last).is_some_and(|(first, last)| first > last) {
        return Err(Error::field("startDate", "must not be after endDate"));
    }
    let latest = hour(now);
    let earliest = latest - (MOST_HOURS - 1) * SECONDS_PER_HOUR;
    let last = last.map_or(latest, hour).min(latest);
    Ok((first.map_or(earliest, hour).max(earliest), last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_week_of_hours_at_most() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let seconds = |text: &str| at(text).as_second();
        let now = at("2026-03-31T10:20:30Z");
        let week = (seconds("2026-03-24T11:00:00Z"), seconds("2026-03-31T10:00:00Z"));
        assert_eq!(range(None, None, now).unwrap(), week);
        assert_eq!(range(Some(Timestamp::MIN), Some(Timestamp::MAX), now).unwrap(), week);
        let part = range(Some(at("2026-03-30T10:59:59Z")), Some(at("2026-03-30T12:00:00Z")), now).unwrap();
        assert_eq!(part, (seconds("2026-03-30T10:00:00Z"), seconds("2026-03-30T12:00:00Z")));
        assert!(range(Some(at("2026-03-31T10:00:00Z")), Some(at("2026-03-31T09:00:00Z")), now).is_err());
        let past = range(None, Some(at("2026-01-01T00:00:00Z")), now).unwrap();
        assert!(past.0 > past.1, "nothing is retained");
    }
}
