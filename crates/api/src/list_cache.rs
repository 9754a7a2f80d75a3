//! A cache of finished list responses. An entry is valid as long as its generation.

use bucketry_control::buckets::Generation;
use bucketry_model::id::OrgId;
use bucketry_model::role::Visibility;
use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// The largest response that is cached, in bytes.
pub(crate) const LARGEST: usize = 1 << 20;
/// The approximate size of a key and its cache entry, in bytes.
const OVERHEAD: usize = 256;

/// Everything that a list of buckets depends on. When the generation changes, older responses become unreachable
/// and are evicted as newer ones arrive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ListKey {
    /// The organization that owns the buckets.
    pub(crate) org_id: OrgId,
    /// The buckets that the caller may see, after the workspace filter.
    pub(crate) visible: Visibility,
    /// The state of the data when the list was read.
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

/// Bodies of whole lists, up to a number of bytes.
pub(crate) struct ListCache(Option<Cache<ListKey, Bytes, ByBytes>>);

impl ListCache {
    pub(crate) fn new(bytes: u64) -> Self {
        // A shard must be able to hold several of the largest responses, or it would cache none of them.
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
