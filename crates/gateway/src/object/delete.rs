//! Deletes objects.

use bucketry_provider::driver::Conditions;
use futures_util::{StreamExt as _, stream};

use crate::failure::Failure;
use crate::object::context::RequestContext;
use crate::object::measured_write::{MeasuredWrite, SizeAfter};
use crate::routing::object_key::ObjectKey;
use crate::routing::resolved_bucket::ResolvedBucket;

/// How many objects of one request are deleted concurrently.
const AT_ONCE: usize = 16;

/// Deletes an object. Deleting an object that doesn't exist succeeds.
pub(crate) async fn delete(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    key: &ObjectKey,
) -> Result<(), Failure> {
    let key = resolved.key(key)?;
    let write = MeasuredWrite::prepare(context, resolved, &key, &Conditions::default()).await?;
    let deleted = write.run(SizeAfter::Gone, resolved.driver().delete(&key, None)).await;
    deleted.map(|_| ()).map_err(|error| resolved.failure(&error))
}

/// Deletes objects, several at once. Each succeeds or fails separately, in the order of the keys. If it is dropped
/// midway, some objects are deleted and some are not.
///
/// Equal keys must follow each other. They are deleted one after the other: concurrent deletions would both see the
/// object, and its size would be subtracted twice.
pub(crate) async fn delete_each(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    keys: &[ObjectKey],
) -> Vec<Result<(), Failure>> {
    let groups: Vec<Vec<ObjectKey>> = keys.chunk_by(|one, other| one == other).map(<[_]>::to_vec).collect();
    let deleting = groups.into_iter().map(|same| async move {
        let mut outcomes = Vec::with_capacity(same.len());
        for key in same {
            outcomes.push(delete(context, resolved, &key).await);
        }
        outcomes
    });
    let outcomes: Vec<Vec<Result<(), Failure>>> = stream::iter(deleting).buffered(AT_ONCE).collect().await;
    outcomes.into_iter().flatten().collect()
}
