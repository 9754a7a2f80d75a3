//! Requests of the script that reads an open page again: they get the main part only, and nothing if it is the same as before.

use axum::response::{IntoResponse as _, Response};
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use maud::Markup;

use crate::digest::digest;

/// The header by which the script asks.
const FRAGMENT: HeaderName = HeaderName::from_static("bucketry-fragment");

/// A request for the main part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FragmentRequest {
    /// The tag of what the browser has.
    known: Option<HeaderValue>,
}

impl FragmentRequest {
    /// `None` for a request for a whole page.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        headers.contains_key(FRAGMENT).then(|| Self { known: headers.get(IF_NONE_MATCH).cloned() })
    }

    /// The contents, or that they are what the browser has.
    pub(crate) fn answer(&self, status: StatusCode, contents: Markup) -> Response {
        let text = contents.into_string();
        let Some(tag) = tag(&text) else { return (status, maud::PreEscaped(text)).into_response() };
        if status == StatusCode::OK && self.known.as_ref() == Some(&tag) {
            return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
        }
        (status, [(ETAG, tag)], maud::PreEscaped(text)).into_response()
    }
}

/// A tag that differs if the text differs. Weak, because what is sent may be compressed.
fn tag(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("W/\"{}\"", digest([text]))).ok()
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    #[test]
    fn the_same_contents_are_sent_once() {
        let mut headers = HeaderMap::new();
        assert_eq!(FragmentRequest::of(&headers), None);
        headers.insert(FRAGMENT, HeaderValue::from_static("main"));
        let first = FragmentRequest::of(&headers).unwrap().answer(StatusCode::OK, html! { p { "one" } });
        let tag = first.headers()[ETAG].clone();
        headers.insert(IF_NONE_MATCH, tag);
        let again = FragmentRequest::of(&headers).unwrap();
        assert_eq!(again.answer(StatusCode::OK, html! { p { "one" } }).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.answer(StatusCode::OK, html! { p { "two" } }).status(), StatusCode::OK);
        let failed = again.answer(StatusCode::NOT_FOUND, html! { p { "one" } });
        assert_eq!(failed.status(), StatusCode::NOT_FOUND);
    }
}
