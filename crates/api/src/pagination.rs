//! List responses: one page where the client asks for one, else the whole list, streamed page by page.
//!
//! A whole list is never in memory at once: beyond one megabyte it is sent as it is read. If reading fails after
//! that, the connection is closed, because a truncated list must not look complete.

use std::collections::VecDeque;
use std::future::Future;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use crate::cursor::Cursor;
use crate::error::{ApiError, ApiResult};
use crate::params::Page;

/// Entries per read while a whole list is read.
const PAGE: u32 = 500;
/// A whole list up to this size, in bytes, is collected before it is sent, so that a failure can still be a status.
const COLLECT: usize = 1 << 20;
/// The size of the pieces of a longer list, in bytes.
const PIECE: usize = 64 << 10;
/// The header with the cursor of the next page, for bare arrays.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// Where the entries of a list come from.
pub(crate) trait Source: Send + Sync + 'static {
    /// What is read.
    type Entry: Send + 'static;
    /// The position of an entry in the list.
    type Position: Cursor + Clone + Sync;

    /// Reads at most `limit` entries after a position.
    fn read(
        &self,
        after: Option<Self::Position>,
        limit: u32,
    ) -> impl Future<Output = ApiResult<Vec<Self::Entry>>> + Send;

    /// Reads a page and where the next one begins. A source overrides this if its pages may be short although the
    /// list goes on.
    fn read_page(
        &self,
        after: Option<Self::Position>,
        limit: u32,
    ) -> impl Future<Output = ApiResult<ReadPage<Self>>> + Send
    where
        Self: Sized,
    {
        async move {
            // Read one more than requested, to see whether there is a next page.
            let mut entries = self.read(after, limit.saturating_add(1)).await?;
            let more = entries.len() > limit as usize;
            entries.truncate(limit as usize);
            let next = entries.last().filter(|_| more).map(Self::position);
            Ok(ReadPage { entries, next })
        }
    }

    /// The position of this entry in the list.
    fn position(entry: &Self::Entry) -> Self::Position;

    /// The entry in its wire format.
    fn show(entry: &Self::Entry) -> impl Serialize;

    /// Writes the entry to the list: as one element, unless a source overrides this.
    fn write(entry: &Self::Entry, list: &mut Elements<'_>) -> ApiResult<()> {
        list.add(&Self::show(entry))
    }

    /// Entries per read while a whole list is read.
    fn at_once(&self) -> u32 {
        PAGE
    }
}

/// A page of a source.
pub(crate) struct ReadPage<S: Source> {
    /// The entries.
    pub(crate) entries: Vec<S::Entry>,
    /// Where the next page begins. `None` on the last page.
    pub(crate) next: Option<S::Position>,
}

/// The JSON around the entries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Frame {
    /// `{"success":true,"NAME":[…]}`
    Named(&'static str),
    /// The same, with `"total":…` after a whole list: its number of elements.
    Counted(&'static str),
    /// `[…]`
    Bare,
}

impl Frame {
    fn open(self, buffer: &mut BytesMut) {
        match self {
            Self::Named(name) | Self::Counted(name) => {
                buffer.extend_from_slice(b"{\"success\":true,\"");
                buffer.extend_from_slice(name.as_bytes());
                buffer.extend_from_slice(b"\":[");
            }
            Self::Bare => buffer.extend_from_slice(b"["),
        }
    }

    fn close_whole(self, count: usize, buffer: &mut BytesMut) {
        match self {
            Self::Named(_) => buffer.extend_from_slice(b"]}"),
            Self::Counted(_) => buffer.extend_from_slice(format!("],\"total\":{count}}}").as_bytes()),
            Self::Bare => buffer.extend_from_slice(b"]"),
        }
    }

    fn close_part(self, next: Option<&str>, buffer: &mut BytesMut) {
        match (self, next) {
            // Cursors are base64url: nothing in them needs escaping.
            (Self::Named(_) | Self::Counted(_), Some(next)) => {
                buffer.extend_from_slice(format!("],\"nextCursor\":\"{next}\"}}").as_bytes());
            }
            (Self::Named(_) | Self::Counted(_), None) => buffer.extend_from_slice(b"],\"nextCursor\":null}"),
            (Self::Bare, _) => buffer.extend_from_slice(b"]"),
        }
    }
}

/// Responds with the requested page, or with the whole list.
pub(crate) async fn answer<S: Source>(
    source: S,
    frame: Frame,
    page: Page<S::Position>,
) -> ApiResult<Response> {
    match page {
        Page::Whole => Ok(whole(source, frame).await?.into_response()),
        Page::Part { after, limit } => part(&source, frame, after, limit).await,
    }
}

async fn part<S: Source>(
    source: &S,
    frame: Frame,
    after: Option<S::Position>,
    limit: u32,
) -> ApiResult<Response> {
    let ReadPage { entries, next } = source.read_page(after, limit).await?;
    let next = next.map(|next| next.to_text());
    let mut buffer = BytesMut::new();
    frame.open(&mut buffer);
    let mut written = 0;
    for entry in &entries {
        S::write(entry, &mut Elements { written: &mut written, buffer: &mut buffer })?;
    }
    frame.close_part(next.as_deref(), &mut buffer);
    let mut response = json(Body::from(buffer.freeze()));
    if let (Frame::Bare, Some(next)) = (frame, next)
        && let Ok(value) = HeaderValue::from_str(&next)
    {
        response.headers_mut().insert(NEXT_CURSOR, value);
    }
    Ok(response)
}

/// A whole list.
pub(crate) enum Whole {
    /// Short enough to be collected.
    Collected(Bytes),
    /// Longer: sent while it is read.
    Streamed(Body),
}

impl IntoResponse for Whole {
    fn into_response(self) -> Response {
        match self {
            Self::Collected(bytes) => json(Body::from(bytes)),
            Self::Streamed(body) => json(body),
        }
    }
}

/// A response with a finished JSON body.
pub(crate) fn json(body: Body) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// Reads a whole list. Dropping the body of the response stops after the page that is being read.
pub(crate) async fn whole<S: Source>(source: S, frame: Frame) -> ApiResult<Whole> {
    let mut reading = Reading::new(source, frame);
    let mut buffer = BytesMut::new();
    frame.open(&mut buffer);
    while buffer.len() < COLLECT {
        if !reading.fill(&mut buffer, COLLECT).await? {
            return Ok(Whole::Collected(buffer.freeze()));
        }
    }
    let first = buffer.freeze();
    let rest = stream::try_unfold(Some((first, reading)), |state| async move {
        let Some((piece, mut reading)) = state else { return Ok(None) };
        if !piece.is_empty() {
            return Ok(Some((piece, Some((Bytes::new(), reading)))));
        }
        let mut buffer = BytesMut::with_capacity(PIECE + PIECE / 4);
        match reading.fill(&mut buffer, PIECE).await {
            Ok(more) => Ok(Some((buffer.freeze(), more.then_some((Bytes::new(), reading))))),
            Err(error) => {
                tracing::warn!(
                    error_code = error.code(),
                    "a list was cut short, and its connection closed: it could not be read to the end"
                );
                Err(std::io::Error::other("the list could not be read to the end"))
            }
        }
    });
    Ok(Whole::Streamed(Body::from_stream(rest)))
}

/// A whole list that is being read.
struct Reading<S: Source> {
    source: S,
    frame: Frame,
    entries: VecDeque<S::Entry>,
    after: Option<S::Position>,
    last_page: bool,
    written: usize,
}

impl<S: Source> Reading<S> {
    fn new(source: S, frame: Frame) -> Self {
        Self { source, frame, entries: VecDeque::new(), after: None, last_page: false, written: 0 }
    }

    /// Writes entries until the buffer has at least `enough` bytes, or closes the list. Returns whether there is
    /// more.
    async fn fill(&mut self, buffer: &mut BytesMut, enough: usize) -> ApiResult<bool> {
        loop {
            while let Some(entry) = self.entries.pop_front() {
                S::write(&entry, &mut Elements { written: &mut self.written, buffer })?;
                if buffer.len() >= enough {
                    return Ok(true);
                }
            }
            if self.last_page {
                self.frame.close_whole(self.written, buffer);
                return Ok(false);
            }
            let at_once = self.source.at_once();
            let ReadPage { entries, next } = self.source.read_page(self.after.take(), at_once).await?;
            self.last_page = next.is_none();
            self.after = next;
            self.entries = entries.into();
        }
    }
}

/// Writes the elements of a list, with commas between them.
pub(crate) struct Elements<'a> {
    written: &'a mut usize,
    buffer: &'a mut BytesMut,
}

impl Elements<'_> {
    /// Adds an element.
    pub(crate) fn add(&mut self, element: &impl Serialize) -> ApiResult<()> {
        use bytes::BufMut as _;
        if *self.written > 0 {
            self.buffer.extend_from_slice(b",");
        }
        *self.written += 1;
        serde_json::to_writer((&mut *self.buffer).writer(), element).map_err(ApiError::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::AfterName;
    use http::StatusCode;
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};

    /// Numbers from 0, padded. Reading past `fails_after` fails.
    struct Numbers {
        count: usize,
        padding: usize,
        fails_after: usize,
    }

    impl Source for Numbers {
        type Entry = (usize, String);
        type Position = AfterName;

        async fn read(&self, after: Option<AfterName>, limit: u32) -> ApiResult<Vec<Self::Entry>> {
            let from = after.map_or(0, |AfterName(last)| last.parse::<usize>().unwrap() + 1);
            if from > self.fails_after {
                return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "STORAGE_UNAVAILABLE", "gone"));
            }
            let until = self.count.min(from + limit as usize);
            Ok((from..until).map(|number| (number, "x".repeat(self.padding))).collect())
        }

        fn position(entry: &Self::Entry) -> AfterName {
            AfterName(entry.0.to_string())
        }

        fn show(entry: &Self::Entry) -> impl Serialize {
            entry
        }
    }

    fn numbers(count: usize) -> Numbers {
        Numbers { count, padding: 1, fails_after: usize::MAX }
    }

    async fn read(response: Response) -> Value {
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn whole_lists_of_every_length_are_well_formed() {
        for count in [0, 1, 499, 500, 501, 1_000, 1_001] {
            let body = read(answer(numbers(count), Frame::Counted("data"), Page::Whole).await.unwrap()).await;
            assert_eq!(body["data"].as_array().unwrap().len(), count);
            assert_eq!(body["total"], count);
        }
        let body = read(answer(numbers(0), Frame::Bare, Page::Whole).await.unwrap()).await;
        assert_eq!(body, json!([]));
    }

    #[tokio::test]
    async fn long_lists_go_out_in_small_pieces() {
        let source = Numbers { count: 20_000, padding: 200, fails_after: usize::MAX };
        let Whole::Streamed(mut body) = whole(source, Frame::Named("buckets")).await.unwrap() else {
            panic!("not streamed")
        };
        let (mut all, mut pieces) = (Vec::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            pieces.push(data.len());
            all.extend_from_slice(&data);
        }
        assert!(pieces[0] < COLLECT + 1_000 && pieces[1..].iter().all(|length| *length < PIECE + 1_000));
        let body: Value = serde_json::from_slice(&all).unwrap();
        assert_eq!(body["buckets"].as_array().unwrap().len(), 20_000);
        assert_eq!(body["buckets"][19_999][0], 19_999);
    }

    #[tokio::test]
    async fn a_failure_in_the_middle_breaks_the_body_off() {
        let source = Numbers { count: 20_000, padding: 200, fails_after: 10_000 };
        let Whole::Streamed(body) = whole(source, Frame::Named("buckets")).await.unwrap() else {
            panic!("not streamed")
        };
        assert!(body.collect().await.is_err());
    }

    #[tokio::test]
    async fn a_failure_before_anything_was_sent_has_its_own_status() {
        let source = Numbers { count: 10_000, padding: 1, fails_after: 600 };
        let error = whole(source, Frame::Named("buckets")).await.err().unwrap();
        assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn pages_lead_from_one_to_the_next_until_null() {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = Page::Part { after, limit: 4 };
            let body = read(answer(numbers(10), Frame::Named("data"), page).await.unwrap()).await;
            let entries = body["data"].as_array().unwrap();
            seen.extend(entries.iter().map(|entry| entry[0].as_u64().unwrap()));
            match &body["nextCursor"] {
                Value::String(text) => after = Some(AfterName::from_text(text).unwrap()),
                end => {
                    assert!(end.is_null());
                    break;
                }
            }
        }
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn bare_arrays_tell_the_next_page_in_a_header() {
        let page = Page::Part { after: None, limit: 2 };
        let response = answer(numbers(3), Frame::Bare, page).await.unwrap();
        assert!(response.headers().contains_key(NEXT_CURSOR));
        let page = Page::Part { after: None, limit: 3 };
        let response = answer(numbers(3), Frame::Bare, page).await.unwrap();
        assert!(!response.headers().contains_key(NEXT_CURSOR));
    }
}
