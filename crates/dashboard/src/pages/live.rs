//! `GET /ui/live`: a stream of server-sent events that name what may have changed. Pages then read their parts again.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bucketry_control::Control;
use bucketry_control::change_feed::{ChangeFeed, ChangeTopic};
use bytes::Bytes;
use futures_util::stream::unfold;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

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
    session: String,
    closing: CancellationToken,
    until: Instant,
    has_begun: bool,
    _open: OpenStream,
}

/// `GET`
pub(crate) async fn show(State(app): State<Dashboard>, viewer: Viewer) -> Response {
    let (session, control) = (viewer.frame.session.clone().unwrap_or_default(), viewer.control().clone());
    let Some(open) = app.live_streams().open(viewer.caller.token_id) else {
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, TOO_MANY_RETRY)]).into_response();
    };
    let feed = match control.subscribe(&viewer.caller).await {
        Ok(feed) => feed,
        Err(error) => return viewer.answer(Err(error.into())),
    };
    let closing = app.settings().closing.clone();
    let until = Instant::now() + LONGEST;
    let stream = LiveStream { control, feed, session, closing, until, has_begun: false, _open: open };
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
        Some(topics.map_or(Bytes::from_static(b": still here\n\n"), |topics| event(&topics)))
    }
}

fn event(topics: &[ChangeTopic]) -> Bytes {
    let names: Vec<&str> = topics.iter().map(|topic| topic.as_str()).collect();
    Bytes::from(format!("data: {}\n\n", names.join(" ")))
}
