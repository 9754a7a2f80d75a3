//! Password rules, and Argon2id hashes of passwords.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use bucketry_model::secret::Secret;
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// The longest accepted password, in bytes. The time for hashing grows with the length.
pub const MAX_PASSWORD_BYTES: usize = 1_024;

/// Generates a password of 120 random bits that follows the password rules.
pub fn generate(random: [u8; 24]) -> Secret {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let text: String = random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    Secret::new(format!("Bk1-{text}"))
}

/// The rule of the public contract: at least 8 characters, with upper-case and lower-case letters and digits.
pub fn check_strength(password: &Secret) -> std::result::Result<(), &'static str> {
    let text = password.expose();
    if text.len() > MAX_PASSWORD_BYTES {
        return Err("must be at most 1024 bytes long");
    }
    let strong = text.chars().count() >= 8
        && text.chars().any(char::is_uppercase)
        && text.chars().any(char::is_lowercase)
        && text.chars().any(|c| c.is_ascii_digit());
    if strong {
        Ok(())
    } else {
        Err("must have at least 8 characters, with upper-case and lower-case letters and digits")
    }
}

/// Hashes and verifies passwords, few at once: each takes 19 MiB and tens of milliseconds of a core.
pub struct Passwords {
    at_once: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { at_once: Arc::new(Semaphore::new(2)) }
    }
}

impl Passwords {
    /// Returns a new hash in PHC format, with a random salt.
    pub async fn hash(&self, password: Secret) -> Result<String> {
        self.run(move || {
            Argon2::default()
                .hash_password(password.expose().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| Error::internal(error.to_string()))
        })
        .await?
    }

    /// Whether the hash is that of the password.
    pub async fn verify(&self, password: Secret, hash: String) -> Result<bool> {
        if password.expose().len() > MAX_PASSWORD_BYTES {
            return Ok(false);
        }
        self.run(move || {
            PasswordHash::new(&hash).is_ok_and(|hash| {
                Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok()
            })
        })
        .await
    }

    /// Takes as long as a verification, so that the response time doesn't reveal whether an e-mail address has an
    /// account.
    pub async fn pretend_to_verify(&self, password: Secret) -> Result<()> {
        self.hash(Secret::new(password.expose().chars().take(64).collect::<String>())).await.map(drop)
    }

    /// Dropping the future lets a hash in progress finish in the background, and its slot stays taken until then.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let place = Arc::clone(&self.at_once).acquire_owned().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        })
        .await
        .map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passwords_follow_the_rule() {
        assert!(check_strength(&generate([0; 24])).is_ok());
        assert_ne!(generate([0; 24]).expose(), generate([1; 24]).expose());
    }

    #[test]
    fn weak_passwords_are_refused() {
        for weak in ["", "Short1a", "alllowercase1", "ALLUPPERCASE1", "NoDigitsHere"] {
            assert!(check_strength(&Secret::new(weak)).is_err(), "{weak}");
        }
        assert!(check_strength(&Secret::new("Str0ngEnough")).is_ok());
        assert!(check_strength(&Secret::new(format!("Aa1{}", "x".repeat(1_024)))).is_err());
    }

    #[tokio::test]
    async fn a_hash_verifies_its_own_password_only() {
        let passwords = Passwords::default();
        let hash = passwords.hash(Secret::new("Str0ngEnough")).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(passwords.verify(Secret::new("Str0ngEnough"), hash.clone()).await.unwrap());
        assert!(!passwords.verify(Secret::new("str0ngEnough"), hash).await.unwrap());
        assert!(!passwords.verify(Secret::new("x"), "no hash".into()).await.unwrap());
    }
}
