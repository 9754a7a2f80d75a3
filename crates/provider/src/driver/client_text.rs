//! Texts of clients on their way to a provider, as the most careless of servers reads them.
//!
//! Some servers take every text for a path: they undo escaping more often than they should, take backslashes for
//! slashes, and resolve dots. Whatever reaches a provider outside of a header's value is therefore a number, a text that
//! [`climbs`] says nothing against, or one of the types here, which only their constructors make.

use std::fmt;

use percent_encoding::percent_decode_str;

/// Why a text is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// It is empty, or longer than its kind may be.
    #[error("is empty or too long")]
    Length,
    /// It holds a character that no provider puts there.
    #[error("holds a control character, a backslash or an escape that stands for no text")]
    Character,
    /// A server that takes it for a path would be led elsewhere.
    #[error("reads as a path that leads elsewhere")]
    Path,
}

/// The provider's name of a multipart upload: 1 to [`UploadId::MAX_BYTES`] bytes that no server can take for a path
/// which leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UploadId(String);

impl UploadId {
    /// The longest in bytes. Providers give at most 1,024; those of Azure are made here and carry the object's
    /// attributes.
    pub const MAX_BYTES: usize = 5 * 1024;

    /// Takes an id that has no control characters, no backslashes, and no empty, `.` or `..` segments, however often
    /// it is unescaped.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
        opaque(text.into(), Self::MAX_BYTES).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The provider's name of one version of an object: as [`UploadId`], of 1 to 1,024 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VersionId(String);

impl VersionId {
    /// Takes a version by the rules of [`UploadId::new`].
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
        opaque(text.into(), 1_024).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a provider's page of a list ended. With some providers that is a key, so slashes may stand anywhere in it; but
/// no reading of it climbs above its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageToken(String);

impl PageToken {
    /// The longest in bytes.
    pub const MAX_BYTES: usize = 4 * 1024;

    /// Takes a token of 1 to [`PageToken::MAX_BYTES`] bytes.
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

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PageToken {
    /// The text, to be kept.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// Whether a text, however often it is unescaped, is a name that no server can take for a path which leads elsewhere:
/// 1 to `max_bytes` bytes, no control characters, no backslashes, no empty, `.` or `..` segments.
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

/// Whether a server that resolves paths is led above the beginning of a text by any reading of it.
pub fn climbs(text: &str) -> bool {
    may_hold_dots(text) && readings(text).flatten().any(|reading| depths(&reading).any(|depth| depth < 0))
}

/// Whether nothing is left of a text but the place that it begins at, as of `a/..`, once its dots are resolved.
pub fn resolves_to_nothing(text: &str) -> bool {
    may_hold_dots(text)
        && readings(text).flatten().any(|reading| {
            segments(&reading).any(is_dots) && depths(&reading).last().is_none_or(|depth| depth == 0)
        })
}

/// Whether a closer look is worth its time; for most texts it isn't.
fn may_hold_dots(text: &str) -> bool {
    // Each is a search for one byte, which the standard library does by the word.
    text.as_bytes().contains(&b'.') || text.as_bytes().contains(&b'%')
}

/// The text as it is, and as a server sees it that undoes escaping once more than it should, and so on. What is no text
/// any more is read as far as it is one, after a `None`.
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

/// How far below its beginning each step of a path leads.
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
