//! Which keys the service stores under exactly their name ("Naming and referencing containers, blobs, and metadata").

use crate::error::ProviderError;

/// The most segments between slashes in a blob's name.
const MAX_SEGMENTS: usize = 254;

/// Refuses keys that the service would store under another name, where they could replace or delete another object:
/// it drops the dots at the end of each segment, resolves `.` and `..`, and treats a backslash as a slash.
pub(super) fn check_key(key: &str) -> Result<(), ProviderError> {
    let why = if key.is_empty() {
        "the key is empty"
    } else if key.contains('\\') {
        "Azure treats backslashes in keys as slashes, so it can't store a key that contains one"
    } else if key.split('/').any(|segment| segment.ends_with('.')) {
        "Azure drops dots at the end of a key and before a slash, so it can't store a key that has one there (this \
         includes the repository's folder)"
    } else if key.split('/').count() > MAX_SEGMENTS {
        "Azure can't store keys with more than 254 segments between slashes"
    } else {
        return Ok(());
    };
    Err(ProviderError::InvalidRequest(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_would_become_another_one_is_refused() {
        for wrong in ["", "report.", "a./b", "a/b..", "...", ".", "a/../b", "a/./b", "a\\b", "v1./", "x./.y"]
        {
            assert!(check_key(wrong).is_err(), "{wrong}");
        }
        assert!(check_key(&"a/".repeat(254)).is_err());
        for right in ["a", ".a", "a.b", "..a/b.c", "a/", "/a", "a//b", "a. b", "a.%2E", "report.\u{a0}"] {
            assert!(check_key(right).is_ok(), "{right}");
        }
        assert!(check_key(&"a/".repeat(253)).is_ok());
    }
}
