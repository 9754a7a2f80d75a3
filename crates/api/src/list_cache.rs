//! Finished list answers, kept as long as they are true.

use bucketry_control::buckets::Generation;
use bucketry_model::id::OrgId;
use bucketry_model::role::Visibility;
use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// The largest answer that is kept.
pub(crate) const LARGEST: usize = 1 << 20;
/// About what a key and its place take, in bytes.
const OVERHEAD: usize = 256;

/// Everything that a list of buckets depends on. A change of the generation makes older answers unreachable; they
/// fall out of the cache as newer ones come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ListKey {
    /// Whose buckets.
    pub(crate) org_id: OrgId,
    /// Which of them, workspace filter included.
    pub(crate) visible: Visibility,
    /// As of when.
    pub(crate) generation: Generation,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<ListKey, Bytes> for ByBytes {
    fn weight(&self, key: &ListKey, answer: &Bytes) -> u64 {
        let workspaces = match &key.visible {
            Visibility::Organization => 0,
            Visibility::Workspaces(ids) => ids.len() * 16,
        };
        (answer.len() + workspaces + OVERHEAD) as u64
    }
}

/// Bodies of whole lists, at most so many bytes of them.
pub(crate) struct ListCache(Option<Cache<ListKey, Bytes, ByBytes>>);

impl ListCache {
    pub(crate) fn new(bytes: u64) -> Self {
        // A shard must hold several of the largest answers, or it would keep none of them.
        let shards = usize::try_from(bytes / (8 * LARGEST as u64)).unwrap_or(1).clamp(1, 8);
        let options = OptionsBuilder::new()
            .shards(shards)
            .weight_capacity(bytes)
            .estimated_items_capacity(1_024)
            .build();
        let make = |options| {
            Cache::with_options(
                options,
                ByBytes,
                DefaultHashBuilder::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            )
        };
        Self(options.ok().filter(|_| bytes > 0).map(make))
    }

    pub(crate) fn get(&self, key: &ListKey) -> Option<Bytes> {
        self.0.as_ref()?.get(key)
    }

    pub(crate) fn insert(&self, key: ListKey, answer: Bytes) {
        if let Some(cache) = &self.0
            && answer.len() <= LARGEST
        {
            cache.insert(key, answer);
        }
    }
}
