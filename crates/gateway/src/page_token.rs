//! The tokens that continue a list: opaque to clients, and good only for the list that they were given for.
//!
//! A token holds where the provider's page ended, which would tell clients names that they are not to see. It is
//! encrypted and authenticated, bound to repository, bucket, prefix and delimiter, and the same place has the same token.

use bucketry_model::id::{BucketId, RepoId};
use serde::{Deserialize, Serialize};

use crate::error::{Code, Result, S3Error};
use crate::sealer::Sealer;

/// Texts that begin so are tokens; no client makes up keys like that.
const MARK: &str = "bkt1.";

/// Where a list goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagePosition {
    /// The provider's own token.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Only what comes after this, in the bucket's own keys.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The list that a token belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The repository.
    pub repository: RepoId,
    /// The bucket.
    pub bucket: BucketId,
    /// The prefix, in the bucket's own keys.
    pub prefix: &'a str,
    /// The delimiter.
    pub delimiter: Option<&'a str>,
}

impl Scope<'_> {
    fn bytes(self) -> Vec<u8> {
        let delimiter = self.delimiter.unwrap_or_default();
        format!("{} {} {} {}{delimiter}", self.repository, self.bucket, self.prefix.len(), self.prefix)
            .into_bytes()
    }
}

/// Seals and opens tokens.
#[derive(Debug)]
pub struct PageTokens(Sealer);

impl PageTokens {
    /// Takes a secret that all nodes share which clients are sent to in turn; a token opens where it was sealed, and
    /// where the secret is the same.
    pub fn new(secret: &[u8; 32]) -> Result<Self> {
        Sealer::new(secret, "bucketry list token").map(Self)
    }

    /// Makes the token of a place.
    pub fn seal(&self, scope: Scope<'_>, position: &PagePosition) -> Result<String> {
        let failed = |_| S3Error::new(Code::InternalError, "The token of the list can't be sealed.");
        let position = serde_json::to_vec(position).map_err(failed)?;
        Ok([MARK, &self.0.seal(&scope.bytes(), position)?].concat())
    }

    /// Opens a token. Whatever isn't one of this list is refused.
    ///
    /// What it holds is not to be trusted: who knows the secret can make tokens up.
    pub fn open(&self, scope: Scope<'_>, token: &str) -> Result<PagePosition> {
        let opened = || {
            let position = self.0.open(&scope.bytes(), token.strip_prefix(MARK)?)?;
            serde_json::from_slice(&position).ok()
        };
        opened().ok_or_else(not_of_this_list)
    }

    /// Whether a marker is a token of ours, and not a key.
    pub fn is_token(marker: &str) -> bool {
        marker.starts_with(MARK)
    }
}

/// The refusal of a token that was given for another list, or by nobody.
pub(crate) fn not_of_this_list() -> S3Error {
    S3Error::new(
        Code::InvalidArgument,
        "The continuation token is not one of this list: bucket, prefix and delimiter must be those of the request \
         before. Begin the list anew.",
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
        let tokens = PageTokens::new(&[7; 32]).unwrap();
        let token = tokens.seal(scope(1, "p/"), &position()).unwrap();
        assert_eq!(tokens.open(scope(1, "p/"), &token), Ok(position()));
        let bytes = URL_SAFE_NO_PAD.decode(&token[MARK.len()..]).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
        assert_eq!(token, tokens.seal(scope(1, "p/"), &position()).unwrap());

        let other = Scope { repository: RepoId::new(jiff::Timestamp::UNIX_EPOCH, [2; 10]), ..scope(1, "p/") };
        let undivided = Scope { delimiter: None, ..scope(1, "p/") };
        for wrong in [scope(2, "p/"), scope(1, "p"), scope(1, ""), other, undivided] {
            assert_eq!(tokens.open(wrong, &token).unwrap_err().code, Code::InvalidArgument, "{wrong:?}");
        }
        assert!(PageTokens::new(&[8; 32]).unwrap().open(scope(1, "p/"), &token).is_err());
    }

    #[test]
    fn a_token_that_was_changed_or_made_up_is_refused() {
        let tokens = PageTokens::new(&[7; 32]).unwrap();
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
