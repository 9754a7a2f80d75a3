//! Access tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA256 (RFC 7515 §A.1), valid for one hour.
//!
//! There is only one algorithm, and a token's header must equal the one that this module writes. A token that names
//! another algorithm, or none, is therefore malformed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bucketry_model::id::{OrgId, TokenId, UserId};
use bucketry_model::time::ACCEPTED_SKEW;
use bucketry_store::token::TokenKind;
use jiff::Timestamp;
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, TokenFault};

/// The only answer to a bad token: a caller without a valid one must not learn what is wrong with it.
const MALFORMED: Error = Error::Unauthenticated(TokenFault::Malformed);

/// The claims of an access token. The public client decodes them, but neither it nor the server trusts them. The
/// server uses only `sid`, and looks up who the session belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the claims")]
pub struct Claims {
    pub user_id: UserId,
    pub email: String,
    pub org_id: OrgId,
    /// Always `access`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Issued at (Unix seconds).
    pub iat: i64,
    /// Expires at (Unix seconds).
    pub exp: i64,
    /// The session.
    pub sid: TokenId,
}

/// A signing key and the encoded header of its tokens.
struct Key {
    header: String,
    key: hmac::Key,
}

/// Signs and verifies access tokens. The first key signs and all of them verify, so a key can be replaced without
/// logging everyone out.
pub struct AccessTokens {
    keys: Vec<Key>,
}

/// Why keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTokenKeys {
    /// The list is empty.
    #[error("there is no key")]
    None,
    /// A key is too short to be safe.
    #[error("a key must have at least 32 bytes")]
    TooShort,
}

impl AccessTokens {
    /// Takes (name, key) pairs, the key in use first. A name consists of letters, digits, `-` and `_`.
    pub fn new(keys: &[(String, Vec<u8>)]) -> std::result::Result<Self, InvalidTokenKeys> {
        if keys.is_empty() {
            return Err(InvalidTokenKeys::None);
        }
        if keys.iter().any(|(_, key)| key.len() < 32) {
            return Err(InvalidTokenKeys::TooShort);
        }
        let keys = keys
            .iter()
            .map(|(name, key)| {
                let header = serde_json::json!({ "alg": "HS256", "kid": name, "typ": "JWT" }).to_string();
                Key { header: URL_SAFE_NO_PAD.encode(header), key: hmac::Key::new(hmac::HMAC_SHA256, key) }
            })
            .collect();
        Ok(Self { keys })
    }

    /// Signs the claims with the first key.
    pub fn sign(&self, claims: &Claims) -> Result<String> {
        let payload = serde_json::to_vec(claims).map_err(Error::internal)?;
        // `new` refuses an empty list.
        let key = self.keys.first().ok_or(MALFORMED)?;
        let signed = format!("{}.{}", key.header, URL_SAFE_NO_PAD.encode(payload));
        let tag = hmac::sign(&key.key, signed.as_bytes());
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)))
    }

    /// A keyed fingerprint of a request's body. Bodies may contain passwords, and a plain hash would let someone
    /// who stole the database guess them.
    pub fn fingerprint(&self, body: &[u8]) -> [u8; 32] {
        self.keyed_hash(b"request body\0", body)
    }

    /// A keyed hash of what an allowance is for. It contains an e-mail address as somebody typed it, which a plain hash
    /// would let someone who stole the database guess.
    pub(crate) fn allowance_hash(&self, name: &str) -> [u8; 32] {
        self.keyed_hash(b"allowance\0", name.as_bytes())
    }

    /// No token begins like a purpose, so a hash can't be used as a token's signature.
    fn keyed_hash(&self, purpose: &[u8], text: &[u8]) -> [u8; 32] {
        let mut hash = [0; 32];
        if let Some(key) = self.keys.first() {
            let mut context = hmac::Context::with_key(&key.key);
            context.update(purpose);
            context.update(text);
            hash.copy_from_slice(context.sign().as_ref());
        }
        hash
    }

    /// Returns the claims of a token that one of the keys signed and that has not expired.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims> {
        let (signed, tag) = token.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, payload) = signed.split_once('.').ok_or(MALFORMED)?;
        let key = self.keys.iter().find(|key| key.header == header).ok_or(MALFORMED)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| MALFORMED)?;
        // ring compares in constant time.
        hmac::verify(&key.key, signed.as_bytes(), &tag).map_err(|_| MALFORMED)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| MALFORMED)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| MALFORMED)?;
        // A token issued in the future comes from a clock that was ahead, and would be valid for longer by that
        // much.
        let is_ahead = claims.iat.saturating_sub(now.as_second()) > ACCEPTED_SKEW.as_secs();
        if claims.exp <= now.as_second() || is_ahead {
            return Err(Error::TokenExpired(TokenKind::Session));
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn claims() -> Claims {
        Claims {
            user_id: UserId::new(at(1), [1; 10]),
            email: "a@example.com".into(),
            org_id: OrgId::new(at(1), [2; 10]),
            kind: "access".into(),
            iat: 1_000,
            exp: 4_600,
            sid: TokenId::new(at(1), [3; 10]),
        }
    }

    fn tokens(names: &[&str]) -> AccessTokens {
        let keys: Vec<_> =
            names.iter().map(|name| ((*name).to_owned(), name.repeat(40).into_bytes())).collect();
        AccessTokens::new(&keys).unwrap()
    }

    #[test]
    fn a_token_reads_back_until_it_expires() {
        let tokens = tokens(&["a"]);
        let token = tokens.sign(&claims()).unwrap();
        assert_eq!(tokens.verify(&token, at(4_599)).unwrap(), claims());
        assert!(matches!(tokens.verify(&token, at(4_600)), Err(Error::TokenExpired(_))));
    }

    #[test]
    fn a_token_of_a_clock_that_was_ahead_does_not_outlive_the_others() {
        let tokens = tokens(&["a"]);
        let token = tokens.sign(&claims()).unwrap();
        assert!(tokens.verify(&token, at(1_000 - 300)).is_ok(), "within the accepted skew");
        assert!(matches!(tokens.verify(&token, at(1_000 - 301)), Err(Error::TokenExpired(_))));
        assert!(matches!(tokens.verify(&token, at(-172_800)), Err(Error::TokenExpired(_))));
    }

    #[test]
    fn after_a_key_change_old_tokens_still_verify_and_strangers_do_not() {
        let old = tokens(&["a"]).sign(&claims()).unwrap();
        assert!(tokens(&["b", "a"]).verify(&old, at(2_000)).is_ok());
        assert!(matches!(
            tokens(&["b"]).verify(&old, at(2_000)),
            Err(Error::Unauthenticated(TokenFault::Malformed))
        ));
    }

    #[test]
    fn forged_tokens_are_refused() {
        let tokens = tokens(&["a"]);
        let good = tokens.sign(&claims()).unwrap();
        let parts: Vec<&str> = good.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let mut other = claims();
        other.exp = i64::MAX;
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&other).unwrap());
        for forged in [
            format!("{none}.{}.", parts[1]),
            format!("{}.{payload}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            String::new(),
            "...".into(),
            "ä.ö.ü".into(),
        ] {
            assert!(
                matches!(
                    tokens.verify(&forged, at(2_000)),
                    Err(Error::Unauthenticated(TokenFault::Malformed))
                ),
                "{forged}"
            );
        }
    }

    #[test]
    fn fingerprints_depend_on_the_body_and_on_the_key() {
        let (a, b) = (tokens(&["a"]), tokens(&["b"]));
        assert_eq!(a.fingerprint(b"x"), a.fingerprint(b"x"));
        assert_ne!(a.fingerprint(b"x"), a.fingerprint(b"y"));
        assert_ne!(a.fingerprint(b"x"), b.fingerprint(b"x"));
    }

    #[test]
    fn short_keys_are_refused() {
        assert!(AccessTokens::new(&[("a".into(), vec![1; 31])]).is_err());
        assert!(AccessTokens::new(&[]).is_err());
    }
}
