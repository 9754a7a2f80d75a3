//! Measures the change of the stored size: the size after a write minus the size before it, if both are known.

use std::time::Duration;

use bucketry_provider::driver::Conditions;
use bucketry_provider::error::{ErrorKind, ProviderError};
use tokio::time::timeout;

use crate::failure::{Failure, Fault};
use crate::object::context::RequestContext;
use crate::routing::resolved_bucket::ResolvedBucket;

/// How long asking for the size after a write may delay the response.
const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// The largest plausible object. A provider that reports a larger one is wrong or malicious.
const LARGEST: u64 = 1 << 48;

/// The size of an object before it is written or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// The size in bytes. 0 if there is no object.
    Known(u64),
    /// If the write succeeds, there was no object, because that is its condition.
    NothingIfStored,
    /// The provider denies the request: there is no object, or the credential may not read it. S3 gives credentials
    /// without list permission the same answer in both cases.
    Denied,
    /// Unknown, or not measured.
    Unknown,
}

/// The result of asking for an object's size.
enum Look {
    Size(u64),
    Denied,
    Failed(ProviderError),
    Unknown,
}

/// Asks for the size of an object before it is written or deleted. Fails if the provider can't be reached, because
/// the write would fail the same way after the same time.
pub(crate) async fn before(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    key: &str,
    conditions: &Conditions,
) -> Result<Before, Failure> {
    if !context.settings.measure_size_change {
        return Ok(Before::Unknown);
    }
    if conditions.if_none_match.is_some() {
        return Ok(Before::NothingIfStored);
    }
    if let Some(write_state) = &context.write_state {
        write_state.changes(resolved.id(), key).await;
    }
    match look(resolved, key, &[Duration::from_millis(100)]).await {
        Look::Size(size) => Ok(Before::Known(size)),
        Look::Denied => Ok(Before::Denied),
        Look::Failed(error) => match resolved.failure(&error) {
            failure if failure.fault == Some(Fault::Unreachable) => Err(failure),
            // If anything else is wrong and matters for the write, the write itself will fail.
            _ => Ok(Before::Unknown),
        },
        Look::Unknown => Ok(Before::Unknown),
    }
}

/// The size change of storing an object of a known size.
pub(crate) async fn stored(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    key: &str,
    before: Before,
    size: u64,
) -> i64 {
    match before {
        Before::Known(before) => difference(before, size),
        Before::NothingIfStored => difference(0, size),
        // Now that the object exists, a credential that may read gets its size.
        Before::Denied => after(context, resolved, key).await.map_or(0, |_| difference(0, size)),
        Before::Unknown => 0,
    }
}

/// The size change of storing an object whose size only the provider knows.
pub(crate) async fn replaced(
    context: &RequestContext,
    resolved: &ResolvedBucket,
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

/// The size change of deleting an object.
pub(crate) fn deleted(before: Before) -> i64 {
    if let Before::Known(before) = before { difference(before, 0) } else { 0 }
}

/// The size change of a write that failed. The provider's response may have been lost, and then only the object
/// itself shows whether it was written.
pub(crate) async fn in_spite_of(
    error: &ProviderError,
    context: &RequestContext,
    resolved: &ResolvedBucket,
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

/// Asks for the size after a write. It retries longer than [`before`], because there is no later chance to ask.
async fn after(context: &RequestContext, resolved: &ResolvedBucket, key: &str) -> Option<u64> {
    if !context.settings.measure_size_change {
        return None;
    }
    let pauses = [Duration::from_millis(100), Duration::from_secs(1)];
    match timeout(LOOK_WITHIN, look(resolved, key, &pauses)).await {
        Ok(Look::Size(size)) => Some(size),
        _ => None,
    }
}

/// Asks for the size. While the provider fails, asks again after each pause.
async fn look(resolved: &ResolvedBucket, key: &str, pauses: &[Duration]) -> Look {
    let mut pauses = pauses.iter();
    loop {
        let error = match resolved.driver().head(key, &Conditions::default()).await {
            Ok(info) => return info.size.filter(|size| *size <= LARGEST).map_or(Look::Unknown, Look::Size),
            Err(error) => error,
        };
        let passing = match error.kind() {
            // `Invalid` is the answer for an object that is encrypted with a client's key. Without the key its size
            // can't be read, so it counts as empty.
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
