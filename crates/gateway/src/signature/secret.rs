//! A secret access key, and what is derived from it.

use std::fmt;

use bucketry_model::secret::Secret;

/// A secret access key with the signing keys derived from it. Make a new one where the secret changes: what was
/// derived from the old one goes with it.
pub struct SigningSecret {
    #[expect(dead_code, reason = "signatures are not checked yet")]
    secret: Secret,
}

impl SigningSecret {
    /// Wraps a secret access key.
    pub fn new(secret: Secret) -> Self {
        Self { secret }
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}
