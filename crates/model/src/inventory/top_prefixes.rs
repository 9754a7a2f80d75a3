//! The prefixes with the most bytes, in bounded memory.
//!
//! A provider that lists keys in order lists the keys of a prefix one after the other. A prefix's sum is then complete
//! when the next prefix begins, and the sums of the largest prefixes are exact, however many prefixes there are.
//!
//! If keys arrive out of order, a prefix may return after its sum was dropped. The Space-Saving algorithm (Metwally,
//! Agrawal, El Abbadi, 2005) then bounds the error: nothing that was dropped had more bytes than `floor`, and `floor`
//! is at most the sum of all bytes divided by [`TopPrefixes::TRACKED`].

use serde::{Deserialize, Serialize};

/// The longest prefix that is told apart from others, in bytes. A longer one is cut, which is a prefix too.
const LONGEST_PREFIX: usize = 256;

/// The objects below a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrefixSum {
    /// The key up to its first slash, including the slash. Empty for objects without a slash in their key.
    pub prefix: String,
    /// Number of objects. More if `error_bytes` isn't 0.
    pub objects: u64,
    /// Sum of their sizes. The true sum is at least this, and at most this plus `error_bytes`.
    pub bytes: u64,
    /// 0 if the sum is exact, which it is wherever the provider lists keys in order.
    #[serde(default)]
    pub error_bytes: u64,
}

impl PrefixSum {
    fn add(&mut self, objects: u64, bytes: u64) {
        self.objects = self.objects.saturating_add(objects);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The largest sum that the prefix can have.
    fn at_most(&self) -> u64 {
        self.bytes.saturating_add(self.error_bytes)
    }
}

/// Sums by prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopPrefixes {
    /// The largest prefixes that have ended, in no particular order.
    tracked: Vec<PrefixSum>,
    /// No prefix that isn't tracked has more bytes.
    floor: u64,
    /// The prefix of the latest keys.
    open: Option<PrefixSum>,
    /// Objects without a slash in their key. In order, they are between those with one.
    root: PrefixSum,
}

impl TopPrefixes {
    /// How many prefixes are tracked at a time.
    pub const TRACKED: usize = 64;

    /// Adds an object. `is_ordered` is whether all keys so far were in order.
    pub fn add(&mut self, key: &str, bytes: u64, is_ordered: bool) {
        let Some(end) = key.find('/') else { return self.root.add(1, bytes) };
        let prefix = &key[..key.floor_char_boundary((end + 1).min(LONGEST_PREFIX))];
        match &mut self.open {
            Some(open) if open.prefix == prefix => open.add(1, bytes),
            open => {
                let next = PrefixSum { prefix: prefix.to_owned(), objects: 1, bytes, error_bytes: 0 };
                if let Some(ended) = open.replace(next) {
                    self.track(ended, is_ordered);
                }
            }
        }
    }

    fn track(&mut self, mut ended: PrefixSum, is_ordered: bool) {
        if !is_ordered {
            if let Some(known) = self.tracked.iter_mut().find(|one| one.prefix == ended.prefix) {
                return known.add(ended.objects, ended.bytes);
            }
            ended.error_bytes = self.floor;
        }
        if self.tracked.len() < Self::TRACKED {
            return self.tracked.push(ended);
        }
        let Some(least) = self.tracked.iter_mut().min_by_key(|one| one.at_most()) else { return };
        if least.at_most() < ended.at_most() {
            std::mem::swap(least, &mut ended);
        }
        self.floor = self.floor.max(ended.at_most());
    }

    /// The `count` largest prefixes, largest first.
    pub fn largest(&self, count: usize, is_ordered: bool) -> Vec<PrefixSum> {
        let mut all = self.clone();
        if let Some(open) = all.open.take() {
            all.track(open, is_ordered);
        }
        let mut largest = all.tracked;
        largest.extend((all.root.objects > 0).then_some(all.root));
        largest.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.prefix.cmp(&b.prefix)));
        largest.truncate(count);
        largest
    }

    /// Whether the sizes are those that this code makes, and not a damaged or forged state.
    pub(super) fn is_bounded(&self) -> bool {
        self.tracked.len() <= Self::TRACKED
            && self.tracked.iter().chain(&self.open).all(|one| one.prefix.len() <= LONGEST_PREFIX)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn prefix_of(key: &str) -> String {
        key.find('/').map_or("", |end| &key[..=end]).to_owned()
    }

    fn true_sums(objects: &[(String, u64)]) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for (key, bytes) in objects {
            *sums.entry(prefix_of(key)).or_default() += bytes;
        }
        sums
    }

    proptest! {
        #[test]
        fn sums_of_an_ordered_list_are_exact(
            objects in proptest::collection::btree_map("[a-d]{1,4}(/[a-c]{1,3})?", 0_u64..1_000, 0..400),
        ) {
            let objects: Vec<_> = objects.into_iter().collect();
            let mut top = TopPrefixes::default();
            for (key, bytes) in &objects {
                top.add(key, *bytes, true);
            }
            let mut expected: Vec<_> = true_sums(&objects).into_iter().collect();
            expected.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            // Which of several prefixes of the same size is dropped doesn't matter.
            let largest: Vec<u64> = top.largest(20, true).iter().map(|one| one.bytes).collect();
            prop_assert_eq!(largest, expected.iter().take(20).map(|one| one.1).collect::<Vec<_>>());
            prop_assert!(top.largest(20, true).iter().all(|one| one.error_bytes == 0));
        }

        #[test]
        fn the_error_of_a_list_without_order_is_bounded(
            objects in proptest::collection::vec(("[a-h]{2}/x", 0_u64..1_000), 0..600),
        ) {
            let mut top = TopPrefixes::default();
            for (key, bytes) in &objects {
                top.add(key, *bytes, false);
            }
            let sums = true_sums(&objects);
            let total: u64 = sums.values().sum();
            let largest = top.largest(TopPrefixes::TRACKED, false);
            for one in &largest {
                let exact = sums[&one.prefix];
                prop_assert!(one.bytes <= exact && exact <= one.at_most(), "{:?} is {}", one, exact);
                prop_assert!(one.error_bytes <= total / TopPrefixes::TRACKED as u64);
            }
            for (prefix, bytes) in &sums {
                let shown = largest.iter().any(|one| one.prefix == *prefix);
                prop_assert!(shown || *bytes <= total / TopPrefixes::TRACKED as u64, "{} is missing", prefix);
            }
        }

        #[test]
        fn interrupted_and_resumed_is_the_same_as_at_once(
            objects in proptest::collection::vec(("[a-d]{1,3}/[a-c]", 0_u64..1_000), 0..200), at in 0_usize..200,
        ) {
            let (mut whole, mut parts) = (TopPrefixes::default(), TopPrefixes::default());
            for (index, (key, bytes)) in objects.iter().enumerate() {
                if index == at {
                    parts = serde_json::from_str(&serde_json::to_string(&parts).unwrap()).unwrap();
                }
                whole.add(key, *bytes, false);
                parts.add(key, *bytes, false);
            }
            prop_assert_eq!(whole, parts);
        }
    }

    #[test]
    fn long_prefixes_are_cut_at_a_character() {
        let mut top = TopPrefixes::default();
        top.add(&format!("{}/x", "ü".repeat(300)), 1, true);
        top.add(&format!("{}ä/y", "ü".repeat(299)), 1, true);
        let largest = top.largest(20, true);
        assert_eq!((largest.len(), largest[0].objects, largest[0].prefix.len()), (1, 2, 256));
        assert!(top.is_bounded());
    }
}
