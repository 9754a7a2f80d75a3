//! Looks at a bucket.

use crate::failure::{Failure, FailureKind};
use crate::routing::resolved_bucket::ResolvedBucket;

/// Whether the bucket exists and the credential may use it.
pub(crate) async fn head(resolved: &ResolvedBucket) -> Result<(), Failure> {
    let Err(error) = resolved.driver().head_bucket().await else { return Ok(()) };
    let failure = resolved.failure(&error);
    // A HEAD doesn't say what is missing. Here it can only be the bucket.
    if failure.kind == FailureKind::ObjectNotFound {
        let message = "The bucket does not exist at its provider.".to_owned();
        return Err(Failure { kind: FailureKind::BucketNotFound, message, ..failure });
    }
    Err(failure)
}
