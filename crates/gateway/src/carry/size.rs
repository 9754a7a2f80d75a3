//! By how much the stored size changes: the size after less the size before, where both are known.

use std::time::Duration;

use bucketry_provider::driver::Conditions;
use bucketry_provider::error::{ErrorKind, ProviderError};
use tokio::time::timeout;

use crate::carry::{Context, Place};

/// How long the look at what was written may keep a client waiting.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

/// How large an object is that is about to be written or deleted; 0 if there is none, `None` if it isn't known or not
/// measured.
pub(crate) async fn before(context: Context<'_>, place: &Place<'_>, key: &str) -> Option<u64> {
    if !context.settings.measure_size_change {
        return None;
    }
    // The write itself will meet what is wrong, if it matters to it.
    look(place, key, &[Duration::from_millis(100)]).await
}

/// Asks for the size, and once more after each pause while the provider fails.
async fn look(place: &Place<'_>, key: &str, pauses: &[Duration]) -> Option<u64> {
    let mut pauses = pauses.iter();
    loop {
        let error = match place.driver.head(key, &Conditions::default()).await {
            Ok(info) => return info.size,
            Err(error) => error,
        };
        match error.kind() {
            Some(kind) if counts_as_nothing(kind) => return Some(0),
            Some(ErrorKind::Internal | ErrorKind::Throttled) => {}
            None if matches!(error, ProviderError::BrokenOff) => {}
            _ => return None,
        }
        tokio::time::sleep(*pauses.next()?).await;
    }
}

/// Whether nothing is counted of an object whose size was answered with this. S3 tells those who may not list nothing but
/// "denied" of an object that isn't there; and of one under its client's own key, for which a request without the key is
/// malformed, nobody else could ask when it is deleted.
fn counts_as_nothing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ObjectNotFound | ErrorKind::NotFound | ErrorKind::AccessDenied | ErrorKind::Invalid
    )
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

/// How large an object is that was just written; as [`before`], with more patience: nobody will ask again.
pub(crate) async fn after(context: Context<'_>, place: &Place<'_>, key: &str) -> Option<u64> {
    if !context.settings.measure_size_change {
        return None;
    }
    let pauses = [Duration::from_millis(100), Duration::from_secs(1)];
    timeout(LOOK_WITHIN, look(place, key, &pauses)).await.ok().flatten()
}

/// By how much a write that failed changed the stored size all the same. Its answer may have got lost on the way, and
/// only the object can tell then.
pub(crate) async fn change_in_spite_of(
    error: &ProviderError,
    context: Context<'_>,
    place: &Place<'_>,
    key: &str,
    before: Option<u64>,
) -> i64 {
    if before.is_none() || !may_have_been_carried_out(error) {
        return 0;
    }
    change(before, after(context, place, key).await)
}

fn may_have_been_carried_out(error: &ProviderError) -> bool {
    matches!(error, ProviderError::TimedOut | ProviderError::BrokenOff)
        || error.kind() == Some(ErrorKind::Internal)
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
