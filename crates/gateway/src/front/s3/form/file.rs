//! The file of a form, up to the delimiter that ends it.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;

use crate::failure::{Failure, FailureKind};
use crate::front::s3::form::delimiter::{Delimiter, DelimiterStep};
use crate::payload::{BoxError, ContentSource, NextContent, poll_bytes};

/// The most bytes after the file: fields, which nobody reads, and the delimiter that ends the form.
pub(super) const MAX_AFTER: usize = 20 << 10;
/// What follows the last delimiter.
pub(super) const CLOSING: &[u8; 2] = b"--";

/// The content of the file. Ends with an error unless its size is allowed and the form is complete, so nothing is
/// stored of a form that breaks off.
pub(super) struct FormFile<B> {
    body: B,
    delimiter: Delimiter,
    /// Bytes that were read but not passed on yet.
    input: Bytes,
    /// How many bytes of the delimiter the input so far ends with.
    matched: usize,
    /// The bytes after the file, once it has ended.
    after: Option<Vec<u8>>,
    /// The smallest and the largest size that the policy allows.
    allowed: (u64, u64),
    size: u64,
}

impl<B> FormFile<B> {
    /// `start` are the bytes of the file that were read already.
    pub(super) fn new(body: B, delimiter: Delimiter, start: Bytes, allowed: (u64, u64)) -> Self {
        Self { body, delimiter, input: start, matched: 0, after: None, allowed, size: 0 }
    }

    fn piece(&mut self, piece: Bytes) -> Result<NextContent, Failure> {
        self.size += piece.len() as u64;
        check_most(self.size, self.allowed.1)?;
        Ok(NextContent::Piece(piece))
    }

    /// Reads what follows the file.
    fn skip(&mut self) -> Result<(), Failure> {
        let after = self.after.get_or_insert_default();
        after.extend_from_slice(&std::mem::take(&mut self.input));
        if after.len() > MAX_AFTER {
            return Err(malformed("more than 20 KiB follow the file, which must be the last field"));
        }
        Ok(())
    }

    fn end(&self) -> Result<NextContent, Failure> {
        let after =
            self.after.as_deref().ok_or_else(|| malformed("the boundary after the file is missing"))?;
        let rest = |at: usize| after.get(at + self.delimiter.len()..).unwrap_or_default();
        let closes = |mut from: usize| {
            while let Some(at) = self.delimiter.find(&after[from..]) {
                if rest(from + at).starts_with(CLOSING) {
                    return true;
                }
                from += at + self.delimiter.len();
            }
            false
        };
        if !after.starts_with(CLOSING) && !closes(0) {
            return Err(malformed("the boundary at its end is missing or damaged"));
        }
        check_least(self.size, self.allowed.0)?;
        Ok(NextContent::End { trailing: None })
    }
}

impl<B> ContentSource for FormFile<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin,
{
    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Result<NextContent, Failure>> {
        loop {
            if self.after.is_some() {
                self.skip()?;
            } else {
                match self.delimiter.step(&mut self.matched, &mut self.input) {
                    DelimiterStep::Piece(piece) => return Poll::Ready(self.piece(piece)),
                    DelimiterStep::Found => {
                        self.after = Some(Vec::new());
                        continue;
                    }
                    DelimiterStep::NeedsInput => {}
                }
            }
            match ready!(poll_bytes(&mut self.body, cx)?) {
                Some(input) => self.input = input,
                None => return Poll::Ready(self.end()),
            }
        }
    }
}

/// Refuses a file that is larger than the policy allows.
pub(super) fn check_most(size: u64, most: u64) -> Result<(), Failure> {
    if size <= most {
        return Ok(());
    }
    let message = format!(
        "Your proposed upload exceeds the maximum allowed size: the policy's content-length-range ends at {most} bytes."
    );
    Err(Failure::new(FailureKind::TooLarge, message))
}

/// Refuses a file that is smaller than the policy allows.
pub(super) fn check_least(size: u64, least: u64) -> Result<(), Failure> {
    if size >= least {
        return Ok(());
    }
    let message = format!(
        "Your proposed upload is smaller than the minimum allowed size: the policy's content-length-range begins at \
         {least} bytes."
    );
    Err(Failure::new(FailureKind::PartTooSmall, message))
}

fn malformed(what: &str) -> Failure {
    Failure::new(FailureKind::MalformedForm, super::malformed_message(what))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use proptest::prelude::*;

    use super::*;

    /// The file in a body that arrives in pieces of this size.
    async fn file(body: &[u8], piece: usize, allowed: (u64, u64)) -> Result<Vec<u8>, Failure> {
        let pieces: Vec<_> = body
            .chunks(piece.max(1))
            .map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let body = StreamBody::new(stream::iter(pieces));
        let mut file = FormFile::new(body, Delimiter::new("b"), Bytes::new(), allowed);
        let mut content = Vec::new();
        loop {
            match std::future::poll_fn(|cx| file.poll_content(cx)).await? {
                NextContent::Piece(piece) => content.extend_from_slice(&piece),
                NextContent::End { .. } => return Ok(content),
            }
        }
    }

    const ANY: (u64, u64) = (0, u64::MAX);

    #[tokio::test]
    async fn a_form_may_end_in_every_usual_way() {
        for end in [
            "\r\n--b--",
            "\r\n--b--\r\n",
            "\r\n--b--\r\nepilogue",
            "\r\n--b\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--b--\r\n",
            "\r\n--b\r\n\r\n--b--",
        ] {
            for content in ["", "x", "\r\n", "a\r\n-b\r\n--", "\r\r\n--c"] {
                for piece in [1, 2, 3, 100] {
                    let body = format!("{content}{end}");
                    let read = file(body.as_bytes(), piece, ANY).await;
                    assert_eq!(read.as_deref(), Ok(content.as_bytes()), "{content:?} {end:?} {piece}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_form_that_does_not_end_is_refused() {
        let endless = format!("x\r\n--b\r\n{}\r\n--b--", "y".repeat(MAX_AFTER));
        for body in
            ["", "x", "x\r\n--b", "x\r\n--b-", "x\r\n--c--\r\n", "x\r\n--b\r\n", "x\r\n--bc--", &endless]
        {
            for piece in [1, 100_000] {
                let refused = file(body.as_bytes(), piece, ANY).await.unwrap_err();
                assert_eq!(refused.kind, FailureKind::MalformedForm, "{body:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_file_has_the_size_that_the_policy_allows() {
        let body = b"12345\r\n--b--";
        for (allowed, expected) in
            [((5, 5), None), ((0, 4), Some(FailureKind::TooLarge)), ((6, 9), Some(FailureKind::PartTooSmall))]
        {
            let read = file(body, 3, allowed).await;
            assert_eq!(read.err().map(|failure| failure.kind), expected, "{allowed:?}");
        }
    }

    proptest! {
        #[test]
        fn the_file_is_what_was_sent(
            content in prop::collection::vec(prop::sample::select(b"\r\n-bx".to_vec()), 0..200),
            piece in 1..20_usize,
        ) {
            prop_assume!(Delimiter::new("b").find(&content).is_none());
            let body = [&content[..], b"\r\n--b--\r\n"].concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            prop_assert_eq!(runtime.block_on(file(&body, piece, ANY)), Ok(content));
        }
    }
}
