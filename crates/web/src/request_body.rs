//! Whole request bodies, read within limits of size and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;

use crate::body_budget::{BodyLease, BudgetExhausted};
use crate::min_rate_body::{BoxError, TooSlow};

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body is larger than the request may be.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes that were allowed.
        limit: usize,
    },
    /// The body did not arrive in time, or came too slowly. The client may send the request again.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The body ended early. The client may send the request again.
    #[error("the body ended before it was complete")]
    Incomplete,
    /// Other bodies occupy the memory. The client may send the request again in a moment.
    #[error(transparent)]
    Overloaded(#[from] BudgetExhausted),
}

/// Reads a body of at most `limit` bytes within a time limit. The bytes count against the lease, if there is one.
///
/// Dropping the future drops the bytes received so far.
pub async fn collect<B>(
    body: B,
    limit: usize,
    within: Duration,
    lease: Option<&mut BodyLease>,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let reading = read(body, limit, lease);
    tokio::time::timeout(within, reading).await.unwrap_or(Err(BodyError::TooSlow))
}

async fn read<B>(mut body: B, limit: usize, mut lease: Option<&mut BodyLease>) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    // Refuse a body that announces too many bytes before it is sent.
    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        return Err(BodyError::TooLarge { limit });
    }
    let most = announced.upper().and_then(|upper| usize::try_from(upper).ok()).unwrap_or(limit).min(limit);
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error.into()))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        if let Some(lease) = &mut lease {
            lease.take(data.len()).await?;
        }
        if whole.capacity() - whole.len() < data.len() {
            // Double the capacity, but never beyond what may still come.
            let wanted =
                (2 * whole.len()).max(whole.len() + data.len()).min(most.max(whole.len() + data.len()));
            whole.reserve(wanted - whole.len());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

fn broken(error: &BoxError) -> BodyError {
    if error.is::<TooSlow>() { BodyError::TooSlow } else { BodyError::Incomplete }
}
