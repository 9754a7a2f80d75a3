//! `DeleteObject` and `DeleteObjects`.

use std::collections::HashMap;

use bucketry_provider::driver::Conditions;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;

use crate::error::{S3Error, S3Failure};
use crate::execute::write::{MeasuredWrite, SizeAfter};
use crate::execute::{Answer, RequestContext, ResolvedBucket, answer, conditions};
use crate::failure::{Failure, FailureKind};
use crate::operation::{DeleteObject, ObjectKey};
use crate::payload::PayloadBody;
use crate::xml::{self, Document, ObjectToDelete};

/// How many objects of one request are deleted concurrently.
const AT_ONCE: usize = 16;

/// `DeleteObject`. Deleting an object that doesn't exist succeeds.
pub(super) async fn object(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    deleting: DeleteObject,
) -> Answer {
    conditions::none(&deleting.conditions, "DeleteObject")?;
    conditions::no_version(deleting.version.as_ref())?;
    delete(context, resolved, &deleting.key).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

async fn delete(context: &RequestContext, resolved: &ResolvedBucket, key: &ObjectKey) -> Result<(), Failure> {
    let key = resolved.key(key)?;
    let write = MeasuredWrite::prepare(context, resolved, &key, &Conditions::default()).await?;
    let deleted = write.run(SizeAfter::Gone, resolved.driver().delete(&key, None)).await;
    deleted.map(|_| ()).map_err(|error| resolved.failure(&error))
}

/// `DeleteObjects`. Each object succeeds or fails separately. If it is dropped midway, some objects are deleted and
/// some are not.
pub(super) async fn objects(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    payload: PayloadBody,
) -> Answer {
    let document = payload.collect_bounded(xml::MAX_BYTES).await?;
    let wanted = xml::read_delete(&document)?;
    let deleting = by_key(wanted.objects).into_iter().map(|objects| async move {
        let mut outcomes = Vec::with_capacity(objects.len());
        for object in objects {
            let outcome = one(context, resolved, &object).await;
            outcomes.push((object.key, outcome));
        }
        outcomes
    });
    let outcomes: Vec<Vec<(String, Result<(), S3Failure>)>> =
        stream::iter(deleting).buffered(AT_ONCE).collect().await;
    let outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
    let mut document = Document::new("DeleteResult");
    for (key, outcome) in &outcomes {
        match outcome {
            Ok(()) if wanted.quiet => {}
            Ok(()) => document.group("Deleted", |document| document.element("Key", key)),
            Err(failure) => {
                document.group("Error", |document| write_error(document, key, &failure.error));
            }
        }
    }
    // If the provider failed for every object, the whole request fails, so that retries and statistics notice it.
    if outcomes.iter().all(|(_, outcome)| matches!(outcome, Err(S3Failure { fault: Some(_), .. })))
        && let Some((_, Err(failure))) = outcomes.into_iter().next()
    {
        return Err(failure);
    }
    Ok(answer::document(document.finish()))
}

/// Entries with the same key are deleted one after the other. Concurrent deletions would both see the object, and
/// its size would be subtracted twice.
fn by_key(objects: Vec<ObjectToDelete>) -> Vec<Vec<ObjectToDelete>> {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(objects.len());
    let mut groups: Vec<Vec<ObjectToDelete>> = Vec::with_capacity(objects.len());
    for object in objects {
        if let Some(group) = places.get(&object.key).and_then(|resolved| groups.get_mut(*resolved)) {
            group.push(object);
        } else {
            places.insert(object.key.clone(), groups.len());
            groups.push(vec![object]);
        }
    }
    groups
}

async fn one(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    object: &ObjectToDelete,
) -> Result<(), S3Failure> {
    if object.conditional {
        return Err(Failure::new(
            FailureKind::NotImplemented,
            "DeleteObjects does not support conditions, because not every provider has them. Leave them out.",
        )
        .into());
    }
    conditions::no_version(object.version.as_deref().filter(|version| *version != "null"))?;
    Ok(delete(context, resolved, &ObjectKey::new(object.key.clone())?).await?)
}

fn write_error(document: &mut Document, key: &str, error: &S3Error) {
    document.element("Key", key);
    document.element("Code", error.code.as_str());
    document.element("Message", &error.message);
}
