//! The lookup of the key that a request names.

use std::cell::Cell;
use std::sync::Arc;

use bucketry_model::id::RepoKeyId;

use crate::routing::registry::{Registry, ServedKey};

/// The outcome of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedKey {
    /// There is no such key.
    Unknown,
    /// The key exists. Nothing is proven yet.
    Known(RepoKeyId),
}

/// Looks up the key of one request and remembers the outcome, for the report in case the request is refused.
pub(crate) struct KeyLookup<'r> {
    registry: &'r Registry,
    named: Cell<Option<NamedKey>>,
}

impl<'r> KeyLookup<'r> {
    pub(crate) fn new(registry: &'r Registry) -> Self {
        Self { registry, named: Cell::new(None) }
    }

    /// Finds a key by its access key id.
    pub(crate) fn key(&self, access_key: &str) -> Option<Arc<ServedKey>> {
        let key = self.registry.key(access_key);
        self.named.set(Some(key.as_ref().map_or(NamedKey::Unknown, |key| NamedKey::Known(key.key.id))));
        key
    }

    /// Whether the node knows all keys.
    pub(crate) fn is_complete(&self) -> bool {
        self.registry.is_complete()
    }

    /// Whether what the node knows about keys is too old to be used.
    pub(crate) fn is_stale(&self) -> bool {
        self.registry.is_stale()
    }

    /// The key that the request named. `None` if it was refused before one was looked up.
    pub(crate) fn named(&self) -> Option<NamedKey> {
        self.named.get()
    }
}
