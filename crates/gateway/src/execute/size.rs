//! By how much the stored size changes: the size after less the size before, where both are known.

use std::time::Duration;

use bucketry_provider::driver::Conditions;
use bucketry_provider::error::{ErrorKind, ProviderError};
use tokio::time::timeout;

use crate::execute::{Failure, Fault, RequestContext, ResolvedBucket};

/// How long the look at what was written may keep a client waiting.
const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// The largest object that anybody stores. A provider that tells of larger ones is mistaken, or means harm.
const LARGEST: u64 = 1 << 48;

/// How large an object is that is about to be written or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// So many bytes; 0 where there is none.
    Known(u64),
    /// There is none if it is stored, because that is the condition.
    NothingIfStored,
    /// The provider doesn't say: there is none, or the credential may not read. S3 tells those who may not list nothing
    /// else of an object that isn't there.
    Denied,
    /// Not known, or not measured.
    Unknown,
}

/// What a look at an object found.
enum Look {
    Size(u64),
    Denied,
    Failed(ProviderError),
    Unknown,
}

/// Asks for the size of an object that is about to be written or deleted. Fails where the provider can't be reached: the
/// write itself would meet the same, after as long a time.
pub(crate) async fn before(
    context: RequestContext<'_>,
    resolved: &ResolvedBucket<'_>,
    key: &str,
) -> Result<Before, Failure> {
    if !context.settings.measure_size_change {
        return Ok(Before::Unknown);
    }
    if let Some(write_state) = context.write_state {
        write_state.changes(resolved.bucket, key).await;
    }
    match look(resolved, key, &[Duration::from_millis(100)]).await {
        Look::Size(size) => Ok(Before::Known(size)),
        Look::Denied => Ok(Before::Denied),
        Look::Failed(error) => match resolved.failure(&error) {
            failure if failure.fault == Some(Fault::Unreachable) => Err(failure),
            // What else is wrong the write will meet, if it matters to it.
            _ => Ok(Before::Unknown),
        },
        Look::Unknown => Ok(Before::Unknown),
    }
}

/// As [`before`], for an object that is stored under conditions.
pub(crate) async fn before_storing(
    context: RequestContext<'_>,
    resolved: &ResolvedBucket<'_>,
    key: &str,
    conditions: &Conditions,
) -> Result<Before, Failure> {
    match conditions.if_none_match {
        Some(_) if context.settings.measure_size_change => Ok(Before::NothingIfStored),
        _ => before(context, resolved, key).await,
    }
}

/// The change by an object of this size that was just stored.
pub(crate) async fn stored(
    context: RequestContext<'_>,
    resolved: &ResolvedBucket<'_>,
    key: &str,
    before: Before,
    size: u64,
) -> i64 {
    match before {
        Before::Known(before) => difference(before, size),
        Before::NothingIfStored => difference(0, size),
        // Of one that is there now the credential is told the size, if it may read.
        Before::Denied => after(context, resolved, key).await.map_or(0, |_| difference(0, size)),
        Before::Unknown => 0,
    }
}

/// The change by an object that was just stored, of a size that only the provider knows.
pub(crate) async fn replaced(
    context: RequestContext<'_>,
    resolved: &ResolvedBucket<'_>,
    key: &str,
    before: Before,
) -> i64 {
    let before = match before {
        Before::Known(before) => before,
        Before::NothingIfStored | Before::Denied => 0,
        Before::Unknown => return 0,
    };
    after(context, resolved, key).await.map_or(0, |after| difference(before, after))
}

/// The change by deleting an object.
pub(crate) fn deleted(before: Before) -> i64 {
    if let Before::Known(before) = before { difference(before, 0) } else { 0 }
}

/// By how much a write that failed changed the stored size all the same. Its answer may have got lost on the way, and
/// only the object can tell then.
pub(crate) async fn in_spite_of(
    error: &ProviderError,
    context: RequestContext<'_>,
    resolved: &ResolvedBucket<'_>,
    key: &str,
    before: Before,
) -> i64 {
    let Before::Known(before) = before else { return 0 };
    if !may_have_been_carried_out(error) {
        return 0;
    }
    after(context, resolved, key).await.map_or(0, |after| difference(before, after))
}

fn may_have_been_carried_out(error: &ProviderError) -> bool {
    matches!(error, ProviderError::TimedOut | ProviderError::BrokenOff)
        || error.kind() == Some(ErrorKind::Internal)
}

/// How large an object is after a write; with patience, because nobody will ask again.
async fn after(context: RequestContext<'_>, resolved: &ResolvedBucket<'_>, key: &str) -> Option<u64> {
    if !context.settings.measure_size_change {
        return None;
    }
    let pauses = [Duration::from_millis(100), Duration::from_secs(1)];
    match timeout(LOOK_WITHIN, look(resolved, key, &pauses)).await {
        Ok(Look::Size(size)) => Some(size),
        _ => None,
    }
}

/// Asks for the size, and once more after each pause while the provider fails.
async fn look(resolved: &ResolvedBucket<'_>, key: &str, pauses: &[Duration]) -> Look {
    let mut pauses = pauses.iter();
    loop {
        let error = match resolved.driver.head(key, &Conditions::default()).await {
            Ok(info) => return info.size.filter(|size| *size <= LARGEST).map_or(Look::Unknown, Look::Size),
            Err(error) => error,
        };
        let passing = match error.kind() {
            // Invalid is a request for one under its client's own key, without which nobody can ask for its size: it
            // counts as nothing.
            Some(ErrorKind::ObjectNotFound | ErrorKind::NotFound | ErrorKind::Invalid) => {
                return Look::Size(0);
            }
            Some(ErrorKind::AccessDenied) => return Look::Denied,
            Some(ErrorKind::Internal | ErrorKind::Throttled) => true,
            _ => matches!(error, ProviderError::BrokenOff),
        };
        match pauses.next() {
            Some(pause) if passing => tokio::time::sleep(*pause).await,
            _ => return Look::Failed(error),
        }
    }
}

fn difference(before: u64, after: u64) -> i64 {
    let signed = |size: u64| i64::try_from(size.min(LARGEST)).unwrap_or(i64::MAX);
    signed(after) - signed(before)
}
