//! `GetObjectTagging`, `PutObjectTagging` and `DeleteObjectTagging` over the tags of a provider without S3.

use http::StatusCode;

use crate::front::s3::operation::Tagging;
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::{conditions, xml};
use crate::object;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;

/// `GetObjectTagging`.
pub(super) async fn get(resolved: &ResolvedBucket, tagging: &Tagging) -> S3Answer {
    conditions::no_version(tagging.version.as_ref())?;
    let key = resolved.key(&tagging.key)?;
    let tags = object::tags::get(resolved, &key).await?;
    Ok(response::document(xml::tagging(&tags)))
}

/// `PutObjectTagging`. If it is dropped midway, the tags may still be stored.
pub(super) async fn put(resolved: &ResolvedBucket, tagging: &Tagging, payload: PayloadBody) -> S3Answer {
    conditions::no_version(tagging.version.as_ref())?;
    let key = resolved.key(&tagging.key)?;
    let document = payload.collect_bounded(xml::MAX_TAGGING_BYTES).await?;
    let tags = xml::read_tags(&document)?;
    object::tags::put(resolved, &key, &tags).await?;
    Ok(response::empty(StatusCode::OK))
}

/// `DeleteObjectTagging`.
pub(super) async fn delete(resolved: &ResolvedBucket, tagging: &Tagging) -> S3Answer {
    conditions::no_version(tagging.version.as_ref())?;
    let key = resolved.key(&tagging.key)?;
    object::tags::put(resolved, &key, &[]).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}
