//! `GetObjectTagging`, `PutObjectTagging` and `DeleteObjectTagging` over the tags of a provider without S3.

use http::StatusCode;

use crate::execute::{Answer, ResolvedBucket, answer, conditions};
use crate::operation::Tagging;
use crate::payload::PayloadBody;
use crate::xml;

/// `GetObjectTagging`.
pub(super) async fn get(resolved: &ResolvedBucket, tagging: &Tagging) -> Answer {
    conditions::no_version(tagging.version.as_ref())?;
    let key = resolved.key(&tagging.key)?;
    let tags = resolved.driver().get_tags(&key).await.map_err(|error| resolved.tags_failure(&error))?;
    Ok(answer::document(xml::tagging(&tags)))
}

/// `PutObjectTagging`. If it is dropped midway, the tags may still be stored.
pub(super) async fn put(resolved: &ResolvedBucket, tagging: &Tagging, payload: PayloadBody) -> Answer {
    conditions::no_version(tagging.version.as_ref())?;
    let key = resolved.key(&tagging.key)?;
    let document = payload.collect_bounded(xml::MAX_TAGGING_BYTES).await?;
    let tags = xml::read_tags(&document)?;
    resolved.driver().put_tags(&key, &tags).await.map_err(|error| resolved.tags_failure(&error))?;
    Ok(answer::empty(StatusCode::OK))
}

/// `DeleteObjectTagging`.
pub(super) async fn delete(resolved: &ResolvedBucket, tagging: &Tagging) -> Answer {
    conditions::no_version(tagging.version.as_ref())?;
    let key = resolved.key(&tagging.key)?;
    resolved.driver().put_tags(&key, &[]).await.map_err(|error| resolved.tags_failure(&error))?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
