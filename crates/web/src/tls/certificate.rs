//! A certificate and its private key, read from PEM files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::verify_server_name;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::validity::Validity;

/// The largest file that is read, in bytes. A chain has a few KiB.
const LARGEST_FILE: u64 = 1 << 20;

/// Where a certificate and its key are. They may be in one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CertificateFiles {
    /// PEM: the certificate of the server, then those of the authorities between it and the root.
    pub certificate: PathBuf,
    /// PEM: the private key in PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: PathBuf,
}

/// Why a pair of files can't be used. The texts name the file and what to do; none contains a key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file doesn't exist, may not be read, or is too large.
    #[error("can't read {}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The file has no certificate in PEM.
    #[error(
        "{} contains no certificate: it must begin with -----BEGIN CERTIFICATE-----, the server's own certificate first",
        .0.display()
    )]
    NoCertificate(PathBuf),
    /// What the file contains is damaged, or no certificate of a server.
    #[error("the certificate in {} can't be used: {reason}. Get a new one", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file has no private key in PEM.
    #[error(
        "{} contains no private key: it must have a section such as -----BEGIN PRIVATE KEY-----; decrypt an encrypted \
         key first, for example with `openssl pkey`",
        .0.display()
    )]
    NoKey(PathBuf),
    /// The key is damaged, or of a kind that isn't supported.
    #[error(
        "the private key in {} can't be used: it must be an RSA key of 2,048 to 8,192 bits, an ECDSA key (P-256 or \
         P-384) or an Ed25519 key",
        .0.display()
    )]
    UnsupportedKey(PathBuf),
    /// Certificate and key don't belong together.
    #[error(
        "the private key in {} doesn't belong to the certificate in {}: put the two files of one certificate there",
        key.display(), certificate.display()
    )]
    Mismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// The certificate's time is over.
    #[error("the certificate in {} expired at {until}: renew it", file.display())]
    Expired {
        /// The file.
        file: PathBuf,
        /// The last moment of its validity, in UTC.
        until: String,
    },
    /// The certificate's time hasn't begun.
    #[error("the certificate in {} isn't valid before {from}: check the clock of this machine", file.display())]
    NotYetValid {
        /// The file.
        file: PathBuf,
        /// The first moment of its validity, in UTC.
        from: String,
    },
}

/// A certificate that can be served.
#[derive(Debug, Clone)]
pub struct LoadedCertificate {
    pub(super) key: Arc<CertifiedKey>,
    validity: Validity,
}

impl LoadedCertificate {
    /// Reads the files and checks that they can be used at this time.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn read(files: &CertificateFiles, now: SystemTime) -> Result<Self, CertificateError> {
        let chain = chain(&files.certificate)?;
        let validity = check(&files.certificate, &chain, now)?;
        let key = private_key(&files.key)?;
        let key =
            any_supported_type(&key).map_err(|_| CertificateError::UnsupportedKey(files.key.clone()))?;
        let key = CertifiedKey::new(chain, key);
        if let Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) = key.keys_match()
        {
            let CertificateFiles { certificate, key } = files.clone();
            return Err(CertificateError::Mismatch { certificate, key });
        }
        Ok(Self { key: Arc::new(key), validity })
    }

    /// When its validity ends.
    pub fn not_after(&self) -> SystemTime {
        self.validity.not_after.to_system_time()
    }

    /// When its validity began.
    pub fn not_before(&self) -> SystemTime {
        self.validity.not_before.to_system_time()
    }

    /// Whether its own subject issued it, so that clients trust it only if they know it.
    pub fn is_self_issued(&self) -> bool {
        self.validity.is_self_issued
    }

    /// Whether clients accept it for this host: a name or an IP address. Also false if the text is neither.
    pub fn is_for(&self, host: &str) -> bool {
        let Some(certificate) = self.key.cert.first() else { return false };
        let (Ok(parsed), Ok(name)) = (ParsedCertificate::try_from(certificate), ServerName::try_from(host))
        else {
            return false;
        };
        verify_server_name(&parsed, &name).is_ok()
    }

    /// Whether the other one has the same certificates.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }
}

/// Reads the chain. The first certificate is the server's.
fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let text = read(file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| CertificateError::Malformed {
        file: file.to_owned(),
        reason: format!("it isn't PEM ({error})"),
    })?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate(file.to_owned()));
    }
    Ok(chain)
}

fn check(file: &Path, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<Validity, CertificateError> {
    let malformed = |reason: String| CertificateError::Malformed { file: file.to_owned(), reason };
    let Some(own) = chain.first() else { return Err(CertificateError::NoCertificate(file.to_owned())) };
    ParsedCertificate::try_from(own).map_err(|error| malformed(error.to_string()))?;
    let validity = Validity::of(own).map_err(|error| malformed(error.to_string()))?;
    if validity.not_after.to_system_time() <= now {
        let until = validity.not_after.to_string();
        return Err(CertificateError::Expired { file: file.to_owned(), until });
    }
    if now < validity.not_before.to_system_time() {
        let from = validity.not_before.to_string();
        return Err(CertificateError::NotYetValid { file: file.to_owned(), from });
    }
    Ok(validity)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let text = read(file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| CertificateError::NoKey(file.to_owned()))
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let failed = |error| CertificateError::Unreadable { file: file.to_owned(), error };
    let opened = File::open(file).map_err(failed)?;
    let mut text = Zeroizing::new(Vec::new());
    opened.take(LARGEST_FILE + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::test_certificates::{Pair, VALID_FOR, now};
    use super::*;

    fn refused(pair: &Pair) -> String {
        LoadedCertificate::read(&pair.files(), now()).unwrap_err().to_string()
    }

    #[test]
    fn a_pair_is_read_with_its_validity_and_names() {
        let pair = Pair::for_names(&["s3.example.com", "*.s3.example.com", "127.0.0.1"]);
        let read = LoadedCertificate::read(&pair.files(), now()).unwrap();
        assert_eq!(read.not_after(), now() + VALID_FOR);
        assert!(read.not_before() < now());
        for name in ["s3.example.com", "photos.s3.example.com", "127.0.0.1"] {
            assert!(read.is_for(name), "{name}");
        }
        for name in ["example.com", "a.b.s3.example.com", "127.0.0.2", "", "no name"] {
            assert!(!read.is_for(name), "{name}");
        }
    }

    #[test]
    fn one_file_may_have_both() {
        let pair = Pair::for_names(&["a.example.com"]);
        std::fs::write(&pair.files().certificate, format!("{}{}", pair.key_pem(), pair.certificate_pem()))
            .unwrap();
        let files = CertificateFiles { key: pair.files().certificate, ..pair.files() };
        assert!(LoadedCertificate::read(&files, now()).is_ok());
    }

    #[test]
    fn what_cant_be_used_is_refused_with_the_file_and_the_remedy() {
        let pair = || Pair::for_names(&["a.example.com"]);
        let expired = pair();
        let later = now() + VALID_FOR;
        let refusal = LoadedCertificate::read(&expired.files(), later).unwrap_err().to_string();
        assert!(refusal.contains("tls.crt expired at 2026-0") && refusal.ends_with("renew it"), "{refusal}");
        let early = LoadedCertificate::read(&expired.files(), now() - Duration::from_hours(2)).unwrap_err();
        assert!(early.to_string().contains("check the clock"), "{early}");

        let other = pair();
        let mixed = pair();
        mixed.write_key(&other.key_pem());
        let refusal = refused(&mixed);
        assert!(refusal.contains("tls.key doesn't belong to the certificate in"), "{refusal}");

        let swapped = pair();
        swapped.write_certificate(&swapped.key_pem());
        assert!(refused(&swapped).contains("tls.crt contains no certificate"));
        let no_key = pair();
        no_key
            .write_key("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
        assert!(refused(&no_key).contains("openssl pkey"));
        let damaged = pair();
        damaged.write_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert!(refused(&damaged).contains("Get a new one"));
        let cut = pair();
        cut.write_certificate(&cut.certificate_pem()[..100]);
        assert!(refused(&cut).contains("tls.crt"), "{}", refused(&cut));
        let missing = pair();
        std::fs::remove_file(missing.files().key).unwrap();
        assert!(refused(&missing).contains("can't read") && refused(&missing).contains("tls.key"));
        let huge = pair();
        huge.write_certificate(&"x".repeat(1 << 21));
        assert!(refused(&huge).contains("larger than 1 MiB"));
    }

    #[test]
    fn no_error_shows_the_key() {
        let pair = Pair::for_names(&["a.example.com"]);
        let secret: String = pair.key_pem().lines().nth(1).unwrap().to_owned();
        pair.write_certificate(&pair.key_pem());
        assert!(!refused(&pair).contains(&secret));
        let loaded = Pair::for_names(&["a.example.com"]);
        let read = LoadedCertificate::read(&loaded.files(), now()).unwrap();
        let secret = loaded.key_pem().lines().nth(1).unwrap().to_owned();
        assert!(!format!("{read:?}").contains(&secret));
    }
}
