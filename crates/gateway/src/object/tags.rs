//! The tags of objects, at providers that store them.

use bucketry_provider::driver::Tag;

use crate::failure::Failure;
use crate::routing::resolved_bucket::ResolvedBucket;

/// The tags of an object, by name. `key` includes the repository's folder. Providers return them in any order.
pub(crate) async fn get(resolved: &ResolvedBucket, key: &str) -> Result<Vec<Tag>, Failure> {
    let mut tags = resolved.driver().get_tags(key).await.map_err(|error| resolved.tags_failure(&error))?;
    tags.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    Ok(tags)
}

/// Replaces the tags of an object. `key` includes the repository's folder. If it is dropped midway, the tags may
/// still be stored.
pub(crate) async fn put(resolved: &ResolvedBucket, key: &str, tags: &[Tag]) -> Result<(), Failure> {
    resolved.driver().put_tags(key, tags).await.map_err(|error| resolved.tags_failure(&error))
}
