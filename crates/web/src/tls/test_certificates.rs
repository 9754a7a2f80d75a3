//! Certificates for tests: each pair is in a separate directory.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::{CertificateFiles, LoadedCertificate};

/// An hour after the certificates' validity begins: 2026-01-01T01:00:00Z.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(490_897)
}

/// From [`now`] until it ends: at 2026-04-01T00:00:00Z.
pub(crate) const VALID_FOR: Duration = Duration::from_hours(90 * 24 - 1);

/// A certificate with its key.
pub(crate) struct Pair {
    dir: TempDir,
    certificate: String,
    key: KeyPair,
}

impl Pair {
    pub(crate) fn for_names(names: &[&str]) -> Self {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 4, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let pair = Self { dir: TempDir::new().unwrap(), certificate, key };
        pair.write_certificate(&pair.certificate);
        pair.write_key(&pair.key_pem());
        pair
    }

    pub(crate) fn files(&self) -> CertificateFiles {
        let in_dir = |name: &str| self.dir.path().join(name);
        CertificateFiles { certificate: in_dir("tls.crt"), key: in_dir("tls.key") }
    }

    pub(crate) fn certificate_pem(&self) -> String {
        self.certificate.clone()
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    pub(crate) fn write_certificate(&self, text: &str) {
        std::fs::write(self.files().certificate, text).unwrap();
    }

    pub(crate) fn write_key(&self, text: &str) {
        std::fs::write(self.files().key, text).unwrap();
    }

    /// Puts this pair's contents into the files of another one.
    pub(crate) fn put_into(&self, other: &Self) {
        other.write_certificate(&self.certificate_pem());
        other.write_key(&self.key_pem());
    }

    pub(crate) fn read(&self) -> LoadedCertificate {
        LoadedCertificate::read(&self.files(), now()).unwrap()
    }
}
