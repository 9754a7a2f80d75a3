//! Checks for texts that clients supply and that are sent on to a provider.
//!
//! Some servers treat any text as a path: they percent-decode more often than they should, treat backslashes as
//! slashes, and resolve dot segments. The checks assume the worst of these. Whatever reaches a provider outside a
//! header value is therefore a number, a text for which [`climbs`] is false, or a value of one of the types here,
//! which only their constructors create. The gateway's types for keys and prefixes (`ObjectKey` and `KeyText` in its
//! `operation`) use the same check.

use std::fmt;

use percent_encoding::percent_decode_str;

/// Why a text was refused. The messages are predicates: put the name of the field before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// The text is empty or too long.
    #[error("is empty or too long")]
    Length,
    /// The text contains a character that no provider uses there.
    #[error("contains a control character, a backslash or an escape sequence that is not UTF-8")]
    Character,
    /// A server that treats the text as a path would resolve it to another place.
    #[error("contains path segments such as '..' that lead elsewhere")]
    Path,
}

/// A provider's id of a multipart upload: 1 to [`UploadId::MAX_BYTES`] bytes. No server can interpret it as a path
/// that leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UploadId(String);

impl UploadId {
    /// The maximum length in bytes. Providers issue at most 1,024. Upload ids for Azure are generated here and
    /// contain the object's attributes.
    pub const MAX_BYTES: usize = 5 * 1024;

    /// Accepts an id without control characters, backslashes, or empty, `.` or `..` segments, no matter how often
    /// it is percent-decoded.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
        opaque(text.into(), Self::MAX_BYTES).map(Self)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A provider's id of one version of an object. The rules of [`UploadId`] apply; the length is 1 to 1,024 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VersionId(String);

impl VersionId {
    /// Accepts a version by the rules of [`UploadId::new`].
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
        opaque(text.into(), 1_024).map(Self)
    }

    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A provider's continuation token of a list. Some providers use a key, so it may contain slashes anywhere. However
/// it is decoded, it never leads above its own beginning.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageToken(String);

impl PageToken {
    /// The maximum length in bytes.
    pub const MAX_BYTES: usize = 4 * 1024;

    /// Accepts a token of 1 to [`PageToken::MAX_BYTES`] bytes without NUL that doesn't climb (see [`climbs`]).
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
        let text = text.into();
        match text.len() {
            0 => Err(InvalidText::Length),
            length if length > Self::MAX_BYTES => Err(InvalidText::Length),
            _ if text.contains('\0') => Err(InvalidText::Character),
            _ if climbs(&text) => Err(InvalidText::Path),
            _ => Ok(Self(text)),
        }
    }

    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PageToken {
    /// Converts the token into its text.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// Checks that no server can interpret a text as a path that leads elsewhere, no matter how often it is
/// percent-decoded: 1 to `max_bytes` bytes, no control characters, no backslashes, no empty, `.` or `..` segments.
pub fn check_opaque(text: &str, max_bytes: usize) -> Result<(), InvalidText> {
    if text.is_empty() || text.len() > max_bytes {
        return Err(InvalidText::Length);
    }
    for reading in readings(text) {
        let reading = reading.ok_or(InvalidText::Character)?;
        if reading.chars().any(|c| c.is_control() || c == '\\') {
            return Err(InvalidText::Character);
        }
        if segments(&reading).any(|segment| segment.is_empty() || is_dots(segment)) {
            return Err(InvalidText::Path);
        }
    }
    Ok(())
}

fn opaque(text: String, max_bytes: usize) -> Result<String, InvalidText> {
    check_opaque(&text, max_bytes).map(|()| text)
}

/// Whether any decoding of a text, resolved as a path, leads above its beginning. Example: `a/../../b`.
pub fn climbs(text: &str) -> bool {
    may_hold_dots(text) && readings(text).flatten().any(|reading| depths(&reading).any(|depth| depth < 0))
}

/// Whether any decoding of a text, resolved as a path, leads back to its beginning. Example: `a/..`.
pub fn resolves_to_nothing(text: &str) -> bool {
    may_hold_dots(text)
        && readings(text).flatten().any(|reading| {
            segments(&reading).any(is_dots) && depths(&reading).last().is_none_or(|depth| depth == 0)
        })
}

/// A quick check that rules out most texts.
fn may_hold_dots(text: &str) -> bool {
    // A search for a single byte is fast: the standard library compares whole words.
    text.as_bytes().contains(&b'.') || text.as_bytes().contains(&b'%')
}

/// The text as it is, percent-decoded once, twice and so on. A decoding that isn't UTF-8 yields `None` and then its
/// lossy form.
fn readings(text: &str) -> impl Iterator<Item = Option<String>> {
    let mut next = Some(text.to_owned());
    let mut is_text = true;
    std::iter::from_fn(move || {
        if !is_text {
            is_text = true;
            return Some(None);
        }
        let text = next.take()?;
        if text.contains('%') {
            let bytes = percent_decode_str(&text);
            is_text = bytes.clone().decode_utf8().is_ok();
            let again = bytes.decode_utf8_lossy().into_owned();
            next = (again != text).then_some(again);
        }
        Some(Some(text))
    })
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', '\\'])
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// The depth below the beginning after each segment of a path.
fn depths(path: &str) -> impl Iterator<Item = i64> {
    segments(path).scan(0, |depth, segment| {
        match segment {
            "" | "." => {}
            ".." => *depth -= 1,
            _ => *depth += 1,
        }
        Some(*depth)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_providers_give_are_taken_as_they_are() {
        for id in [
            "VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRz",
            "2~qh4bS2-8mBLGHmCkq",
            "0a1b2c3d4e5f_9f8e7d6c-1234-5678-9abc-def012345678",
            "4_zaf7d..e0_f2031f2_d20260501_m1000_c000.v1_t0001",
            "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo",
            "u+/=",
            "1577836800000000",
            "...",
            "a%b",
            "100%",
        ] {
            assert_eq!(UploadId::new(id).unwrap().as_str(), id);
            assert_eq!(VersionId::new(id).unwrap().as_str(), id);
        }
    }

    #[test]
    fn ids_that_some_server_takes_for_paths_are_refused() {
        let long = "x".repeat(1_025);
        for (id, why) in [
            ("", InvalidText::Length),
            (&long, InvalidText::Length),
            ("hash/..", InvalidText::Path),
            ("hash/../../other", InvalidText::Path),
            ("x/../../../folder/plain.txt", InvalidText::Path),
            (".", InvalidText::Path),
            ("..", InvalidText::Path),
            ("a/./b", InvalidText::Path),
            ("/a", InvalidText::Path),
            ("a/", InvalidText::Path),
            ("a//b", InvalidText::Path),
            ("hash%2f..", InvalidText::Path),
            ("hash%2F%2e%2e", InvalidText::Path),
            ("hash%252f%25252e.", InvalidText::Path),
            ("a\\b", InvalidText::Character),
            ("hash%5c..", InvalidText::Character),
            ("a\nb", InvalidText::Character),
            ("a%00b", InvalidText::Character),
            ("a%250ab", InvalidText::Character),
            ("a\u{85}b", InvalidText::Character),
            ("a%c0%ae%c0%ae", InvalidText::Character),
        ] {
            assert_eq!(VersionId::new(id), Err(why), "{id:.40}");
            if id != long {
                assert_eq!(UploadId::new(id), Err(why), "{id:.40}");
            }
        }
        assert_eq!(UploadId::new("x".repeat(UploadId::MAX_BYTES + 1)), Err(InvalidText::Length));
    }

    #[test]
    fn a_token_may_be_any_key_that_does_not_climb() {
        for token in ["t+/=", "/lead", "a//b/", "a/../b", "2!92!MDAwMDA1", "a\nb", "%c0%ae"] {
            assert_eq!(PageToken::new(token).unwrap().as_str(), token);
        }
        for (token, why) in [
            ("", InvalidText::Length),
            ("..", InvalidText::Path),
            ("a/../../b", InvalidText::Path),
            ("%252e%252e/b", InvalidText::Path),
            ("..\\b", InvalidText::Path),
            ("a\0", InvalidText::Character),
        ] {
            assert_eq!(PageToken::new(token), Err(why), "{token}");
        }
    }
}
