//! Reads objects and what is known about them. Unmodified objects are failures of kind `NotModified`.

use bucketry_provider::driver::{ByteRange, Conditions, GetRequest, ObjectInfo, ObjectRead};

use crate::failure::Failure;
use crate::object::{conditions, range};
use crate::routing::object_key::ObjectKey;
use crate::routing::resolved_bucket::ResolvedBucket;

/// What is known about an object.
pub(crate) struct ObjectHead {
    pub(crate) info: ObjectInfo,
    /// The first and last byte of the range, if one was asked for and the size is known.
    pub(crate) range: Option<(u64, u64)>,
}

/// Reads an object.
pub(crate) async fn get(
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    request: &GetRequest,
) -> Result<ObjectRead, Failure> {
    conditions::of_reading(&request.conditions, resolved.driver().capabilities())?;
    let key = resolved.key(key)?;
    resolved.driver().get(&key, request).await.map_err(|error| resolved.failure(&error))
}

/// What is known about an object, without its content.
pub(crate) async fn head(
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    wanted: Option<ByteRange>,
    conditions: &Conditions,
) -> Result<ObjectHead, Failure> {
    conditions::of_reading(conditions, resolved.driver().capabilities())?;
    let key = resolved.key(key)?;
    let head = resolved.driver().head(&key, conditions).await;
    let info = head.map_err(|error| resolved.failure(&error))?;
    let range = match (wanted, info.size) {
        (Some(wanted), Some(size)) => Some(range::resolve(wanted, size)?),
        _ => None,
    };
    Ok(ObjectHead { info, range })
}
