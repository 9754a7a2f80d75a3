//! A secret access key and the signing keys derived from it.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bucketry_model::secret::Secret;
use ring::hmac;
use zeroize::Zeroizing;

/// A secret access key with a cache of the signing keys derived from it. When the secret changes, create a new
/// value, so that the cached keys are dropped with the old one.
pub struct SigningSecret {
    secret: Secret,
    derived: ArcSwap<Vec<Derived>>,
}

#[derive(Clone)]
struct Derived {
    date: [u8; 8],
    region: Box<str>,
    key: Arc<hmac::Key>,
}

/// A client uses one region, and two days around midnight.
const MAX_DERIVED: usize = 4;

impl SigningSecret {
    /// Wraps a secret access key.
    pub fn new(secret: Secret) -> Self {
        Self { secret, derived: ArcSwap::default() }
    }

    /// The signing key for a day and a region ("Task 3: Calculate Signature"). Deriving a key takes four HMACs,
    /// more than the rest of a verification, so the latest few are cached.
    pub(crate) fn signing_key(&self, date: &str, region: &str) -> Arc<hmac::Key> {
        let known = self.derived.load();
        let found = known.iter().find(|one| one.date == date.as_bytes() && *one.region == *region);
        if let Some(found) = found {
            return Arc::clone(&found.key);
        }
        let key = Arc::new(self.derive(date, region));
        if let Ok(date) = date.as_bytes().try_into() {
            let newest = Derived { date, region: region.into(), key: Arc::clone(&key) };
            let others = known.iter().take(MAX_DERIVED - 1).cloned();
            // If two requests derive keys at the same time, one may be lost, which costs another derivation.
            self.derived.store(Arc::new(std::iter::once(newest).chain(others).collect()));
        }
        key
    }

    fn derive(&self, date: &str, region: &str) -> hmac::Key {
        let secret = self.secret.expose().as_bytes();
        let mut first = Zeroizing::new(Vec::with_capacity(secret.len() + 4));
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(secret);
        [date, region, "s3", "aws4_request"]
            .into_iter()
            .fold(hmac::Key::new(hmac::HMAC_SHA256, &first), |key, step| {
                hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref())
            })
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_keys_are_derived_once_and_kept_apart_by_day_and_region() {
        let secret = SigningSecret::new(Secret::new("wJalrXUtnFEMI"));
        let first = secret.signing_key("20130524", "us-east-1");
        assert!(Arc::ptr_eq(&first, &secret.signing_key("20130524", "us-east-1")));
        for (date, region) in [("20130525", "us-east-1"), ("20130524", "auto")] {
            assert!(!Arc::ptr_eq(&first, &secret.signing_key(date, region)));
        }
        assert!(Arc::ptr_eq(&first, &secret.signing_key("20130524", "us-east-1")));
    }

    #[test]
    fn only_a_few_derived_keys_are_kept() {
        let secret = SigningSecret::new(Secret::new("wJalrXUtnFEMI"));
        for region in 0..100 {
            secret.signing_key("20130524", &format!("region-{region}"));
        }
        assert_eq!(secret.derived.load().len(), MAX_DERIVED);
    }

    #[test]
    fn debug_output_does_not_show_the_secret() {
        assert!(!format!("{:?}", SigningSecret::new(Secret::new("wJalrXUtnFEMI"))).contains("wJalr"));
    }
}
