//! Deletes objects.

use bucketry_provider::driver::{Conditions, S3Protocol, VersionId};
use bucketry_provider::error::ErrorKind;
use futures_util::{StreamExt as _, stream};

use crate::failure::{Failure, FailureKind};
use crate::object::context::RequestContext;
use crate::object::measured_write::{MeasuredWrite, SizeAfter};
use crate::routing::object_key::ObjectKey;
use crate::routing::resolved_bucket::ResolvedBucket;

/// How many objects of one request are deleted concurrently.
const AT_ONCE: usize = 16;

/// What a request deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToDelete {
    pub(crate) key: ObjectKey,
    /// Whether to delete the version `null` permanently. Otherwise, a bucket with versioning retains the object as an
    /// earlier version.
    pub(crate) is_null: bool,
}

/// Deletes an object. Deleting an object that doesn't exist succeeds.
pub(crate) async fn delete(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    ToDelete { key, is_null }: &ToDelete,
) -> Result<(), Failure> {
    let key = resolved.key(key)?;
    let version = if *is_null { null_version(resolved, &key).await? } else { None };
    let write = MeasuredWrite::prepare(context, resolved, &key, &Conditions::default()).await?;
    let deleted = write.run(SizeAfter::Gone, resolved.driver().delete(&key, version.as_ref())).await;
    deleted.map(|_| ()).map_err(|error| resolved.failure(&error))
}

/// The provider's name for the version `null`, which is the current version in lists. `None` if the bucket has no
/// versioning. Fails if the current version has another name: to delete it permanently would bring back the version
/// before, and to hide it is not what the request asks for. `key` includes the repository's folder.
async fn null_version(resolved: &ResolvedBucket, key: &str) -> Result<Option<VersionId>, Failure> {
    let can = resolved.driver().capabilities();
    let null = || VersionId::new("null").ok();
    let current = match resolved.driver().head(key, &Conditions::default()).await {
        Ok(info) => info.version,
        // The current version may be a delete marker, or the credential may not read.
        Err(error) => match error.kind() {
            Some(ErrorKind::NotFound | ErrorKind::ObjectNotFound | ErrorKind::AccessDenied) => {
                return Ok(null().filter(|_| can.protocol == S3Protocol::Whole));
            }
            _ => return Err(resolved.failure(&error)),
        },
    };
    match current {
        None => Ok(None),
        Some(version) if version == "null" => Ok(null()),
        Some(version) if can.version_of_every_object => Ok(VersionId::new(version).ok()),
        Some(_) => Err(Failure::new(
            FailureKind::NotImplemented,
            "The bucket has versioning, and the object's current version is not the version null. Send the request \
             without versionId: the provider then retains the object as an earlier version.",
        )),
    }
}

/// Deletes objects, several at once. Each succeeds or fails separately, in the order of the objects. If it is dropped
/// midway, some objects are deleted and some are not.
///
/// Equal keys must follow each other. They are deleted one after the other: concurrent deletions would both see the
/// object, and its size would be subtracted twice.
pub(crate) async fn delete_each(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    objects: &[ToDelete],
) -> Vec<Result<(), Failure>> {
    let groups: Vec<Vec<ToDelete>> =
        objects.chunk_by(|one, other| one.key == other.key).map(<[_]>::to_vec).collect();
    let deleting = groups.into_iter().map(|same| async move {
        let mut outcomes = Vec::with_capacity(same.len());
        for object in same {
            outcomes.push(delete(context, resolved, &object).await);
        }
        outcomes
    });
    let outcomes: Vec<Vec<Result<(), Failure>>> = stream::iter(deleting).buffered(AT_ONCE).collect().await;
    outcomes.into_iter().flatten().collect()
}
