//! Object keys and parts of them. A client's key, prefix or marker that could lead a server out of the repository's
//! folder is refused; `route` adds the folder.

use bucketry_provider::driver::{climbs, resolves_to_nothing};

use crate::failure::{Failure, FailureKind};

/// The key of an object: 1 to 1,024 bytes of UTF-8, stored byte for byte.
///
/// Some servers interpret a key as a path. Keys that could lead them elsewhere are refused: those whose `.` and
/// `..` segments climb above the start of the key or resolve to nothing, and those that contain a NUL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 1_024;

    /// Checks a decoded key.
    pub fn new(key: String) -> Result<Self, Failure> {
        if key.is_empty() {
            return Err(Failure::new(FailureKind::InvalidValue, "The object key is empty."));
        }
        if key.len() > Self::MAX_BYTES {
            let message =
                format!("The key is {} bytes long, but at most {} are allowed.", key.len(), Self::MAX_BYTES);
            return Err(Failure::new(FailureKind::KeyTooLong, message));
        }
        check_path(&key)?;
        if resolves_to_nothing(&key) {
            return Err(Failure::new(FailureKind::InvalidPath, CLIMBS));
        }
        Ok(Self(key))
    }

    /// The decoded key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const CLIMBS: &str = "The '.' and '..' segments of a key, prefix, delimiter or marker lead above its beginning, which \
                      storage servers interpret differently. Use another one.";

/// A prefix, a marker or a delimiter: at most 1,024 bytes of UTF-8 without a NUL, whose `.` and `..` segments don't
/// climb above its start. May be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyText(String);

impl KeyText {
    /// Checks a decoded text.
    pub fn new(text: impl Into<String>) -> Result<Self, Failure> {
        let text = text.into();
        if text.len() > ObjectKey::MAX_BYTES {
            let message = format!(
                "A prefix, delimiter or marker is {} bytes long, but at most {} are allowed.",
                text.len(),
                ObjectKey::MAX_BYTES
            );
            return Err(Failure::new(FailureKind::KeyTooLong, message));
        }
        check_path(&text)?;
        Ok(Self(text))
    }

    /// The decoded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Refuses texts that a server could resolve to a path above their start.
fn check_path(text: &str) -> Result<(), Failure> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(Failure::new(
            FailureKind::InvalidValue,
            "Keys, prefixes, delimiters and markers must not contain NUL characters.",
        ));
    }
    if climbs(text) { Err(Failure::new(FailureKind::InvalidPath, CLIMBS)) } else { Ok(()) }
}
