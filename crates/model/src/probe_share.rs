//! Which nodes probe which buckets: each bucket is probed by a few nodes, however many there are.
//!
//! Buckets are divided into *slots* by their ids, and rendezvous hashing chooses the nodes of each slot. So the probes
//! of a bucket don't depend on the number of nodes, and when a node joins or leaves, only its share moves. There are
//! few slots, because buckets that are probed by the same nodes have few different combinations of reports.
//!
//! A bucket that is pinned (`pinning`) is probed by nodes that serve it: in each region that its pins name by a few of the
//! region's nodes, which are chosen in the same way, and by each named node in another region.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{BucketId, NodeId};
use crate::splitmix::{STEP, mix};

/// How many nodes probe each bucket, unless a setting overrides it.
pub const PROBING_NODES: u16 = 3;
/// The number of slots while there are few nodes.
pub const FEWEST_SLOTS: u32 = 64;
/// The largest number of slots.
pub const MOST_SLOTS: u32 = 65_536;
/// Slots per node, so that each node gets several of them.
const SLOTS_PER_NODE: usize = 2;

/// The slots of one node: it probes the buckets in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeShare {
    /// The number of all slots.
    pub slots: u32,
    /// The numbers of the node's slots, ascending from 0.
    pub mine: Vec<u32>,
}

impl ProbeShare {
    /// Whether the node probes the bucket.
    pub fn contains(&self, id: BucketId) -> bool {
        self.mine.binary_search(&slot_of(id, self.slots)).is_ok()
    }

    /// A number that distinguishes shares.
    pub fn digest(&self) -> u64 {
        let numbers = std::iter::once(&self.slots).chain(&self.mine);
        numbers.fold(0, |digest, number| mix(digest.wrapping_add(STEP) ^ u64::from(*number)))
    }
}

/// With which other nodes a node shares the probes of a bucket that it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeGroup {
    /// The bucket isn't pinned: with all nodes.
    All,
    /// The bucket is pinned to the node's region: with the nodes in this region.
    Region,
    /// The bucket is pinned to the node: with none.
    Alone,
}

/// Which of its buckets a node probes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeAssignment {
    /// Its share of the buckets that aren't pinned.
    #[serde(flatten)]
    pub share: ProbeShare,
    /// Its share of the buckets that are pinned to its region. `None` if it is the same one, because all nodes are in this
    /// region. Older control planes don't send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_region: Option<ProbeShare>,
}

impl ProbeAssignment {
    /// Whether the node probes a bucket that it serves.
    pub fn contains(&self, id: BucketId, group: ProbeGroup) -> bool {
        match group {
            ProbeGroup::All => self.share.contains(id),
            ProbeGroup::Region => self.in_region.as_ref().unwrap_or(&self.share).contains(id),
            ProbeGroup::Alone => true,
        }
    }

    /// A number that distinguishes assignments.
    pub fn digest(&self) -> u64 {
        let in_region = self.in_region.as_ref().map_or(0, ProbeShare::digest);
        self.share.digest() ^ mix(in_region.wrapping_add(STEP))
    }
}

impl From<ProbeShare> for ProbeAssignment {
    fn from(share: ProbeShare) -> Self {
        Self { share, in_region: None }
    }
}

/// What nodes probe that serve the same organizations. Each node comes with its region; letter case is ignored there.
pub fn assignments(nodes: &[(NodeId, &str)], probing: usize) -> BTreeMap<NodeId, ProbeAssignment> {
    let ids = |nodes: &[(NodeId, &str)]| nodes.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    let mut regions: BTreeMap<String, Vec<(NodeId, &str)>> = BTreeMap::new();
    for (id, region) in nodes {
        regions.entry(region.to_ascii_lowercase()).or_default().push((*id, *region));
    }
    let shared = shares(&ids(nodes), probing).into_iter();
    let mut assignments: BTreeMap<NodeId, ProbeAssignment> =
        shared.map(|(id, share)| (id, share.into())).collect();
    if regions.len() > 1 {
        for (id, share) in regions.values().flat_map(|nodes| shares(&ids(nodes), probing)) {
            if let Some(assignment) = assignments.get_mut(&id) {
                assignment.in_region = Some(share);
            }
        }
    }
    assignments
}

/// The shares of nodes, if `probing` of them are to probe each bucket, or all if there are fewer. Doesn't depend on the
/// order of the nodes.
pub fn shares(nodes: &[NodeId], probing: usize) -> BTreeMap<NodeId, ProbeShare> {
    let slots = slots_for(nodes.len());
    let empty = || ProbeShare { slots, mine: Vec::new() };
    let mut shares: BTreeMap<NodeId, ProbeShare> = nodes.iter().map(|id| (*id, empty())).collect();
    let hashes: Vec<(u64, NodeId)> = shares.keys().map(|id| (hash(id.to_u128()), *id)).collect();
    let mut ranking = Vec::with_capacity(hashes.len());
    for slot in 0..slots {
        let seed = mix(u64::from(slot).wrapping_add(STEP));
        ranking.clear();
        ranking.extend(hashes.iter().map(|(hash, id)| (mix(hash ^ seed), *id)));
        if probing < ranking.len() {
            ranking.select_nth_unstable_by(probing, |a, b| b.cmp(a));
        }
        for (_, id) in ranking.iter().take(probing) {
            if let Some(share) = shares.get_mut(id) {
                share.mine.push(slot);
            }
        }
    }
    shares
}

fn slots_for(nodes: usize) -> u32 {
    let slots = u32::try_from(nodes.saturating_mul(SLOTS_PER_NODE)).unwrap_or(MOST_SLOTS);
    slots.clamp(FEWEST_SLOTS, MOST_SLOTS)
}

/// The slot of a bucket. One slot more divides one of the others, and leaves the buckets of all the rest where they are
/// (linear hashing).
pub fn slot_of(id: BucketId, slots: u32) -> u32 {
    let Some(level) = slots.checked_ilog2() else { return 0 };
    let hash = hash(id.to_u128());
    let low = |bits: u32| u32::try_from(hash & ((1 << bits) - 1)).unwrap_or(0);
    let slot = low(level + 1);
    if slot < slots { slot } else { low(level) }
}

/// A hash of an id that stays the same in every version, because nodes compute it too.
fn hash(id: u128) -> u64 {
    let [high, low] = [id >> 64, id & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or(0));
    mix(high ^ mix(low))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    const BUCKETS: usize = 20_000;

    fn random(seed: u64) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&mix(seed.wrapping_mul(STEP)).to_be_bytes());
        bytes[8..].copy_from_slice(&mix(!seed).to_be_bytes()[..2]);
        bytes
    }

    fn nodes(seed: u64, count: usize) -> Vec<NodeId> {
        (0..count as u64).map(|n| NodeId::new(Timestamp::UNIX_EPOCH, random(seed ^ (n << 20)))).collect()
    }

    fn buckets() -> Vec<BucketId> {
        let at =
            |n: usize| Timestamp::from_millisecond(1_790_000_000_000 + i64::try_from(n).unwrap()).unwrap();
        (0..BUCKETS).map(|n| BucketId::new(at(n), random(n as u64 + 7))).collect()
    }

    /// The nodes that probe each bucket.
    fn probing(shares: &BTreeMap<NodeId, ProbeShare>, buckets: &[BucketId]) -> Vec<BTreeSet<NodeId>> {
        let of = |id: &BucketId| {
            shares.iter().filter(|(_, share)| share.contains(*id)).map(|(node, _)| *node).collect()
        };
        buckets.iter().map(of).collect()
    }

    fn moved(before: &[BTreeSet<NodeId>], after: &[BTreeSet<NodeId>]) -> usize {
        before.iter().zip(after).map(|(before, after)| after.difference(before).count()).sum()
    }

    #[test]
    fn each_bucket_has_three_probing_nodes_whether_there_are_ten_or_a_thousand() {
        let buckets = buckets();
        for (count, fullest) in [(10, 1.5), (100, 3.0), (1_000, 5.0)] {
            let shares = shares(&nodes(1, count), 3);
            let found = probing(&shares, &buckets[..2_000]);
            assert!(found.iter().all(|nodes| nodes.len() == 3), "{count} nodes");
            let load = |share: &ProbeShare| buckets.iter().filter(|id| share.contains(**id)).count();
            let loads: Vec<usize> = shares.values().map(load).collect();
            assert_eq!(loads.iter().sum::<usize>(), 3 * BUCKETS, "{count} nodes");
            let mean = (3 * BUCKETS) as f64 / count as f64;
            let most = *loads.iter().max().unwrap() as f64 / mean;
            assert!(most < fullest, "the busiest of {count} nodes has {most:.2} times the mean");
        }
    }

    #[test]
    fn all_nodes_probe_while_there_are_no_more_than_needed() {
        for count in 1..=3 {
            for share in shares(&nodes(2, count), 3).values() {
                assert_eq!(share.mine.len(), share.slots as usize);
            }
        }
        assert!(shares(&[], 3).is_empty());
    }

    #[test]
    fn a_node_that_joins_takes_its_share_and_nothing_else_moves() {
        let buckets = buckets();
        for count in [4, 10, 31, 32, 33, 100, 300] {
            let all = nodes(3, count + 1);
            let before = probing(&shares(&all[..count], 3), &buckets);
            let after = probing(&shares(&all, 3), &buckets);
            let moved = moved(&before, &after) as f64 / (3 * BUCKETS) as f64;
            // One node's share, its variance, and two more slots.
            let expected = 1.0 / (count + 1) as f64;
            assert!(moved < 3.0 * expected, "{count} nodes: {moved:.4} moved, {expected:.4} expected");
            if all.len() * SLOTS_PER_NODE <= FEWEST_SLOTS as usize {
                let joined = all[count];
                let only = |(before, after): (&BTreeSet<NodeId>, &BTreeSet<NodeId>)| {
                    after.difference(before).all(|node| *node == joined)
                };
                assert!(before.iter().zip(&after).all(only), "{count} nodes");
            }
        }
    }

    #[test]
    fn one_more_slot_divides_one_slot() {
        let buckets = buckets();
        for slots in [1, 2, 3, 63, 64, 65, 127, 128, 1_000] {
            let from: BTreeSet<u32> = buckets
                .iter()
                .map(|id| (slot_of(*id, slots), slot_of(*id, slots + 1)))
                .filter(|(before, after)| before != after)
                .map(|(before, after)| {
                    assert_eq!(after, slots);
                    before
                })
                .collect();
            assert!(from.len() <= 1, "{slots} slots: {from:?}");
        }
        assert_eq!(slot_of(buckets[0], 0), 0);
    }

    #[test]
    fn a_node_whose_region_is_the_only_one_has_one_share() {
        let ids = nodes(4, 5);
        let all = |region: fn(usize) -> &'static str| {
            let nodes: Vec<_> = ids.iter().enumerate().map(|(n, id)| (*id, region(n))).collect();
            assignments(&nodes, 3)
        };
        let alone = all(|n| if n == 0 { "EU" } else { "eu" });
        assert!(alone.values().all(|one| one.in_region.is_none()));
        let json = serde_json::to_value(&alone[&ids[0]]).unwrap();
        assert_eq!(json, serde_json::to_value(&alone[&ids[0]].share).unwrap(), "older nodes read it");
        let divided = all(|n| if n == 0 { "us" } else { "eu" });
        assert_eq!(
            divided[&ids[0]].in_region.as_ref().unwrap().mine.len(),
            64,
            "the only node of its region"
        );
        assert_ne!(divided[&ids[0]].digest(), alone[&ids[0]].digest());
        let json = serde_json::to_string(&divided[&ids[1]]).unwrap();
        assert_eq!(serde_json::from_str::<ProbeAssignment>(&json).unwrap(), divided[&ids[1]]);
    }

    #[test]
    fn the_documented_example_is_right() {
        let id: BucketId = "0197a3b0-0000-7000-8000-0000000000bb".parse().unwrap();
        assert_eq!((slot_of(id, 64), slot_of(id, 100)), (32, 96));
    }

    proptest! {
        #[test]
        fn what_a_node_that_leaves_has_probed_goes_to_others_and_they_lose_nothing(
            seed: u64, count in 2_usize..28, probing_nodes in 1_usize..6, leaves in 0_usize..28,
        ) {
            let all = nodes(seed, count);
            let left = all[leaves % count];
            let rest: Vec<NodeId> = all.iter().copied().filter(|id| *id != left).collect();
            let (before, after) = (shares(&all, probing_nodes), shares(&rest, probing_nodes));
            for (node, share) in &after {
                let had: BTreeSet<u32> = before[node].mine.iter().copied().collect();
                let has: BTreeSet<u32> = share.mine.iter().copied().collect();
                prop_assert!(had.is_subset(&has));
                let gained = has.difference(&had).all(|slot| before[&left].mine.contains(slot));
                prop_assert!(gained, "only slots of the node that left");
            }
        }

        #[test]
        fn the_order_of_the_nodes_makes_no_difference(seed: u64, count in 1_usize..40) {
            let mut all = nodes(seed, count);
            let before = shares(&all, 3);
            all.reverse();
            prop_assert_eq!(&before, &shares(&all, 3));
            prop_assert!(before.values().all(|share| share.mine.is_sorted()));
        }
    }
}
