//! Remembers where the provider's list continues after the last key of a page.
//!
//! The older list operations continue at a key. Not every provider can start a list there: Azure can't at all, and some
//! servers leave keys out. A client that asks for the next page soon, at the same node, continues at the provider's own
//! token instead. Nothing depends on it: if the position isn't known, the list starts after the key.

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use ring::digest::{Context, SHA256};

use crate::routing::page_token::{PagePosition, Scope};

/// The most positions of a node. The least used ones are forgotten.
const POSITIONS: usize = 4_096;
/// How long a position is known. Providers' tokens don't last forever.
const LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// The positions of a node, by list and key.
pub(crate) struct ListPositions(Cache<[u8; 32], (Timestamp, PagePosition)>);

impl ListPositions {
    pub(crate) fn new() -> Self {
        Self(Cache::new(POSITIONS))
    }

    /// Remembers the position after a key.
    pub(crate) fn remember(&self, scope: Scope<'_>, key: &str, position: PagePosition, now: Timestamp) {
        self.0.insert(id(scope, key), (now, position));
    }

    /// The position after a key, if it is known.
    pub(crate) fn find(&self, scope: Scope<'_>, key: &str, now: Timestamp) -> Option<PagePosition> {
        let (at, position) = self.0.get(&id(scope, key))?;
        (now.duration_since(at) < LIFETIME).then_some(position)
    }
}

fn id(scope: Scope<'_>, key: &str) -> [u8; 32] {
    let scope = scope.bytes();
    let mut hash = Context::new(&SHA256);
    hash.update(&scope.len().to_be_bytes());
    hash.update(&scope);
    hash.update(key.as_bytes());
    let mut id = [0; 32];
    id.copy_from_slice(hash.finish().as_ref());
    id
}

#[cfg(test)]
mod tests {
    use bucketry_model::id::{BucketId, RepoId};

    use super::*;

    #[test]
    fn a_position_is_known_for_its_list_and_a_while() {
        let now: Timestamp = "2026-05-01T10:00:00Z".parse().unwrap();
        let scope = |prefix| Scope {
            repository: RepoId::new(now, [1; 10]),
            bucket: BucketId::new(now, [1; 10]),
            prefix,
            delimiter: Some("/"),
        };
        let positions = ListPositions::new();
        let position = PagePosition { token: Some("t".into()), after: None };
        positions.remember(scope("p"), "key", position.clone(), now);
        assert_eq!(positions.find(scope("p"), "key", now), Some(position));
        assert_eq!(positions.find(scope("p"), "other", now), None);
        assert_eq!(positions.find(scope("q"), "key", now), None);
        assert_eq!(positions.find(scope("p"), "key", now + LIFETIME), None);
    }
}
