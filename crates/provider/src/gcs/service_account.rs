//! Service accounts: an e-mail address and the key that proves it.
//!
//! Accepts an e-mail address with its private key in PEM, or the whole JSON of a key. Only the type
//! `service_account` is accepted: the other types name URLs to request, files to read or programs to run, which
//! users must not control. For the same reason, the URL of the token service is never taken from the JSON, and one
//! that isn't Google's is refused.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bucketry_model::secret::Secret;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::gcs::open_error::GcsOpenError;
use crate::payload::sha256;
use crate::target_error::TargetError;

/// The token service. Older keys contain one of its earlier URLs.
pub(super) const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const TOKEN_URIS: [&str; 4] = [
    TOKEN_URI,
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://www.googleapis.com/oauth2/v3/token",
];

/// The validity of an assertion and its token in seconds: the longest that Google allows.
const LIFETIME: i64 = 3_600;

/// A service account with its key.
pub(super) struct ServiceAccount {
    email: Box<str>,
    key_id: Option<Box<str>>,
    key: RsaKeyPair,
    fingerprint: [u8; 32],
}

impl ServiceAccount {
    /// Reads a secret. `email` is the address that was entered with it.
    pub(super) fn read(email: Option<&str>, secret: &Secret) -> Result<Self, GcsOpenError> {
        let text = secret.expose().trim();
        if text.starts_with('{') {
            return Self::read_json(email, text);
        }
        let email = email.ok_or(TargetError::MissingKey)?;
        Self::new(email, None, text)
    }

    fn read_json(email: Option<&str>, text: &str) -> Result<Self, GcsOpenError> {
        let json: Value = serde_json::from_str(text).map_err(|_| GcsOpenError::InvalidServiceAccount)?;
        let field = |name: &str| json[name].as_str().filter(|text| !text.is_empty());
        if field("type") != Some("service_account") {
            return Err(GcsOpenError::UnsupportedCredentialType);
        }
        if field("token_uri").is_some_and(|uri| !TOKEN_URIS.contains(&uri))
            || field("universe_domain").is_some_and(|domain| domain != "googleapis.com")
        {
            return Err(GcsOpenError::ForeignTokenUri);
        }
        let own = field("client_email").ok_or(GcsOpenError::InvalidServiceAccount)?;
        if email.is_some_and(|email| email != own) {
            return Err(GcsOpenError::OtherServiceAccount);
        }
        let pem = field("private_key").ok_or(GcsOpenError::InvalidServiceAccount)?;
        Self::new(own, field("private_key_id"), pem)
    }

    fn new(email: &str, key_id: Option<&str>, pem: &str) -> Result<Self, GcsOpenError> {
        let is_email = email.contains('@') && email.bytes().all(|b| b.is_ascii_graphic());
        if !is_email {
            return Err(GcsOpenError::InvalidServiceAccountEmail);
        }
        let (der, key) = read_key(pem)?;
        let mut identity = Zeroizing::new(email.as_bytes().to_vec());
        identity.push(0);
        identity.extend_from_slice(&der);
        Ok(Self { email: email.into(), key_id: key_id.map(Into::into), key, fingerprint: sha256(&identity) })
    }

    /// Its address, which ends with its project's domain.
    pub(super) fn email(&self) -> &str {
        &self.email
    }

    /// Identifies this account and key.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Signs an assertion (RFC 7523) for the token service at `audience`. `None` if signing fails.
    pub(super) fn assertion(&self, audience: &str, scope: &str, now: Timestamp) -> Option<String> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        let now = now.as_second();
        let claims = json!({
            "iss": self.email, "scope": scope, "aud": audience, "iat": now, "exp": now + LIFETIME,
        });
        let mut text = URL_SAFE_NO_PAD.encode(header.to_string());
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut text);
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Some(text)
    }
}

/// Reads an RSA key in PEM (RFC 7468), as PKCS #8 or PKCS #1. Line ends may be the two characters `\n`.
fn read_key(pem: &str) -> Result<(Zeroizing<Vec<u8>>, RsaKeyPair), GcsOpenError> {
    let text = Zeroizing::new(pem.replace("\\r", "").replace("\\n", "\n"));
    let (_, rest) = text.split_once("-----BEGIN ").ok_or(GcsOpenError::NoPrivateKey)?;
    let (label, rest) = rest.split_once("-----").ok_or(GcsOpenError::NoPrivateKey)?;
    match label {
        "PRIVATE KEY" | "RSA PRIVATE KEY" => {}
        "ENCRYPTED PRIVATE KEY" => return Err(GcsOpenError::EncryptedPrivateKey),
        label if label.ends_with("PRIVATE KEY") => return Err(GcsOpenError::UnsupportedPrivateKey),
        _ => return Err(GcsOpenError::NoPrivateKey),
    }
    let (body, _) = rest.split_once("-----END ").ok_or(GcsOpenError::BrokenPrivateKey)?;
    if body.contains("ENCRYPTED") {
        return Err(GcsOpenError::EncryptedPrivateKey);
    }
    let base64 = Zeroizing::new(body.split_ascii_whitespace().collect::<String>());
    let der = Zeroizing::new(STANDARD.decode(&*base64).map_err(|_| GcsOpenError::BrokenPrivateKey)?);
    let key = if label == "PRIVATE KEY" { RsaKeyPair::from_pkcs8(&der) } else { RsaKeyPair::from_der(&der) };
    let key = key.map_err(|why| match why.to_string().as_str() {
        "WrongAlgorithm" => GcsOpenError::UnsupportedPrivateKey,
        _ => GcsOpenError::BrokenPrivateKey,
    })?;
    Ok((der, key))
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").field("email", &self.email).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use rsa::RsaPrivateKey;
    use rsa::pkcs1::EncodeRsaPrivateKey as _;
    use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
    use rsa::rand_core::OsRng;

    use super::*;

    /// A key in both forms, generated in each run. A key in the repository would look like a leaked one.
    static KEY: LazyLock<(String, String)> = LazyLock::new(|| {
        let key = RsaPrivateKey::new(&mut OsRng, 2_048).unwrap();
        let pkcs8 = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
        (pkcs8, key.to_pkcs1_pem(LineEnding::LF).unwrap().to_string())
    });

    const EMAIL: &str = "robot@project.iam.gserviceaccount.com";

    fn read(email: Option<&str>, secret: &str) -> Result<String, GcsOpenError> {
        ServiceAccount::read(email, &Secret::new(secret)).map(|account| account.email.into())
    }

    fn key_file(change: impl FnOnce(&mut Value)) -> String {
        let mut json = json!({
            "type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": KEY.0,
            "client_email": EMAIL, "token_uri": TOKEN_URI, "universe_domain": "googleapis.com",
        });
        change(&mut json);
        json.to_string()
    }

    #[test]
    fn keys_come_as_pem_with_real_or_written_line_ends_and_as_json() {
        let (pkcs8, pkcs1) = &*KEY;
        let escaped = pkcs8.replace('\n', "\\n");
        for pem in [pkcs8, pkcs1, &escaped, &format!("  {pkcs8}\r\n")] {
            assert_eq!(read(Some(EMAIL), pem), Ok(EMAIL.to_owned()));
        }
        assert_eq!(read(None, &key_file(|_| ())), Ok(EMAIL.to_owned()));
        assert_eq!(read(Some(EMAIL), &key_file(|_| ())), Ok(EMAIL.to_owned()));
        let old = key_file(|json| json["token_uri"] = json!(TOKEN_URIS[1]));
        assert_eq!(read(None, &old), Ok(EMAIL.to_owned()));
    }

    #[test]
    fn what_is_no_usable_key_is_told_apart() {
        let pkcs8 = &KEY.0;
        let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
        let old_encrypted =
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----";
        for (pem, error) in [
            ("hunter2", GcsOpenError::NoPrivateKey),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", GcsOpenError::NoPrivateKey),
            (&pkcs8[..400], GcsOpenError::BrokenPrivateKey),
            (&pkcs8.replacen("MII", "MIJ", 1), GcsOpenError::BrokenPrivateKey),
            (encrypted, GcsOpenError::EncryptedPrivateKey),
            (old_encrypted, GcsOpenError::EncryptedPrivateKey),
            (&elliptic, GcsOpenError::UnsupportedPrivateKey),
            (
                "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----",
                GcsOpenError::UnsupportedPrivateKey,
            ),
        ] {
            assert_eq!(read(Some(EMAIL), pem), Err(error), "{}", &pem[..pem.len().min(40)]);
        }
        assert_eq!(read(Some("not an e-mail"), pkcs8), Err(GcsOpenError::InvalidServiceAccountEmail));
        assert_eq!(read(None, pkcs8), Err(TargetError::MissingKey.into()));
    }

    #[test]
    fn only_service_accounts_that_ask_google_are_taken() {
        for kind in ["authorized_user", "external_account", "impersonated_service_account", ""] {
            let json = key_file(|json| json["type"] = json!(kind));
            assert_eq!(read(None, &json), Err(GcsOpenError::UnsupportedCredentialType), "{kind}");
        }
        for uri in ["http://169.254.169.254/token", "https://oauth2.googleapis.com.evil.example/token"] {
            let json = key_file(|json| json["token_uri"] = json!(uri));
            assert_eq!(read(None, &json), Err(GcsOpenError::ForeignTokenUri), "{uri}");
        }
        let other = read(Some("other@project.iam.gserviceaccount.com"), &key_file(|_| ()));
        assert_eq!(other, Err(GcsOpenError::OtherServiceAccount));
        let keyless = key_file(|json| json["private_key"] = Value::Null);
        assert_eq!(read(None, &keyless), Err(GcsOpenError::InvalidServiceAccount));
        assert_eq!(read(None, "{\"type\":"), Err(GcsOpenError::InvalidServiceAccount));
    }

    #[test]
    fn an_assertion_says_who_asks_for_what_and_can_be_verified() {
        use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
        let account = ServiceAccount::read(None, &Secret::new(key_file(|_| ()))).unwrap();
        let text = account.assertion(TOKEN_URI, "scope", "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
        let (signed, signature) = text.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, account.key.public_key().as_ref());
        public.verify(signed.as_bytes(), &signature).unwrap();
        let part = |at: usize| -> Value {
            let text = URL_SAFE_NO_PAD.decode(signed.split('.').nth(at).unwrap()).unwrap();
            serde_json::from_slice(&text).unwrap()
        };
        assert_eq!(part(0), json!({ "alg": "RS256", "typ": "JWT", "kid": "1" }));
        let claims = part(1);
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(EMAIL), &json!(TOKEN_URI)));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3_600);
        assert!(!format!("{account:?}").contains("PRIVATE"));
    }
}
