//! Reads the fields of a form up to its file (RFC 7578, "POST Object" in the Amazon S3 API reference).
//!
//! A state machine without I/O: the result doesn't depend on how the input is split, and no byte is searched twice.

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::form::delimiter::Delimiter;
use crate::front::s3::form::malformed;

/// The most bytes before the file: fields, their headers and delimiters.
pub(super) const MAX_BEFORE: usize = 20 << 10;
/// The field that contains the file.
const FILE: &str = "file";

/// The fields before the file, by their names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of a field. `name` is in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Replaces the values of some fields.
    pub(super) fn try_update(
        &mut self,
        mut update: impl FnMut(&str, &str) -> Result<Option<String>>,
    ) -> Result<()> {
        for (name, value) in &mut self.0 {
            if let Some(updated) = update(name, value)? {
                *value = updated;
            }
        }
        Ok(())
    }

    /// S3 combines neither values nor conditions of a field that is sent twice.
    fn add(&mut self, name: String, value: &[u8]) -> Result<()> {
        let Ok(value) = std::str::from_utf8(value) else {
            return Err(malformed("the fields before the file must be UTF-8"));
        };
        if self.get(&name).is_some() {
            let message = "A form field is present more than once. Send each field once.";
            return Err(S3Error::new(Code::InvalidArgument, message));
        }
        self.0.push((name, value.to_owned()));
        Ok(())
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Fields {
    fn from(fields: [(&str, &str); N]) -> Self {
        Self(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }
}

/// Where the file begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileStart {
    pub(super) fields: Fields,
    /// The name that the client gives the file, empty if it gives none.
    pub(super) filename: String,
    /// The file's bytes in the last input.
    pub(super) content: Bytes,
    /// The bytes of the body before the file.
    pub(super) before: usize,
}

/// Reads fields.
pub(super) struct FieldReader {
    delimiter: Delimiter,
    /// Everything so far, after a line end, as which the body's beginning counts.
    text: Vec<u8>,
    /// Nothing before this position needs to be searched again.
    searched: usize,
    state: ReadState,
    fields: Fields,
}

enum ReadState {
    /// Before the first delimiter.
    Preamble,
    /// After a delimiter, at this position.
    Line(usize),
    /// In the headers of a part, which begin at this position.
    Headers(usize),
    /// In the value of a field, which begins at this position.
    Value { name: String, start: usize },
    /// In the file, which begins at this position.
    File { filename: String, start: usize },
}

const LINE_END: &[u8; 2] = b"\r\n";

impl FieldReader {
    pub(super) fn new(delimiter: Delimiter) -> Self {
        Self {
            delimiter,
            text: LINE_END.to_vec(),
            searched: 0,
            state: ReadState::Preamble,
            fields: Fields::default(),
        }
    }

    /// Reads more of the body. Returns where the file begins, once it does.
    pub(super) fn read(&mut self, input: &Bytes) -> Result<Option<FileStart>> {
        let known = self.text.len();
        let room = MAX_BEFORE + LINE_END.len() - known;
        let taken = room.min(input.len());
        self.text.extend_from_slice(&input[..taken]);
        while self.advance()? {}
        if let ReadState::File { filename, start } = &mut self.state {
            return Ok(Some(FileStart {
                fields: std::mem::take(&mut self.fields),
                filename: std::mem::take(filename),
                // The headers before the file were incomplete until now, so it begins in this input.
                content: input.slice(*start - known..),
                before: *start - LINE_END.len(),
            }));
        }
        if taken < input.len() || taken == room {
            return Err(S3Error::new(
                Code::MaxPostPreDataLengthExceeded,
                "Your POST request fields preceding the upload file were too large. They can have 20 KiB; all fields \
                 other than the file must be before it.",
            ));
        }
        Ok(None)
    }

    /// Goes to the next state. Returns `false` if that needs more input, or at the file.
    fn advance(&mut self) -> Result<bool> {
        match &self.state {
            ReadState::Preamble => {
                let Some(at) = self.find(|this, text| this.delimiter.find(text), self.delimiter.len()) else {
                    return Ok(false);
                };
                self.state = ReadState::Line(at + self.delimiter.len());
            }
            ReadState::Line(at) => {
                let rest = self.text.get(*at..).unwrap_or_default();
                // Some senders pad the line (RFC 2046 §5.1.1).
                let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                let start = at + padding + LINE_END.len();
                match rest.get(padding..padding + LINE_END.len()) {
                    None => return Ok(false),
                    Some(b"--") => return Err(no_file()),
                    Some(b"\r\n") => self.state = ReadState::Headers(start),
                    Some(_) => return Err(malformed("a boundary must be followed by a line end")),
                }
                self.searched = start;
            }
            ReadState::Headers(start) => {
                const END: &[u8; 4] = b"\r\n\r\n";
                let start = *start;
                let Some(end) = self.find(|_, text| memchr::memmem::find(text, END), END.len()) else {
                    return Ok(false);
                };
                let Disposition { name, filename } = Disposition::of(&self.text[start..end])?;
                let start = end + END.len();
                self.searched = start;
                self.state = if name == FILE {
                    ReadState::File { filename, start }
                } else {
                    ReadState::Value { name, start }
                };
            }
            ReadState::Value { start, .. } => {
                let start = *start;
                let Some(end) = self.find(|this, text| this.delimiter.find(text), self.delimiter.len())
                else {
                    return Ok(false);
                };
                let next = ReadState::Line(end + self.delimiter.len());
                if let ReadState::Value { name, .. } = std::mem::replace(&mut self.state, next) {
                    self.fields.add(name, &self.text[start..end])?;
                }
            }
            ReadState::File { .. } => return Ok(false),
        }
        Ok(true)
    }

    /// The position of something with this length.
    fn find(&mut self, find: impl Fn(&Self, &[u8]) -> Option<usize>, length: usize) -> Option<usize> {
        let found = find(self, &self.text[self.searched..]).map(|at| self.searched + at);
        if found.is_none() {
            self.searched = self.searched.max((self.text.len() + 1).saturating_sub(length));
        }
        found
    }
}

fn no_file() -> S3Error {
    S3Error::new(
        Code::InvalidArgument,
        "POST requires exactly one file upload per request: the last field of the form must be named \"file\".",
    )
}

/// The `Content-Disposition` of a part.
#[derive(Debug, PartialEq, Eq)]
struct Disposition {
    /// In lower case.
    name: String,
    filename: String,
}

impl Disposition {
    /// Reads the headers of a part.
    fn of(headers: &[u8]) -> Result<Self> {
        let headers = std::str::from_utf8(headers)
            .map_err(|_| malformed("the names of fields and files must be UTF-8"))?;
        let mut disposition = None;
        for line in headers.split("\r\n") {
            let (name, value) = line.split_once(':').unwrap_or_default();
            match name.trim().to_ascii_lowercase().as_str() {
                "content-disposition" => disposition = Some(value),
                // Nobody sends other ones (RFC 7578 §4.7), and they would be stored as they are.
                "content-transfer-encoding"
                    if !["binary", "8bit", "7bit"].contains(&value.trim().to_ascii_lowercase().as_str()) =>
                {
                    return Err(malformed("Content-Transfer-Encoding must be binary"));
                }
                _ => {}
            }
        }
        let disposition = disposition.unwrap_or_default().trim();
        let parameters = disposition
            .get(..9)
            .filter(|kind| kind.eq_ignore_ascii_case("form-data"))
            .and_then(|_| disposition.get(9..));
        let parameters =
            parameters.ok_or_else(|| malformed("a part has no Content-Disposition of form-data"))?;
        let name = parameter(parameters, "name").unwrap_or_default();
        if name.is_empty() {
            return Err(malformed("a field has no name"));
        }
        let filename = parameter(parameters, "filename").or_else(|| {
            // Not allowed in forms (RFC 7578 §4.2), but sent for names that aren't ASCII.
            let extended = parameter(parameters, "filename*")?;
            let (_, encoded) = extended.split_once("''")?;
            percent_decode_str(encoded).decode_utf8().ok().map(std::borrow::Cow::into_owned)
        });
        Ok(Self { name: name.to_ascii_lowercase(), filename: filename.unwrap_or_default() })
    }
}

/// A parameter of a header. Browsers escape neither backslashes nor anything else with them, but other clients write
/// `\"` for a quote.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (_, parameters) = rest.split_once(';')?;
        let (name, value) = parameters.split_once('=')?;
        let is_wanted = name.trim().eq_ignore_ascii_case(wanted);
        let Some(quoted) = value.trim_start().strip_prefix('"') else {
            let end = value.find(';').unwrap_or(value.len());
            if is_wanted {
                return Some(value[..end].trim().to_owned());
            }
            rest = &value[end..];
            continue;
        };
        let ends = |(at, _): &(usize, &str)| !quoted[..*at].ends_with('\\');
        let end = quoted.match_indices('"').find(ends).map(|(at, _)| at)?;
        if is_wanted {
            return Some(quoted[..end].replace("\\\"", "\""));
        }
        rest = &quoted[end..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\nuser/${filename}\r\n\
        --b  \r\ncontent-disposition: form-data; name=acl\r\nContent-Type: text/plain\r\n\r\nprivate\r\n\
        --b\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n\
        --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\a \\\"b\\\".txt\"\r\n\
        Content-Type: text/plain\r\n\r\nthe file";

    fn read(body: &str, cuts: &[usize]) -> Result<Option<(Fields, String, String)>> {
        let mut reader = FieldReader::new(Delimiter::new("b"));
        let mut from = 0;
        for to in cuts.iter().copied().chain([body.len()]) {
            let piece = Bytes::copy_from_slice(&body.as_bytes()[from..to]);
            if let Some(file) = reader.read(&piece)? {
                let content = [&file.content[..], &body.as_bytes()[to..]].concat();
                assert_eq!(&body.as_bytes()[file.before..], content);
                return Ok(Some((file.fields, file.filename, String::from_utf8(content).unwrap())));
            }
            from = to;
        }
        Ok(None)
    }

    fn expected() -> (Fields, String, String) {
        let fields = [("key", "user/${filename}"), ("acl", "private"), ("empty", "")];
        (fields.into(), "C:\\a \"b\".txt".to_owned(), "the file".to_owned())
    }

    proptest! {
        #[test]
        fn fields_are_read_however_the_body_is_cut(
            cuts in prop::collection::vec(0..FORM.len(), 0..40),
            preamble in "(x\r\n)?",
        ) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            prop_assert_eq!(read(&format!("{preamble}{FORM}"), &cuts), Ok(Some(expected())));
        }

        #[test]
        fn any_body_is_read_or_refused(
            parts in prop::collection::vec(prop::sample::select(vec![
                "--b", "\r\n", "--", "Content-Disposition:", " form-data", "; name=\"", "file\"", "=", ";", "\"", "ü", "\\",
            ]), 0..40),
            cut in 0..100_usize,
        ) {
            let body = parts.concat();
            let cut = (0..=cut.min(body.len())).rev().find(|at| body.is_char_boundary(*at)).unwrap();
            let whole = read(&body, &[]);
            prop_assert_eq!(read(&body, &[cut]), whole);
        }
    }

    #[test]
    fn a_form_has_at_most_twenty_kibibytes_before_its_file() {
        let of = |length: usize| {
            let field = format!(
                "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{}\r\n{FORM}",
                "x".repeat(length)
            );
            let before = field.find("the file").unwrap();
            (before, read(&field, &[100]).map(|found| found.is_some()))
        };
        let (before, _) = of(0);
        let most = MAX_BEFORE - before;
        assert_eq!(of(most - 1), (MAX_BEFORE - 1, Ok(true)));
        let refused = of(most + 1).1.unwrap_err();
        assert_eq!(refused.code, Code::MaxPostPreDataLengthExceeded);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let field = |headers: &str| format!("--b\r\n{headers}\r\n\r\nv\r\n--b\r\n");
        for (body, code) in [
            ("--b--\r\n".to_owned(), Code::InvalidArgument),
            ("--bc\r\n".to_owned(), Code::MalformedPOSTRequest),
            ("--b\r\n\r\n\r\n".to_owned(), Code::MalformedPOSTRequest),
            (field("Content-Disposition: form-data"), Code::MalformedPOSTRequest),
            (field("Content-Disposition: form-data; name=\"\""), Code::MalformedPOSTRequest),
            (field("Content-Disposition: form-data; name=\"x"), Code::MalformedPOSTRequest),
            (field("Content-Disposition: attachment; name=\"x\""), Code::MalformedPOSTRequest),
            (
                field("Content-Disposition: form-data; name=\"x\"\r\nContent-Transfer-Encoding: base64"),
                Code::MalformedPOSTRequest,
            ),
            (FORM.replace("empty", "KEY"), Code::InvalidArgument),
        ] {
            assert_eq!(read(&body, &[]).unwrap_err().code, code, "{body}");
        }
        for body in ["", "--b", "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n"] {
            assert_eq!(read(body, &[]), Ok(None), "{body}");
        }
    }

    #[test]
    fn names_of_files_are_read_in_every_spelling() {
        for (text, filename) in [
            ("name=\"file\"; filename=\"ü.txt\"", "ü.txt"),
            ("filename=a.txt; name=file", "a.txt"),
            ("name=\"file\"; filename*=utf-8''%C3%BC.txt", "ü.txt"),
            ("name=\"file\"; filename*=utf-8''%C3.txt", ""),
            ("name=\"file\"; filename=\"a;name=b\"", "a;name=b"),
            ("name=\"file\"", ""),
        ] {
            let header = format!("Content-Disposition: form-data; {text}");
            let read = Disposition::of(header.as_bytes()).unwrap();
            assert_eq!((read.name.as_str(), read.filename.as_str()), ("file", filename), "{text}");
        }
    }
}
