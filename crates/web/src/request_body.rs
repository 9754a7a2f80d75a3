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

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;
    use crate::body_budget::BodyBudget;

    const TIME: Duration = Duration::from_secs(30);

    /// Reads these pieces, where `None` breaks the connection.
    async fn read_pieces(pieces: &[Option<&'static str>], limit: usize) -> Result<Bytes, BodyError> {
        let frames = pieces.iter().map(|piece| match piece {
            Some(text) => Ok(Frame::data(Bytes::from_static(text.as_bytes()))),
            None => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
        });
        collect(StreamBody::new(stream::iter(frames)), limit, TIME, None).await
    }

    #[tokio::test]
    async fn a_body_is_read_whole_or_not_at_all() {
        assert_eq!(read_pieces(&[Some("ab"), Some("c")], 3).await.unwrap(), "abc");
        let too_large = read_pieces(&[Some("ab"), Some("cd")], 3).await;
        assert_eq!(too_large, Err(BodyError::TooLarge { limit: 3 }));
        assert_eq!(read_pieces(&[Some("ab"), None], 3).await, Err(BodyError::Incomplete));
        let announced = collect(Full::new(Bytes::from_static(b"abcd")), 3, TIME, None).await;
        assert_eq!(announced, Err(BodyError::TooLarge { limit: 3 }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_and_one_without_memory_are_given_up() {
        let silent = StreamBody::new(stream::pending::<Result<Frame<Bytes>, std::io::Error>>());
        assert_eq!(collect(silent, 3, TIME, None).await, Err(BodyError::TooSlow));
        let mut lease = BodyBudget::new(3).lease(false);
        let large = collect(Full::new(Bytes::from_static(b"abcd")), 9, TIME, Some(&mut lease)).await;
        assert_eq!(large, Err(BodyError::Overloaded(BudgetExhausted)));
    }
}
