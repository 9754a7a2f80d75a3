//! Reads objects and what is known about them.

use bucketry_provider::conditions::judge;
use bucketry_provider::driver::{ByteRange, Conditions, GetRequest, ObjectInfo, ObjectRead};
use bucketry_provider::error::{ErrorKind, ProviderError, Unmodified};
use http::HeaderValue;

use crate::failure::{Failure, FailureKind};
use crate::object::range::RangeCondition;
use crate::object::{conditions, range};
use crate::routing::object_key::ObjectKey;
use crate::routing::resolved_bucket::ResolvedBucket;

/// What is known about an object.
pub(crate) struct ObjectHead {
    pub(crate) info: ObjectInfo,
    /// The first and last byte of the range, if one was asked for and the size is known.
    pub(crate) range: Option<(u64, u64)>,
}

/// Why nothing is read.
pub(crate) enum NotRead {
    /// The object hasn't changed.
    Unmodified(Unmodified),
    Failed(Failure),
}

impl From<Failure> for NotRead {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl NotRead {
    fn of(resolved: &ResolvedBucket, error: &ProviderError) -> Self {
        match error.answer().and_then(|answer| answer.unmodified.clone()) {
            Some(unmodified) => Self::Unmodified(unmodified),
            None => Self::Failed(resolved.failure(error)),
        }
    }

    /// Adds the entity tag if the provider left it out, and the condition doesn't contain it: S3 always returns it. If the
    /// object was modified in the meantime, its tag isn't that of the client's copy, and none is added.
    async fn with_tag(self, resolved: &ResolvedBucket, key: &str, conditions: &Conditions) -> Self {
        let is_known = conditions.if_none_match.as_deref().is_some_and(|tag| !tag.contains([',', '*']));
        match self {
            Self::Unmodified(mut unmodified) if unmodified.etag.is_none() && !is_known => {
                if let Ok(info) = resolved.driver().head(key, &Conditions::default()).await
                    && judge(conditions, info.etag.as_deref(), info.last_modified)
                        == Err(ErrorKind::NotModified)
                {
                    unmodified.etag = info.etag.and_then(|etag| HeaderValue::try_from(etag).ok());
                }
                Self::Unmodified(unmodified)
            }
            other => other,
        }
    }

    fn is_outside(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.kind == FailureKind::InvalidRange)
    }
}

/// Reads an object. `same` is the condition for reading only the range.
pub(crate) async fn get(
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    mut request: GetRequest,
    same: Option<&RangeCondition>,
) -> Result<ObjectRead, NotRead> {
    conditions::of_reading(&request.conditions, resolved.driver().capabilities())?;
    let key = resolved.key(key)?;
    let part = match resolved.driver().get(&key, &request).await {
        Ok(read) => Ok(read),
        Err(error) => Err(NotRead::of(resolved, &error).with_tag(resolved, &key, &request.conditions).await),
    };
    let Some(same) = same else { return part };
    match &part {
        Ok(read) if read.range.is_some() && !is_same(same, &read.info) => {}
        Err(failure) if failure.is_outside() => {}
        _ => return part,
    }
    request.range = None;
    let whole = resolved.driver().get(&key, &request).await;
    let whole = whole.map_err(|error| NotRead::of(resolved, &error))?;
    // The range is outside of the object that the client has a part of.
    if part.is_err() && is_same(same, &whole.info) { part } else { Ok(whole) }
}

fn is_same(condition: &RangeCondition, info: &ObjectInfo) -> bool {
    condition.holds(info.etag.as_deref(), info.last_modified)
}

/// What is known about an object, without its content. `same` is the condition for the range.
pub(crate) async fn head(
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    wanted: Option<ByteRange>,
    same: Option<&RangeCondition>,
    conditions: &Conditions,
) -> Result<ObjectHead, NotRead> {
    conditions::of_reading(conditions, resolved.driver().capabilities())?;
    let key = resolved.key(key)?;
    let info = match resolved.driver().head(&key, conditions).await {
        Ok(info) => info,
        Err(error) => return Err(NotRead::of(resolved, &error).with_tag(resolved, &key, conditions).await),
    };
    let wanted = wanted.filter(|_| same.is_none_or(|same| is_same(same, &info)));
    let range = match (wanted, info.size) {
        (Some(wanted), Some(size)) => Some(range::resolve(wanted, size)?),
        _ => None,
    };
    Ok(ObjectHead { info, range })
}
