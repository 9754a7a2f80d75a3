//! The sequence around every change of an object: its size before, the change, its size after.
//!
//! The change of the stored size is recorded in the request's
//! [`WriteState`](crate::object::write_state::WriteState), whether the write succeeds or fails, and nowhere else.

use bucketry_provider::driver::Conditions;
use bucketry_provider::error::ProviderError;

use crate::failure::Failure;
use crate::object::context::RequestContext;
use crate::object::size::{self, Before};
use crate::routing::resolved_bucket::ResolvedBucket;

/// A change of an object that is about to be made.
pub(crate) struct MeasuredWrite<'a> {
    context: &'a RequestContext,
    resolved: &'a ResolvedBucket,
    /// Includes the repository's folder.
    key: &'a str,
    before: Before,
}

/// The size of an object after a successful change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SizeAfter {
    /// This many bytes.
    Bytes(u64),
    /// Only the provider knows.
    Unknown,
    /// The object is deleted.
    Gone,
}

impl<'a> MeasuredWrite<'a> {
    /// Asks for the size of the object. Fails if the provider can't be reached, because the write would fail the
    /// same way after the same time.
    pub(crate) async fn prepare(
        context: &'a RequestContext,
        resolved: &'a ResolvedBucket,
        key: &'a str,
        conditions: &Conditions,
    ) -> Result<Self, Failure> {
        let before = size::before(context, resolved, key, conditions).await?;
        Ok(Self { context, resolved, key, before })
    }

    /// Makes the change. From now on, the provider may carry it out even if the client disconnects.
    pub(crate) async fn run<T>(
        self,
        after: SizeAfter,
        change: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        self.context.begin();
        self.run_begun_by_payload(after, change).await
    }

    /// Like [`MeasuredWrite::run`], for a payload that calls
    /// [`WriteState::begin`](crate::object::write_state::WriteState::begin) before its last piece.
    pub(crate) async fn run_begun_by_payload<T>(
        self,
        after: SizeAfter,
        change: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let outcome = change.await;
        let Self { context, resolved, key, before } = self;
        let size_change = match (&outcome, after) {
            (Ok(_), SizeAfter::Bytes(size)) => size::stored(context, resolved, key, before, size).await,
            (Ok(_), SizeAfter::Unknown) => size::replaced(context, resolved, key, before).await,
            (Ok(_), SizeAfter::Gone) => size::deleted(before),
            (Err(error), _) => size::in_spite_of(error, context, resolved, key, before).await,
        };
        context.record_size_change(size_change);
        outcome
    }
}
