//! Carries operations out over a [`Driver`](bucketry_provider::driver::Driver), whatever the provider behind it: a
//! module for each group of operations.
//!
//! Dropping the future of [`handle`] gives the provider's request up. An upload whose client goes away is dropped with
//! it, and nothing is stored.

mod body;
mod failure;

use bucketry_model::id::BucketId;
use bucketry_provider::driver::SharedDriver;
use http::Response;
use jiff::Timestamp;

use crate::error::{Code, S3Error};
use crate::list_token::ListTokens;
use crate::operation::{Request, Target};
use crate::payload::PayloadBody;
use crate::route::Routes;
pub use crate::translate::body::GatewayBody;
pub use crate::translate::failure::{Failure, Fault};

/// The open buckets of a node.
pub trait OpenBuckets: Sync {
    /// The driver of a bucket; `None` where the node doesn't have it (yet), or couldn't open it.
    fn driver(&self, bucket: BucketId) -> Option<SharedDriver>;
}

/// How operations are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether the change of the stored size is measured. It costs a HEAD before each write, and another after
    /// completing an upload; without it every change counts as zero. Of two writes to one key at the same time both
    /// may see the same size before, so the sum is exact only where writes to a key follow each other.
    pub measure_size_change: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { measure_size_change: true }
    }
}

/// What a request is carried out with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The names of the repository that the request came through.
    pub routes: &'a Routes,
    /// The open buckets.
    pub buckets: &'a dyn OpenBuckets,
    /// How.
    pub settings: Settings,
    /// Seals the tokens of lists.
    pub list_tokens: &'a ListTokens,
    /// The time of the request.
    pub now: Timestamp,
}

/// A request that was carried out.
#[derive(Debug)]
pub struct Outcome {
    /// The answer.
    pub response: Response<GatewayBody>,
    /// By how many bytes the stored size changed, as far as is known.
    pub size_change: i64,
}

impl Outcome {
    /// An outcome that changed nothing.
    pub(crate) fn of(response: Response<GatewayBody>) -> Self {
        Self { response, size_change: 0 }
    }
}

/// Carries a request out.
///
/// Who calls has verified the signature, and that the key grants
/// [`Operation::access`](crate::operation::Operation::access); the source of a copy is looked for in the same
/// repository.
pub async fn handle(
    context: Context<'_>,
    target: &Target,
    request: Request,
    payload: PayloadBody,
) -> Result<Outcome, Failure> {
    let _ = (context, target, payload, Outcome::of);
    let what = format!("{:?} is not carried out yet.", request.operation.name());
    std::future::ready(Err(S3Error::new(Code::NotImplemented, what).into())).await
}
