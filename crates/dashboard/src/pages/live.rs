//! `GET /ui/live`: a stream of server-sent events that name what may have changed. Pages then read their parts again.
//!
//! The query names the buckets of open pages (`bucket=ID`, several times), whose changes have separate topics.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bucketry_control::Control;
use bucketry_control::change_feed::{ChangeFeed, ChangeTopic};
use bucketry_control::followed_buckets::{FollowedBuckets, MOST_FOLLOWED};
use bucketry_model::id::BucketId;
use bytes::Bytes;
use futures_util::stream::unfold;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::field_values::SentQuery;
use crate::live_streams::OpenStream;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// How often a stream without changes sends a comment, so that nothing in between takes it for dead.
const COMMENT_EVERY: Duration = Duration::from_secs(20);
/// How long a stream lasts. The browser opens another, for which everything is checked again.
const LONGEST: Duration = Duration::from_mins(15);
/// When a browser tries again after a stream ended, in milliseconds.
const RETRY_MS: u32 = 3_000;
/// When a browser may try again to which no stream was granted, in seconds.
const TOO_MANY_RETRY: HeaderValue = HeaderValue::from_static("60");
/// Tells nginx to pass events on at once.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What a stream needs while it is open.
struct LiveStream {
    control: Control,
    feed: ChangeFeed,
    followed: FollowedBuckets,
    session: String,
    closing: CancellationToken,
    until: Instant,
    has_begun: bool,
    _open: OpenStream,
}

/// `GET`
pub(crate) async fn show(
    State(app): State<Dashboard>,
    viewer: Viewer,
    SentQuery(query): SentQuery,
) -> Response {
    let (session, control) = (viewer.frame.session.clone().unwrap_or_default(), viewer.control().clone());
    let Some(open) = app.live_streams().open(viewer.caller.token_id) else {
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, TOO_MANY_RETRY)]).into_response();
    };
    let feed = match control.subscribe(&viewer.caller).await {
        Ok(feed) => feed,
        Err(error) => return viewer.answer(Err(error.into())).await,
    };
    let ids: Vec<BucketId> = query.all("bucket", MOST_FOLLOWED).filter_map(|id| id.parse().ok()).collect();
    let followed = control.follow_buckets(&viewer.caller, &ids).await;
    let closing = app.settings().closing.clone();
    let until = Instant::now() + LONGEST;
    let stream =
        LiveStream { control, feed, followed, session, closing, until, has_begun: false, _open: open };
    let events = unfold(stream, |mut stream| async move {
        let message = stream.next().await?;
        Some((Ok::<_, Infallible>(message), stream))
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (UNBUFFERED, HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(events)).into_response()
}

impl LiveStream {
    /// The next message. `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.has_begun {
            self.has_begun = true;
            return Some(Bytes::from(format!("retry: {RETRY_MS}\n: open\n\n")));
        }
        let comment_at = Instant::now() + COMMENT_EVERY;
        let topics = tokio::select! {
            () = self.closing.cancelled() => return None,
            () = sleep_until(self.until) => return None,
            found = timeout_at(comment_at, self.feed.next()) => match found {
                Ok(topics) => Some(topics?),
                Err(_) => None,
            },
        };
        // A session that ended elsewhere learns nothing more. A database that doesn't respond ends no session.
        if matches!(self.control.is_live_browser_session(&self.session).await, Ok(false)) {
            return None;
        }
        let Some(topics) = topics else { return Some(Bytes::from_static(b": still here\n\n")) };
        Some(event(&topics, &self.control.changes_of_followed(&mut self.followed).await))
    }
}

fn event(topics: &[ChangeTopic], buckets: &[BucketId]) -> Bytes {
    let topics = topics.iter().map(|topic| topic.as_str().to_owned());
    let names: Vec<String> = topics.chain(buckets.iter().map(|id| bucket_topic(*id))).collect();
    Bytes::from(format!("data: {}\n\n", names.join(" ")))
}

/// The topic of the changes of one bucket. A page that shows it has it in `data-refresh`.
pub(crate) fn bucket_topic(id: BucketId) -> String {
    format!("bucket/{id}")
}
