//! The state of a walk through a bucket's list, and its result.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::sum::{ClassSum, InventorySum};
use super::top_prefixes::PrefixSum;

/// The largest size of a stored state, in bytes. 64 prefixes, a token and a key are far less, even if JSON escapes
/// every character of them.
pub const MAX_STATE_BYTES: usize = 256 << 10;
/// How many prefixes a result shows.
const SHOWN_PREFIXES: usize = 20;

/// How far a walk has come. Stored as JSON text, so that another node, or the same one after a crash, can continue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WalkState {
    /// The sums over the pages that were read.
    pub sum: InventorySum,
    /// The provider's token of the next page. `None` before the first page.
    #[serde(default)]
    pub token: Option<String>,
    /// Requests for pages so far, including failed and repeated ones.
    pub requests: u64,
    /// Time spent walking, in milliseconds. Without the time between interruption and continuation.
    pub active_ms: u64,
    /// How often the walk had to start over, because the provider no longer accepted a token.
    pub restarts: u32,
}

impl WalkState {
    /// Parses a stored state. `None` if it is damaged, or written by a version that counts otherwise: the walk then
    /// starts over.
    pub fn from_text(text: &str) -> Option<Self> {
        if text.len() > MAX_STATE_BYTES {
            return None;
        }
        serde_json::from_str(text).ok().filter(|state: &Self| state.sum.is_bounded())
    }

    /// The state as text. `None` if it is larger than a stored state may be.
    pub fn to_text(&self) -> Option<String> {
        serde_json::to_string(self).ok().filter(|text| text.len() <= MAX_STATE_BYTES)
    }

    /// Discards everything but the effort, to begin again with the first page.
    pub fn start_over(&mut self) {
        self.sum = InventorySum::default();
        self.token = None;
        self.restarts = self.restarts.saturating_add(1);
    }
}

/// The result of a whole walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// When the walk began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Number of objects.
    pub objects: u64,
    /// Sum of their sizes.
    pub bytes: u64,
    /// The same by storage class. Empty if the provider doesn't list classes.
    pub classes: Vec<ClassSum>,
    /// The prefixes of depth 1 with the most bytes, largest first, at most 20.
    pub prefixes: Vec<PrefixSum>,
    /// Whether the provider listed the keys in order. If not, the sums by prefix may have an error.
    pub is_ordered: bool,
    /// Requests for pages.
    pub requests: u64,
    /// Time spent walking, in milliseconds.
    pub active_ms: u64,
    /// How often the walk had to start over.
    pub restarts: u32,
}

impl Inventory {
    /// The result of a walk that has reached the end of the list.
    pub fn of(state: WalkState, started_at: Timestamp, finished_at: Timestamp) -> Self {
        let WalkState { sum, requests, active_ms, restarts, .. } = state;
        let mut classes = sum.classes;
        classes.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.class.cmp(&b.class)));
        Self {
            started_at,
            finished_at,
            objects: sum.objects,
            bytes: sum.bytes,
            classes,
            prefixes: sum.prefixes.largest(SHOWN_PREFIXES, sum.is_ordered),
            is_ordered: sum.is_ordered,
            requests,
            active_ms,
            restarts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_and_stays_small_with_a_million_prefixes() {
        let mut state = WalkState::default();
        for number in 0..1_000_000_u64 {
            state.sum.add(&format!("{number:07}/object"), number, Some("STANDARD"));
        }
        let text = state.to_text().unwrap();
        assert!(text.len() < 8 << 10, "{}", text.len());
        assert_eq!(WalkState::from_text(&text).as_ref(), Some(&state));
        let inventory = Inventory::of(state, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let sizes: Vec<u64> = inventory.prefixes.iter().map(|one| one.bytes).collect();
        assert_eq!(sizes, (0..20).map(|rank| 999_999 - rank).collect::<Vec<_>>());
    }

    #[test]
    fn a_state_with_the_longest_texts_fits() {
        let mut state = WalkState { token: Some("\u{1}".repeat(4_096)), ..WalkState::default() };
        for number in 0..100_u64 {
            state.sum.add(
                &format!("{number:03}{}/x", "\u{1}".repeat(1_020)),
                number,
                Some(&"\u{1}".repeat(64)),
            );
        }
        assert!(state.to_text().is_some());
    }

    #[test]
    fn damaged_states_are_none() {
        for text in ["", "{}", "[1]", "{\"sum\":null}"] {
            assert_eq!(WalkState::from_text(text), None, "{text}");
        }
        assert_eq!(WalkState::from_text(&" ".repeat(MAX_STATE_BYTES + 1)), None);
    }
}
