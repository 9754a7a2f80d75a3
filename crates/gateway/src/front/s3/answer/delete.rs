//! `DeleteObject` and `DeleteObjects`.

use std::collections::HashMap;

use http::StatusCode;

use crate::failure::{Failure, FailureKind};
use crate::front::s3::conditions;
use crate::front::s3::error::{S3Error, S3Failure};
use crate::front::s3::operation::{DeleteObject, ObjectKey};
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::xml::{self, Document, ObjectToDelete};
use crate::object;
use crate::object::context::RequestContext;
use crate::object::delete::ToDelete;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;

/// `DeleteObject`. Deleting an object that doesn't exist succeeds.
pub(super) async fn object(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    deleting: DeleteObject,
) -> S3Answer {
    conditions::none(&deleting.conditions, "DeleteObject")?;
    conditions::no_version(deleting.version.as_ref())?;
    let DeleteObject { key, is_null, .. } = deleting;
    object::delete::delete(context, resolved, &ToDelete { key, is_null }).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// `DeleteObjects`. Each object succeeds or fails separately. If it is dropped midway, some objects are deleted and
/// some are not.
pub(super) async fn objects(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    payload: PayloadBody,
) -> S3Answer {
    let document = payload.collect_bounded(xml::MAX_BYTES).await?;
    let wanted = xml::read_delete(&document)?;
    let objects = by_key(wanted.objects);
    let checked: Vec<Result<ToDelete, S3Failure>> = objects.iter().map(checked).collect();
    let wanted_objects: Vec<ToDelete> =
        checked.iter().filter_map(|object| object.as_ref().ok().cloned()).collect();
    let mut deleted = object::delete::delete_each(context, resolved, &wanted_objects).await.into_iter();
    let outcomes: Vec<(String, Result<(), S3Failure>)> = objects
        .into_iter()
        .zip(checked)
        .map(|(object, key)| {
            let outcome = key.and_then(|_| match deleted.next() {
                Some(outcome) => outcome.map_err(S3Failure::from),
                None => Err(Failure::new(FailureKind::Internal, "The object was left out.").into()),
            });
            (object.key, outcome)
        })
        .collect();
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
    Ok(response::document(document.finish()))
}

/// Brings entries with the same key together, in the order of their first.
fn by_key(objects: Vec<ObjectToDelete>) -> Vec<ObjectToDelete> {
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
    groups.into_iter().flatten().collect()
}

fn checked(object: &ObjectToDelete) -> Result<ToDelete, S3Failure> {
    if object.conditional {
        let message =
            "DeleteObjects does not support conditions, because not every provider has them. Leave them out.";
        return Err(Failure::new(FailureKind::NotImplemented, message).into());
    }
    let is_null = object.version.as_deref() == Some("null");
    conditions::no_version(object.version.as_deref().filter(|_| !is_null))?;
    Ok(ToDelete { key: ObjectKey::new(object.key.clone())?, is_null })
}

fn write_error(document: &mut Document, key: &str, error: &S3Error) {
    document.element("Key", key);
    document.element("Code", error.code.as_str());
    document.element("Message", &error.message);
}
