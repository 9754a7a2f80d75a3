//! Reads the rest of a refused request. If a server responds and closes while the client is still sending, the
//! operating system resets the connection, and the client loses the response.

use std::time::Duration;

use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderMap, Version};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

/// The most bytes that are read of a refused request. After that, the connection is closed.
pub const MAX_DRAINED: u64 = 16 << 20;
/// How long reading may take in total.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// How long the client may pause.
const PAUSE_AT_MOST: Duration = Duration::from_secs(2);

/// Whether the rest of the body should be read before the connection is closed.
pub fn is_worth_draining<B: Body>(headers: &HeaderMap, version: Version, body: &B) -> bool {
    // A client that waits for `100 Continue` sends no body, and HTTP/2 can reset one stream without the connection.
    !body.is_end_stream()
        && !headers.contains_key(EXPECT)
        && version <= Version::HTTP_11
        && body.size_hint().lower() <= MAX_DRAINED
}

/// Reads and discards a body within the limits above. Holds one frame in memory at a time.
pub async fn drain<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let reading = async {
        let mut read = 0;
        while let Ok(Some(Ok(frame))) = timeout(PAUSE_AT_MOST, body.frame()).await {
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if read > MAX_DRAINED {
                break;
            }
        }
    };
    // The response is sent even if the time is over.
    let _ = timeout(DRAIN_WITHIN, reading).await;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::{StreamExt as _, stream};
    use http_body::Frame;
    use http_body_util::{Empty, Full, StreamBody};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_up_to_a_bound_in_bytes_and_in_time() {
        let read = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&read);
        let piece = Bytes::from(vec![0; 1 << 20]);
        let endless = stream::repeat_with(move || {
            count.fetch_add(1 << 20, Ordering::Relaxed);
            Ok::<_, Infallible>(Frame::data(piece.clone()))
        });
        drain(StreamBody::new(endless)).await;
        assert_eq!(read.load(Ordering::Relaxed), MAX_DRAINED + (1 << 20));

        let before = tokio::time::Instant::now();
        drain(StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>())).await;
        assert_eq!(before.elapsed(), PAUSE_AT_MOST);
        let trickle = stream::iter(0..1_000).then(|_| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))
        });
        let before = tokio::time::Instant::now();
        drain(StreamBody::new(Box::pin(trickle))).await;
        assert_eq!(before.elapsed(), DRAIN_WITHIN);
    }

    #[test]
    fn nothing_is_waited_for_that_does_not_come() {
        let mut headers = HeaderMap::new();
        let body = Full::new(Bytes::from_static(b"x"));
        assert!(is_worth_draining(&headers, Version::HTTP_11, &body));
        assert!(!is_worth_draining(&headers, Version::HTTP_2, &body));
        assert!(!is_worth_draining(&headers, Version::HTTP_11, &Empty::<Bytes>::new()));
        headers.insert(EXPECT, http::HeaderValue::from_static("100-continue"));
        assert!(!is_worth_draining(&headers, Version::HTTP_11, &body));
    }
}
