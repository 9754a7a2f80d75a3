//! Public keys to which secrets are sealed.

use std::fmt;
use std::str::FromStr;

use bucketry_model::hex;
use ring::digest::{SHA256, digest};

use crate::VaultError;

/// A node's public key: an age X25519 recipient, `age1…` as text.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(pub(crate) age::x25519::Recipient);

impl FromStr for Recipient {
    type Err = VaultError;
    fn from_str(text: &str) -> Result<Self, VaultError> {
        text.parse().map(Self).map_err(|_| VaultError::NotARecipient)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.0)
    }
}

/// Identifies a set of recipients, regardless of their order and of repetitions: 32 hexadecimal digits.
pub fn fingerprint(recipients: &[Recipient]) -> String {
    let mut texts: Vec<String> = recipients.iter().map(ToString::to_string).collect();
    texts.sort_unstable();
    texts.dedup();
    let hash = digest(&SHA256, texts.join("\n").as_bytes());
    hex::encode(&hash.as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identities;

    #[test]
    fn a_recipient_reads_back_from_its_text() {
        let recipient = Identities::generate().in_use();
        let text = recipient.to_string();
        assert!(text.starts_with("age1"));
        assert_eq!(text.parse::<Recipient>().unwrap(), recipient);
        for wrong in ["", "age1", "ssh-ed25519 AAAA", &text[..text.len() - 1], &text.replace("age1", "age2")]
        {
            assert!(wrong.parse::<Recipient>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_fingerprint_names_a_set_whatever_its_order() {
        let [a, b] = [Identities::generate().in_use(), Identities::generate().in_use()];
        let both = fingerprint(&[a.clone(), b.clone()]);
        assert_eq!(both, fingerprint(&[b.clone(), a.clone(), b]));
        assert_ne!(both, fingerprint(&[a]));
        assert_eq!(both.len(), 32);
    }
}
