//! The delimiter between the parts of a form, and how it is found in a body that arrives in pieces.

use bytes::{Buf as _, Bytes};
use http::HeaderValue;
use memchr::memmem::Finder;

use crate::front::s3::error::Result;
use crate::front::s3::form::malformed;

/// The longest boundary (RFC 2046 §5.1.1).
const MAX_BOUNDARY_BYTES: usize = 70;

/// A line end, two hyphens and the boundary that the request's `Content-Type` declares.
///
/// A boundary has no line end, so the delimiter's first byte occurs in it only once. A piece that ends within a
/// delimiter is therefore continued by the rest of the delimiter, or the delimiter doesn't begin there at all.
#[derive(Debug, Clone)]
pub(super) struct Delimiter {
    text: Bytes,
    finder: Finder<'static>,
}

/// What [`Delimiter::step`] finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DelimiterStep {
    /// Bytes before the delimiter, at least one.
    Piece(Bytes),
    /// The delimiter, which was taken off the input.
    Found,
    /// The input is used up.
    NeedsInput,
}

impl Delimiter {
    /// Reads the boundary from the `Content-Type` of a form.
    pub(super) fn of(content_type: &HeaderValue) -> Result<Self> {
        let text = content_type.to_str().unwrap_or_default();
        let boundary = text.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("boundary").then_some(value.trim())
        });
        let boundary = boundary
            .map(|value| value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value));
        match boundary {
            Some(boundary) if (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()) => Ok(Self::new(boundary)),
            _ => Err(malformed("the Content-Type must have a boundary of 1 to 70 characters")),
        }
    }

    pub(super) fn new(boundary: &str) -> Self {
        let text: Bytes = format!("\r\n--{boundary}").into();
        let finder = Finder::new(&text).into_owned();
        Self { text, finder }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn find(&self, text: &[u8]) -> Option<usize> {
        self.finder.find(text)
    }

    /// Takes the next step through a body. `matched` is how many bytes of the delimiter the input so far ends with,
    /// at first 0.
    pub(super) fn step(&self, matched: &mut usize, input: &mut Bytes) -> DelimiterStep {
        if input.is_empty() {
            return DelimiterStep::NeedsInput;
        }
        if *matched > 0 {
            let rest = &self.text[*matched..];
            let common = rest.iter().zip(input.iter()).take_while(|(one, other)| one == other).count();
            if common == rest.len() {
                *matched = 0;
                input.advance(common);
                return DelimiterStep::Found;
            }
            if common == input.len() {
                *matched += common;
                input.clear();
                return DelimiterStep::NeedsInput;
            }
            return DelimiterStep::Piece(self.text.slice(..std::mem::take(matched)));
        }
        match self.find(input) {
            Some(0) => {
                input.advance(self.len());
                DelimiterStep::Found
            }
            Some(at) => DelimiterStep::Piece(input.split_to(at)),
            None => {
                *matched = self.begun(input);
                let piece = input.split_to(input.len() - *matched);
                input.clear();
                if piece.is_empty() { DelimiterStep::NeedsInput } else { DelimiterStep::Piece(piece) }
            }
        }
    }

    /// How many bytes at the end of a text could be the beginning of the delimiter.
    fn begun(&self, text: &[u8]) -> usize {
        let end = &text[text.len().saturating_sub(self.len() - 1)..];
        match memchr::memrchr(b'\r', end) {
            Some(at) if self.text.starts_with(&end[at..]) => end.len() - at,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(content_type: &str) -> Option<Bytes> {
        Delimiter::of(&content_type.parse().unwrap()).ok().map(|delimiter| delimiter.text)
    }

    #[test]
    fn the_boundary_is_read_with_and_without_quotes() {
        for text in [
            "multipart/form-data; boundary=a-b",
            "multipart/form-data;charset=utf-8; Boundary=\"a-b\"",
            "multipart/form-data ; x=y; boundary = a-b ",
        ] {
            assert_eq!(of(text).as_deref(), Some(&b"\r\n--a-b"[..]), "{text}");
        }
        let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
        for text in ["multipart/form-data", "multipart/form-data; boundary=", "boundary=b", &long] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    /// Takes all steps through a body in pieces: what is before the delimiter, and what is after it.
    fn walk(delimiter: &Delimiter, body: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<Vec<u8>>) {
        let (mut before, mut after, mut matched) = (Vec::new(), None, 0);
        let mut from = 0;
        for to in cuts.iter().copied().chain([body.len()]) {
            let mut input = Bytes::copy_from_slice(&body[from..to]);
            from = to;
            loop {
                match delimiter.step(&mut matched, &mut input) {
                    DelimiterStep::Piece(piece) => before.extend_from_slice(&piece),
                    DelimiterStep::Found => {
                        let rest = [&input[..], &body[to..]].concat();
                        after = Some(rest);
                        return (before, after);
                    }
                    DelimiterStep::NeedsInput => break,
                }
            }
        }
        before.extend_from_slice(&delimiter.text[..matched]);
        (before, after)
    }

    proptest! {
        #[test]
        fn a_delimiter_is_found_however_the_body_is_cut(
            body in prop::collection::vec(prop::sample::select(b"\r\n-ab".to_vec()), 0..200),
            cuts in prop::collection::vec(0..200_usize, 0..60),
            boundary in "[ab-]{1,3}",
        ) {
            let delimiter = Delimiter::new(&boundary);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.sort_unstable();
            let (before, after) = walk(&delimiter, &body, &cuts);
            let found = delimiter.find(&body);
            prop_assert_eq!(&before[..], &body[..found.unwrap_or(body.len())]);
            prop_assert_eq!(after.as_deref(), found.map(|at| &body[at + delimiter.len()..]));
        }
    }
}
