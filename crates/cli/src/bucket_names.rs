//! The names of the buckets that statistics are about.

use std::collections::{HashMap, HashSet};

use bucketry_api_types::bucket::BucketInfo;
use bucketry_client::ApiClient;
use bucketry_model::id::BucketId;

use crate::failure::Result;

/// Buckets per request.
const PAGE: u32 = 1_000;
/// Up to this number, buckets are asked for one by one instead of being looked up in the list of all.
const FEW: usize = 10;

/// Names by id.
#[derive(Debug, Default)]
pub(crate) struct BucketNames(HashMap<BucketId, String>);

impl BucketNames {
    /// The name of a bucket that is known already.
    pub(crate) fn of(bucket: &BucketInfo<'_>) -> Self {
        Self(HashMap::from([(bucket.id, bucket.name.to_string())]))
    }

    /// Reads names. Buckets that were removed, or that the caller can't see any more, have none.
    pub(crate) async fn read(client: &ApiClient, ids: impl Iterator<Item = BucketId>) -> Result<Self> {
        let mut missing: HashSet<BucketId> = ids.collect();
        let mut names = HashMap::new();
        if missing.len() <= FEW {
            for id in missing {
                match client.bucket(id).await {
                    Ok(bucket) => _ = names.insert(id, bucket.name.into_owned()),
                    Err(error) if matches!(error.status(), Some(403 | 404)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            return Ok(Self(names));
        }
        let mut cursor = None;
        loop {
            let page = client.buckets(None, Some(PAGE), cursor.as_deref()).await?;
            for bucket in page.buckets {
                if missing.remove(&bucket.id) {
                    names.insert(bucket.id, bucket.name.into_owned());
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() || missing.is_empty() {
                return Ok(Self(names));
            }
        }
    }

    /// What to call a bucket: its id if there is no name any more.
    pub(crate) fn name(&self, id: BucketId) -> String {
        self.0.get(&id).cloned().unwrap_or_else(|| format!("(removed) {id}"))
    }
}
