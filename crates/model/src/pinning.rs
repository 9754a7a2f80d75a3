//! Pins: the nodes and regions that a bucket is restricted to.
//!
//! A bucket without pins is served by all nodes that serve its organization. A pinned one is served only by those that
//! its pins name, or that are in one of the regions that they name. Pins never make a node serve an organization.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::NodeId;
use crate::probe_share::ProbeGroup;

/// How many nodes, and how many regions, a bucket can be pinned to. Each named node outside of the named regions probes the
/// bucket, so this also limits the probes.
pub const MAX_PINS: usize = 16;
/// The longest accepted name of a region, in bytes: as long as that of a node's region.
const MAX_REGION_BYTES: usize = 128;

/// The nodes and regions that a bucket is pinned to. Empty if it isn't pinned.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BucketPins {
    // Both are sorted and without repetitions, so that equal pins have equal texts in the store.
    #[serde(default)]
    nodes: Vec<NodeId>,
    #[serde(default)]
    regions: Vec<String>,
}

/// Why nodes and regions can't be pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPins {
    /// There are too many nodes.
    #[error("must name at most {} nodes: name their region instead", MAX_PINS)]
    TooManyNodes,
    /// There are too many regions.
    #[error("must name at most {} regions", MAX_PINS)]
    TooManyRegions,
    /// The name of a region is empty, too long, or contains control characters.
    #[error("must be names of regions: 1 to {} bytes long, without control characters", MAX_REGION_BYTES)]
    Region,
}

impl BucketPins {
    /// Pins to these nodes and regions. Names of regions are trimmed. If two differ only in letter case, they are the same.
    pub fn new(
        nodes: impl IntoIterator<Item = NodeId>,
        regions: impl IntoIterator<Item = String>,
    ) -> Result<Self, InvalidPins> {
        let nodes: BTreeSet<NodeId> = nodes.into_iter().collect();
        let mut regions: Vec<String> = regions.into_iter().map(|name| name.trim().to_owned()).collect();
        let is_wrong = |name: &String| {
            name.is_empty() || name.len() > MAX_REGION_BYTES || name.chars().any(char::is_control)
        };
        if regions.iter().any(is_wrong) {
            return Err(InvalidPins::Region);
        }
        regions.sort_unstable_by_key(|name| (name.to_ascii_lowercase(), name.clone()));
        regions.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        if nodes.len() > MAX_PINS {
            return Err(InvalidPins::TooManyNodes);
        }
        if regions.len() > MAX_PINS {
            return Err(InvalidPins::TooManyRegions);
        }
        Ok(Self { nodes: nodes.into_iter().collect(), regions })
    }

    /// Whether the bucket isn't pinned.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.regions.is_empty()
    }

    /// The named nodes. One may have been removed since.
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// The named regions.
    pub fn regions(&self) -> &[String] {
        &self.regions
    }

    /// Whether the pins allow a node to serve the bucket.
    pub fn admit(&self, node: NodeId, region: &str) -> bool {
        self.is_empty() || self.nodes.contains(&node) || self.name_region(region)
    }

    fn name_region(&self, region: &str) -> bool {
        self.regions.iter().any(|name| name.eq_ignore_ascii_case(region))
    }

    /// With which other nodes a node in this region shares the probes of the bucket, if it serves the bucket.
    pub fn probe_group(&self, region: &str) -> ProbeGroup {
        if self.is_empty() {
            ProbeGroup::All
        } else if self.name_region(region) {
            ProbeGroup::Region
        } else {
            ProbeGroup::Alone
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::id::BucketId;
    use crate::probe_share::assignments;
    use crate::splitmix::mix;

    fn node(n: u8) -> NodeId {
        NodeId::new(Timestamp::UNIX_EPOCH, [n; 10])
    }

    fn pins(nodes: &[u8], regions: &[&str]) -> BucketPins {
        let regions = regions.iter().map(|name| (*name).to_owned());
        BucketPins::new(nodes.iter().copied().map(node), regions).unwrap()
    }

    fn random(seed: u64, number: usize) -> [u8; 10] {
        let mut bytes = [0; 10];
        let number = u64::try_from(number).unwrap();
        bytes[..8].copy_from_slice(&mix(seed ^ (number << 20)).to_be_bytes());
        bytes
    }

    fn random_node(seed: u64, number: usize) -> NodeId {
        NodeId::new(Timestamp::UNIX_EPOCH, random(seed, number))
    }

    #[test]
    fn a_bucket_without_pins_is_served_everywhere_and_a_pinned_one_by_names_or_regions() {
        assert!(pins(&[], &[]).is_empty() && pins(&[], &[]).admit(node(1), ""));
        let pinned = pins(&[1, 2], &["eu-west-1"]);
        assert!(pinned.admit(node(1), "us-east-1"));
        assert!(pinned.admit(node(3), "EU-West-1"), "letter case is ignored");
        assert!(!pinned.admit(node(3), "us-east-1"));
        assert!(!pinned.admit(node(3), ""), "a node without a region is in none");
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        let regions = |regions: &[&str]| BucketPins::new([], regions.iter().map(|name| (*name).to_owned()));
        for wrong in ["", " ", "a\nb", "a\u{7f}", &"a".repeat(129)] {
            assert_eq!(regions(&[wrong]), Err(InvalidPins::Region), "{wrong:?}");
        }
        let many: Vec<String> = (0..=MAX_PINS).map(|n| format!("region-{n}")).collect();
        assert_eq!(BucketPins::new([], many.clone()), Err(InvalidPins::TooManyRegions));
        assert!(BucketPins::new([], many[1..].to_vec()).is_ok());
        let many: Vec<NodeId> = (0..=MAX_PINS).map(|n| node(u8::try_from(n).unwrap())).collect();
        assert_eq!(BucketPins::new(many.clone(), []), Err(InvalidPins::TooManyNodes));
        assert!(BucketPins::new(many[1..].to_vec(), []).is_ok());
    }

    #[test]
    fn equal_pins_have_one_text() {
        let text = |pins: &BucketPins| serde_json::to_string(pins).unwrap();
        let one = pins(&[2, 1, 2], &["us", " EU ", "eu"]);
        assert_eq!(one.regions(), ["EU", "us"]);
        assert_eq!(text(&one), text(&pins(&[1, 2], &["us", "EU", "eu"])));
        assert_eq!(serde_json::from_str::<BucketPins>(&text(&one)).unwrap(), one);
        assert_eq!(serde_json::from_str::<BucketPins>("{}").unwrap(), BucketPins::default());
    }

    proptest! {
        #[test]
        fn the_order_and_repetitions_of_pins_make_no_difference(
            nodes in prop::collection::vec(0_u8..12, 0..24), regions in prop::collection::vec("[a-cA-C]{1,2}", 0..14),
        ) {
            let of = |nodes: &[u8], regions: &[String]| {
                BucketPins::new(nodes.iter().copied().map(node), regions.to_vec()).unwrap()
            };
            let forward = of(&nodes, &regions);
            let (mut backward, mut reversed) = (nodes.clone(), regions.clone());
            backward.reverse();
            reversed.reverse();
            reversed.extend(regions.iter().cloned());
            prop_assert_eq!(&forward, &of(&backward, &reversed));
            for n in 0_u8..12 {
                let expected = forward.is_empty() || nodes.contains(&n);
                prop_assert_eq!(forward.admit(node(n), "elsewhere"), expected);
            }
            for region in &regions {
                prop_assert!(forward.admit(node(200), &region.to_ascii_uppercase()));
            }
        }

        #[test]
        fn a_pinned_bucket_is_probed_by_its_nodes_and_by_a_few_of_each_of_its_regions(
            seed: u64, count in 1_usize..40, probing in 1_usize..5, named in prop::collection::vec(0_usize..40, 0..5),
            pinned in prop::collection::btree_set(0_usize..4, 0..3),
        ) {
            const REGIONS: [&str; 4] = ["eu-west", "EU-WEST", "us-east", "ap"];
            let ids: Vec<NodeId> = (0..count).map(|n| random_node(seed, n)).collect();
            let all: Vec<_> = ids.iter().enumerate().map(|(n, id)| (*id, REGIONS[n % 4])).collect();
            let assignments = assignments(&all, probing);
            let regions = pinned.iter().map(|n| REGIONS[*n].to_owned());
            let pins = BucketPins::new(named.iter().map(|n| ids[n % count]), regions).unwrap();
            let bucket = BucketId::new(Timestamp::UNIX_EPOCH, random(seed, 77));
            let probes = |(id, region): &(NodeId, &str)| {
                pins.admit(*id, region) && assignments[id].contains(bucket, pins.probe_group(region))
            };
            let probing_nodes: Vec<_> = all.iter().copied().filter(probes).collect();
            for (id, region) in &all {
                let is_alone = pins.admit(*id, region) && pins.probe_group(region) == ProbeGroup::Alone;
                prop_assert!(!is_alone || probing_nodes.contains(&(*id, *region)), "a named node probes");
            }
            if pins.is_empty() {
                prop_assert_eq!(probing_nodes.len(), probing.min(count));
            }
            for region in pins.regions() {
                let is_there = |(_, other): &&(NodeId, &str)| other.eq_ignore_ascii_case(region);
                let (there, chosen) =
                    (all.iter().filter(is_there).count(), probing_nodes.iter().filter(is_there).count());
                prop_assert_eq!(chosen, probing.min(there));
            }
            let most = probing.max(pins.nodes().len() + probing * pins.regions().len());
            prop_assert!(probing_nodes.len() <= most);
        }
    }
}
