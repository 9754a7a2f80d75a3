//! Continuation tokens. They are opaque to clients and valid only for the list that they were issued for.
//!
//! A token contains the position at which the provider's page ended, which could reveal names that clients must not
//! see. It is therefore encrypted and authenticated, and bound to repository, bucket, prefix and delimiter. Equal
//! positions have equal tokens.

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureKind};
use crate::routing::object_key::KeyText;
use crate::routing::sealer::Sealer;

/// Prefix of tokens. It distinguishes a token from a key in parameters that accept either.
const MARK: &str = "bkt1.";

/// The position from which a list continues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagePosition {
    /// The provider's continuation token.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Skip keys up to and including this one (a key in the bucket, with the folder).
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Where a page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marker {
    /// After this key.
    Key(KeyText),
    /// Where the previous page ended, as a token that the gateway issued.
    Token(String),
}

impl Marker {
    /// Whether a text that a client sends as a marker means the key, and is accepted.
    pub(crate) fn is_key(text: &str) -> bool {
        !PageTokens::is_token(text) && KeyText::new(text.to_owned()).is_ok()
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Key(key) => key.as_str(),
            Self::Token(token) => token,
        }
    }
}

/// The list that a token is bound to.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the fields are what the token is bound to")]
pub struct Scope<'a> {
    pub repository: RepoId,
    pub bucket: BucketId,
    /// With the repository's folder.
    pub prefix: &'a str,
    pub delimiter: Option<&'a str>,
}

impl Scope<'_> {
    pub(super) fn bytes(self) -> Vec<u8> {
        let delimiter = self.delimiter.unwrap_or_default();
        format!("{} {} {} {}{delimiter}", self.repository, self.bucket, self.prefix.len(), self.prefix)
            .into_bytes()
    }
}

/// Seals and opens the tokens of a repository.
#[derive(Debug)]
pub struct PageTokens(Sealer);

impl PageTokens {
    /// Takes the repository's sealing key. Fails only if the cryptography library does.
    pub fn new(sealing_key: &Secret) -> Result<Self, Failure> {
        Sealer::new(sealing_key.expose().as_bytes(), "bucketry page token").map(Self)
    }

    /// Creates the token for a position.
    pub fn seal(&self, scope: Scope<'_>, position: &PagePosition) -> Result<String, Failure> {
        let failed =
            |_| Failure::new(FailureKind::Internal, "The gateway could not encrypt the continuation token.");
        let position = serde_json::to_vec(position).map_err(failed)?;
        Ok([MARK, &self.0.seal(&scope.bytes(), position)?].concat())
    }

    /// Opens a token. Anything that isn't a token of this list is refused.
    pub fn open(&self, scope: Scope<'_>, token: &str) -> Result<PagePosition, Failure> {
        let opened = || {
            let position = self.0.open(&scope.bytes(), token.strip_prefix(MARK)?)?;
            serde_json::from_slice(&position).ok()
        };
        opened().ok_or_else(not_of_this_list)
    }

    /// Whether a marker is a token of ours rather than a key.
    pub fn is_token(marker: &str) -> bool {
        marker.starts_with(MARK)
    }
}

/// The error for a token that was issued for another list or before an update, or was made up.
pub(crate) fn not_of_this_list() -> Failure {
    Failure::new(
        FailureKind::InvalidValue,
        "The continuation token is not valid for this list: it is of another list or repository, or from before an \
         update of Bucketry. Send it with the bucket, prefix and delimiter of the request that returned it, or list \
         again from the beginning.",
    )
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn scope(bucket: u8, prefix: &str) -> Scope<'_> {
        let at = jiff::Timestamp::UNIX_EPOCH;
        Scope {
            repository: RepoId::new(at, [1; 10]),
            bucket: BucketId::new(at, [bucket; 10]),
            prefix,
            delimiter: Some("/"),
        }
    }

    fn position() -> PagePosition {
        PagePosition { token: Some("secret-folder/key".into()), after: None }
    }

    #[test]
    fn a_token_opens_for_its_own_list_only_and_shows_nothing() {
        let tokens = PageTokens::new(&Secret::new("seven")).unwrap();
        let token = tokens.seal(scope(1, "p/"), &position()).unwrap();
        assert_eq!(tokens.open(scope(1, "p/"), &token), Ok(position()));
        let bytes = URL_SAFE_NO_PAD.decode(&token[MARK.len()..]).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
        assert_eq!(token, tokens.seal(scope(1, "p/"), &position()).unwrap());

        let other = Scope { repository: RepoId::new(jiff::Timestamp::UNIX_EPOCH, [2; 10]), ..scope(1, "p/") };
        let undivided = Scope { delimiter: None, ..scope(1, "p/") };
        for wrong in [scope(2, "p/"), scope(1, "p"), scope(1, ""), other, undivided] {
            assert_eq!(tokens.open(wrong, &token).unwrap_err().kind, FailureKind::InvalidValue, "{wrong:?}");
        }
        assert!(PageTokens::new(&Secret::new("eight")).unwrap().open(scope(1, "p/"), &token).is_err());
    }

    #[test]
    fn a_token_that_was_changed_or_made_up_is_refused() {
        let tokens = PageTokens::new(&Secret::new("seven")).unwrap();
        let token = tokens.seal(scope(1, ""), &position()).unwrap();
        for at in MARK.len()..token.len() - 1 {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(tokens.open(scope(1, ""), &changed).is_err(), "{changed}");
        }
        for wrong in ["", "bkt1.", "bkt1.AAAA", "key", "bkt1.ü"] {
            assert!(tokens.open(scope(1, ""), wrong).is_err(), "{wrong}");
        }
    }
}
