//! When the keys of repositories were last used, until this is reported.

use std::collections::HashMap;

use bucketry_model::id::RepoKeyId;
use bucketry_model::node_protocol::{KeyUse, MAX_BATCH};
use jiff::Timestamp;
use parking_lot::Mutex;

/// How many keys are remembered. Uses of further keys are dropped until the next report.
const MAX_KEYS: usize = 100_000;

/// The latest use of each key.
#[derive(Debug, Default)]
pub(crate) struct KeyUses(Mutex<HashMap<RepoKeyId, Timestamp>>);

impl KeyUses {
    /// Records a use that was just made. It replaces an earlier record even if that has a later time, because the
    /// clock may have been set back in between.
    pub(crate) fn note(&self, key_use: KeyUse) {
        let mut uses = self.0.lock();
        if uses.len() < MAX_KEYS || uses.contains_key(&key_use.key_id) {
            uses.insert(key_use.key_id, key_use.at);
        }
    }

    /// Takes as many uses as fit one message.
    pub(crate) fn take(&self) -> Vec<KeyUse> {
        let mut uses = self.0.lock();
        let taken: Vec<_> =
            uses.iter().take(MAX_BATCH).map(|(key_id, at)| KeyUse { key_id: *key_id, at: *at }).collect();
        for key_use in &taken {
            uses.remove(&key_use.key_id);
        }
        taken
    }

    /// Puts back uses that weren't delivered.
    pub(crate) fn put_back(&self, uses: Vec<KeyUse>) {
        let mut noted = self.0.lock();
        for key_use in uses {
            if noted.len() < MAX_KEYS || noted.contains_key(&key_use.key_id) {
                // A use that was recorded in the meantime is the later one.
                noted.entry(key_use.key_id).or_insert(key_use.at);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_use_that_was_made_last_counts_whatever_the_clock_says() {
        let key_id = RepoKeyId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let at = |second| KeyUse { key_id, at: Timestamp::from_second(second).unwrap() };
        let uses = KeyUses::default();
        uses.note(at(1));
        let failed = uses.take();
        uses.note(at(3));
        uses.put_back(failed);
        assert_eq!(uses.take(), [at(3)]);
        uses.note(at(172_800));
        uses.note(at(4));
        assert_eq!(uses.take(), [at(4)]);
        assert!(uses.is_empty());
    }
}
