//! Personal API tokens: `bkt_`, 32 random bytes and a checksum. Prefix and checksum let secret scanners find leaked
//! tokens without calling the server, and let the server refuse mistyped ones without a database lookup.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bucketry_model::secret::Secret;
use ring::digest;

/// The prefix of every API token.
pub const PREFIX: &str = "bkt_";

/// The text of a token with these random bytes.
pub fn to_text(random: [u8; 32]) -> Secret {
    let mut bytes = random.to_vec();
    bytes.extend_from_slice(&checksum(&random));
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// The random bytes of a token; `None` if the text isn't a valid token.
pub fn from_text(text: &str) -> Option<[u8; 32]> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
    let (random, sum) = bytes.split_first_chunk::<32>()?;
    (sum == checksum(random)).then_some(*random)
}

/// The SHA-256 hash that the store contains instead of the token. The bytes are random, so a slow hash isn't
/// needed.
pub fn hash(random: &[u8; 32]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, random).as_ref());
    hash
}

fn checksum(random: &[u8; 32]) -> [u8; 4] {
    let digest = digest::digest(&digest::SHA256, &[PREFIX.as_bytes(), random].concat());
    let mut sum = [0; 4];
    sum.copy_from_slice(&digest.as_ref()[..4]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_a_mistyped_one_does_not() {
        let token = to_text([7; 32]);
        assert!(token.expose().starts_with("bkt_"));
        assert_eq!(from_text(token.expose()), Some([7; 32]));
        let mut mistyped = token.expose().to_owned();
        mistyped.replace_range(10..11, if &mistyped[10..11] == "A" { "B" } else { "A" });
        assert_eq!(from_text(&mistyped), None);
        for wrong in ["", "bkt_", "bkt_AAAA", "abc"] {
            assert_eq!(from_text(wrong), None);
        }
    }
}
