//! By how much the stored size changes: the size after less the size before, where both are known.

use bucketry_provider::driver::Conditions;
use bucketry_provider::error::ErrorKind;

use crate::carry::{Context, Place};

/// How large an object is that is about to be written or deleted; 0 if there is none, `None` if it isn't known or not
/// measured.
pub(crate) async fn before(context: Context<'_>, place: &Place<'_>, key: &str) -> Option<u64> {
    if !context.settings.measure_size_change {
        return None;
    }
    match place.driver.head(key, &Conditions::default()).await {
        Ok(info) => info.size,
        Err(error) => match error.kind() {
            Some(ErrorKind::ObjectNotFound | ErrorKind::NotFound) => Some(0),
            // The write itself will meet what is wrong, if it matters to it.
            _ => None,
        },
    }
}

/// As [`before`], for an object that is stored under conditions.
pub(crate) async fn before_storing(
    context: Context<'_>,
    place: &Place<'_>,
    key: &str,
    conditions: &Conditions,
) -> Option<u64> {
    match conditions.if_none_match {
        // What is only stored if there is nothing replaces nothing.
        Some(_) if context.settings.measure_size_change => Some(0),
        _ => before(context, place, key).await,
    }
}

/// How large an object is that was just written; as [`before`].
pub(crate) async fn after(context: Context<'_>, place: &Place<'_>, key: &str) -> Option<u64> {
    before(context, place, key).await
}

/// The change.
pub(crate) fn change(before: Option<u64>, after: Option<u64>) -> i64 {
    match (before, after) {
        (Some(before), Some(after)) => {
            let signed = |size| i64::try_from(size).unwrap_or(i64::MAX);
            signed(after) - signed(before)
        }
        _ => 0,
    }
}
