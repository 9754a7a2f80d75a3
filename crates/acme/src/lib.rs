//! Gets certificates from an ACME authority such as Let's Encrypt (RFC 8555). This server proves that it has a name by
//! answering the authority's TLS connections (TLS-ALPN-01, RFC 8737), on the same port that it serves.
//!
//! Certificates and the account are files in one directory. The listeners read the certificate from there like any
//! other ([`bucketry_web::tls::CertificateWatch`]), so a new one reaches them as a renewed file does.

mod account;
mod connection;
mod error;
mod order;
mod proof;
mod state_files;

use std::path::PathBuf;
use std::time::SystemTime;

use bucketry_web::tls::{CertificateFiles, LoadedCertificate, OwnershipProofs};

pub use error::AcmeError;

use connection::AuthorityConnection;
use state_files::{IssuedPair, StateFiles};

/// From whom to get which certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeSettings {
    /// The URL of the authority's directory.
    pub directory: String,
    /// The e-mail address for the authority's warnings.
    pub contact: Option<String>,
    /// The names that the certificate is to be valid for. At least one.
    pub domains: Vec<String>,
    /// PEM file of authorities that the directory's own certificate is verified with, besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The directory for the account and the certificate. It is created with permissions for its owner only.
    pub state: PathBuf,
}

impl AcmeSettings {
    /// The files of the certificate. One file has both, so that they are replaced at the same moment.
    pub fn certificate_files(&self) -> CertificateFiles {
        let file = state_files::certificate(&self.state);
        CertificateFiles { certificate: file.clone(), key: file }
    }
}

/// Gets a certificate and renews it.
#[derive(Debug)]
pub struct CertificateOrderer {
    settings: AcmeSettings,
    files: StateFiles,
}

impl CertificateOrderer {
    /// Prepares the directory. If it has no usable certificate, a self-signed one is made, so that the listeners can
    /// start and prove the names.
    ///
    /// # Errors
    /// The directory can't be written.
    pub fn prepare(settings: AcmeSettings, now: SystemTime) -> Result<Self, AcmeError> {
        let files = StateFiles::create(&settings.state)?;
        if LoadedCertificate::read(&settings.certificate_files(), now).is_err() {
            let placeholder = files.write_aside(&proof::placeholder(&settings.domains)?)?;
            files.replace_certificate(placeholder)?;
        }
        Ok(Self { settings, files })
    }

    /// Whether it is time for a new certificate: the present one is self-signed, lacks a name, or has less than a third
    /// of its validity left.
    pub fn is_due(&self, now: SystemTime) -> bool {
        self.fault(&self.settings.certificate_files(), now).is_some()
    }

    /// Why a certificate must be replaced.
    fn fault(&self, files: &CertificateFiles, now: SystemTime) -> Option<&'static str> {
        let Ok(certificate) = LoadedCertificate::read(files, now) else {
            return Some("it is damaged, expired or not valid yet; check the clock of this machine");
        };
        let whole = certificate.not_after().duration_since(certificate.not_before()).unwrap_or_default();
        let left = certificate.not_after().duration_since(now).unwrap_or_default();
        if certificate.is_self_issued() {
            Some("it is self-signed")
        } else if self.settings.domains.iter().any(|domain| !certificate.is_for(domain)) {
            Some("it isn't for all the names")
        } else if left < whole / 3 {
            Some("it expires soon")
        } else {
            None
        }
    }

    /// Gets a new certificate and stores it.
    ///
    /// # Errors
    /// See [`AcmeError`]. The present certificate then stays.
    pub async fn renew(
        &self,
        proofs: &OwnershipProofs,
        now: impl Fn() -> SystemTime + Send,
    ) -> Result<(), AcmeError> {
        let issued = match self.order(proofs).await {
            // The account was deleted there.
            Err(AcmeError::UnknownAccount) => {
                self.files.remove_account()?;
                self.order(proofs).await?
            }
            issued => issued?,
        };
        let new = self.files.write_aside(&issued)?;
        let files = CertificateFiles { certificate: new.path().to_owned(), key: new.path().to_owned() };
        if let Some(fault) = self.fault(&files, now()) {
            return Err(AcmeError::Unusable(fault));
        }
        self.files.replace_certificate(new)
    }

    async fn order(&self, proofs: &OwnershipProofs) -> Result<IssuedPair, AcmeError> {
        let connection = AuthorityConnection::new(self.settings.ca_file.as_deref())?;
        let account = account::open(connection, &self.settings, &self.files).await?;
        let issued = order::complete(&account, &self.settings.domains, proofs).await;
        proofs.clear();
        issued
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

    use super::*;

    /// 2026-01-01T00:00:00Z, and days after it.
    fn day(days: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + std::time::Duration::from_hours(490_896 + 24 * days)
    }

    fn settings(dir: &tempfile::TempDir) -> AcmeSettings {
        AcmeSettings {
            directory: "https://ca.example.com/directory".to_owned(),
            contact: None,
            domains: vec!["s3.example.com".to_owned(), "storage.example.com".to_owned()],
            ca_file: None,
            state: dir.path().join("acme"),
        }
    }

    /// A pair of an authority, valid for 90 days from day 0.
    fn issued(names: &[&str]) -> IssuedPair {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.distinguished_name.push(DnType::CommonName, "Authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = Issuer::new(authority, KeyPair::generate().unwrap());
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 4, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        IssuedPair { chain: certificate.pem(), key: key.serialize_pem() }
    }

    #[test]
    fn a_start_without_a_certificate_has_one_to_prove_the_names_with() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&dir);
        let orderer = CertificateOrderer::prepare(settings.clone(), day(1)).unwrap();
        let first = std::fs::read(settings.certificate_files().certificate).unwrap();
        let placeholder = LoadedCertificate::read(&settings.certificate_files(), day(1)).unwrap();
        assert!(placeholder.is_for("s3.example.com") && placeholder.is_self_issued());
        assert!(orderer.is_due(day(1)));
        CertificateOrderer::prepare(settings.clone(), day(1)).unwrap();
        assert_eq!(std::fs::read(settings.certificate_files().certificate).unwrap(), first);
    }

    #[test]
    fn a_certificate_is_renewed_before_it_expires_and_for_new_names() {
        let dir = tempfile::tempdir().unwrap();
        let orderer = CertificateOrderer::prepare(settings(&dir), day(1)).unwrap();
        let store = |names: &[&str]| {
            orderer.files.replace_certificate(orderer.files.write_aside(&issued(names)).unwrap()).unwrap();
        };
        store(&["s3.example.com", "storage.example.com"]);
        for (at, is_due) in [(day(1), false), (day(59), false), (day(61), true), (day(91), true)] {
            assert_eq!(orderer.is_due(at), is_due, "{at:?}");
        }
        store(&["s3.example.com"]);
        assert!(orderer.is_due(day(1)));
    }
}
