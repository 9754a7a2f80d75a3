//! Sums over a list of objects, in bounded memory.

use serde::{Deserialize, Serialize};

use super::top_prefixes::TopPrefixes;

/// The largest number of storage classes that are told apart. Providers have about ten.
const MOST_CLASSES: usize = 16;
/// The longest name of a storage class, in bytes.
const LONGEST_CLASS: usize = 64;
/// The name under which further classes are counted.
const OTHER: &str = "OTHER";

/// The objects of a storage class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassSum {
    /// The provider's name of the class. `OTHER` also counts the classes after the first 15.
    pub class: String,
    /// Number of objects.
    pub objects: u64,
    /// Sum of their sizes.
    pub bytes: u64,
}

/// Sums over the objects that were listed so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventorySum {
    /// Number of objects.
    pub objects: u64,
    /// Sum of their sizes.
    pub bytes: u64,
    /// The same by storage class, if the provider lists it. In the order in which the classes were first seen.
    pub classes: Vec<ClassSum>,
    /// Sums by prefix.
    pub prefixes: TopPrefixes,
    /// The last key that was listed.
    pub last_key: Option<String>,
    /// Whether all keys were in the order of their bytes.
    pub is_ordered: bool,
}

impl Default for InventorySum {
    fn default() -> Self {
        Self {
            objects: 0,
            bytes: 0,
            classes: Vec::new(),
            prefixes: TopPrefixes::default(),
            last_key: None,
            is_ordered: true,
        }
    }
}

impl InventorySum {
    /// Adds an object.
    pub fn add(&mut self, key: &str, bytes: u64, class: Option<&str>) {
        self.objects = self.objects.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(class) = class {
            self.add_class(&class[..class.floor_char_boundary(LONGEST_CLASS)], bytes);
        }
        if self.last_key.as_deref().is_some_and(|last| key <= last) {
            self.is_ordered = false;
        }
        self.prefixes.add(key, bytes, self.is_ordered);
        match &mut self.last_key {
            Some(last) => key.clone_into(last),
            None => self.last_key = Some(key.to_owned()),
        }
    }

    fn add_class(&mut self, class: &str, bytes: u64) {
        let named = |name: &str| self.classes.iter().position(|one| one.class == name);
        let is_full = self.classes.len() >= MOST_CLASSES - 1;
        let known = named(class).or_else(|| named(OTHER).filter(|_| is_full));
        let index = known.unwrap_or(self.classes.len());
        if known.is_none() {
            let class = if is_full { OTHER } else { class };
            self.classes.push(ClassSum { class: class.to_owned(), objects: 0, bytes: 0 });
        }
        if let Some(sum) = self.classes.get_mut(index) {
            sum.objects = sum.objects.saturating_add(1);
            sum.bytes = sum.bytes.saturating_add(bytes);
        }
    }

    /// Whether the sizes are those that this code makes.
    pub(super) fn is_bounded(&self) -> bool {
        self.classes.len() <= MOST_CLASSES
            && self.classes.iter().all(|one| one.class.len() <= LONGEST_CLASS)
            && self.prefixes.is_bounded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_bounded_and_none_is_lost() {
        let mut sum = InventorySum::default();
        for number in 0..100 {
            sum.add(&format!("k{number:03}"), 10, Some(&format!("CLASS-{number}")));
        }
        sum.add("l", 1, None);
        sum.add("m", 5, Some("CLASS-0"));
        assert_eq!((sum.classes.len(), sum.objects, sum.bytes), (16, 102, 1_006));
        let other = ClassSum { class: "OTHER".to_owned(), objects: 85, bytes: 850 };
        assert_eq!(sum.classes.last(), Some(&other));
        assert_eq!(sum.classes[0].bytes, 15);
        assert!(sum.is_bounded());
    }

    #[test]
    fn keys_that_go_back_or_repeat_are_noticed() {
        for (keys, is_ordered) in
            [(["a", "a/", "b"], true), (["b", "a", "c"], false), (["a", "a", "b"], false)]
        {
            let mut sum = InventorySum::default();
            for key in keys {
                sum.add(key, 1, None);
            }
            assert_eq!(sum.is_ordered, is_ordered, "{keys:?}");
        }
    }

    #[test]
    fn sums_beyond_all_measure_stay_at_the_largest_number() {
        let mut sum = InventorySum::default();
        sum.add("a", u64::MAX, Some("X"));
        sum.add("b", u64::MAX, Some("X"));
        assert_eq!((sum.bytes, sum.classes[0].bytes), (u64::MAX, u64::MAX));
    }
}
