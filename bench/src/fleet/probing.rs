//! Which buckets a simulated node probes when, and how many nodes probe each bucket.

use std::time::Duration;

use bucketry_model::id::BucketId;
use bucketry_model::probe_share::ProbeShare;
use serde::Serialize;

/// A node's buckets, probed one after the other, again and again.
pub(super) struct ProbeRound {
    buckets: Vec<BucketId>,
    next: usize,
    /// The part of a probe that was due, but not yet sent.
    rest: f64,
}

impl ProbeRound {
    /// The buckets of the node's share, all without a share. `phase` (0 to 1) is where the first round begins.
    pub(super) fn new(buckets: &[BucketId], share: Option<&ProbeShare>, phase: f64) -> Self {
        let is_own = |id: &&BucketId| share.is_none_or(|share| share.contains(**id));
        Self { buckets: buckets.iter().filter(is_own).copied().collect(), next: 0, rest: phase }
    }

    pub(super) fn len(&self) -> usize {
        self.buckets.len()
    }

    /// The buckets to probe within `time`, if each is probed once per `interval`.
    pub(super) fn due(&mut self, time: Duration, interval: Duration) -> Vec<BucketId> {
        let due = self.buckets.len() as f64 * time.as_secs_f64() / interval.as_secs_f64() + self.rest;
        self.rest = due.fract();
        let whole = Duration::from_secs_f64(due).as_secs().min(self.buckets.len() as u64);
        let start = self.next;
        self.next += usize::try_from(whole).unwrap_or_default();
        let due = (start..self.next).filter_map(|n| self.buckets.get(n % self.buckets.len())).copied();
        let due = due.collect();
        self.next %= self.buckets.len().max(1);
        due
    }
}

/// How many of the nodes probe each bucket.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProbeLoad {
    pub(super) nodes: usize,
    pub(super) mean: f64,
    pub(super) fewest: usize,
    pub(super) most: usize,
}

impl ProbeLoad {
    /// Counts the nodes whose share contains a bucket, for each of a sample.
    pub(super) fn of(shares: &[ProbeShare], sample: &[BucketId]) -> Self {
        let probing = |id: &BucketId| shares.iter().filter(|share| share.contains(*id)).count();
        let counts: Vec<usize> = sample.iter().map(probing).collect();
        Self {
            nodes: shares.len(),
            mean: counts.iter().sum::<usize>() as f64 / counts.len() as f64,
            fewest: counts.iter().copied().min().unwrap_or_default(),
            most: counts.iter().copied().max().unwrap_or_default(),
        }
    }

    /// The largest difference of any bucket's load from the first mean, relative to it.
    pub(super) fn deviation(all: &[Self]) -> f64 {
        let Some(first) = all.first().map(|load| load.mean) else { return f64::NAN };
        let values = all.iter().flat_map(|load| [load.fewest as f64, load.mean, load.most as f64]);
        values.map(|value| (value / first - 1.0).abs()).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bucketry_model::id::NodeId;
    use bucketry_model::probe_share::shares;
    use jiff::Timestamp;

    fn buckets(count: u8) -> Vec<BucketId> {
        (0..count).map(|n| BucketId::new(Timestamp::UNIX_EPOCH, [n; 10])).collect()
    }

    #[test]
    fn each_bucket_is_probed_once_per_interval_however_the_interval_is_divided() {
        let all = buckets(7);
        let mut round = ProbeRound::new(&all, None, 0.0);
        let (step, interval) = (Duration::from_secs(20), Duration::from_mins(5));
        let mut probed: Vec<BucketId> = (0..15).flat_map(|_| round.due(step, interval)).collect();
        probed.sort_unstable();
        assert_eq!(probed, all);
        assert_eq!(round.due(Duration::from_hours(1), interval).len(), 7, "never twice at once");
        assert!(ProbeRound::new(&[], None, 0.9).due(step, interval).is_empty());
    }

    #[test]
    fn the_load_counts_shares_and_its_deviation_finds_a_bucket_that_nobody_probes() {
        let nodes: Vec<NodeId> = (0..10).map(|n| NodeId::new(Timestamp::UNIX_EPOCH, [n; 10])).collect();
        let assigned: Vec<ProbeShare> = shares(&nodes, 3).into_values().collect();
        let all = buckets(200);
        let load = ProbeLoad::of(&assigned, &all);
        assert_eq!((load.nodes, load.mean, load.fewest, load.most), (10, 3.0, 3, 3));
        assert!(ProbeLoad::deviation(&[load, load]) < 1e-9);
        let mut lacking = assigned;
        lacking.pop();
        let lacking = ProbeLoad::of(&lacking, &all);
        assert_eq!(lacking.fewest, 2);
        assert!(ProbeLoad::deviation(&[load, lacking]) > 0.3);
    }

    #[test]
    fn a_share_selects_the_buckets_of_a_round() {
        let node = NodeId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let nodes: Vec<NodeId> = (0..10).map(|n| NodeId::new(Timestamp::UNIX_EPOCH, [n; 10])).collect();
        let share = shares(&nodes, 3).remove(&node).unwrap();
        let all = buckets(200);
        let own = all.iter().filter(|id| share.contains(**id)).count();
        assert_eq!(ProbeRound::new(&all, Some(&share), 0.0).len(), own);
    }
}
