//! A private certificate authority, and the certificates that it issues.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

use crate::{Error, Result};

/// An authority with its certificate in a directory.
pub struct CertificateAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: tempfile::TempDir,
}

/// A certificate with its key, in PEM.
#[derive(Clone)]
pub struct IssuedCertificate {
    /// The server's certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

fn wrong(error: rcgen::Error) -> Error {
    Error::Files(std::io::Error::other(error))
}

impl CertificateAuthority {
    /// Creates an authority.
    pub fn new() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("bucketry-authority-").tempdir().map_err(Error::Files)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(wrong)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Clients take a certificate for self-signed whose issuer has its own name.
        params.distinguished_name.push(DnType::CommonName, "An authority of tests");
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(wrong)?).map_err(wrong)?;
        let authority = Self { issuer, dir };
        std::fs::write(authority.file(), authority.issuer.pem()).map_err(Error::Files)?;
        Ok(authority)
    }

    /// The file with the authority's certificate.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("authority.pem")
    }

    /// A certificate for these host names and addresses, which began so many days ago and is valid for 30 days.
    pub fn issue(&self, names: &[&str], days_ago: i64) -> Result<IssuedCertificate> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(wrong)?;
        let now = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
        let day = |days: i64| {
            let date = (now + SignedDuration::from_hours(24 * days)).to_zoned(TimeZone::UTC).date();
            let [month, day] = [date.month(), date.day()].map(i8::unsigned_abs);
            date_time_ymd(date.year().into(), month, day)
        };
        (params.not_before, params.not_after) = (day(-days_ago), day(30 - days_ago));
        let key = KeyPair::generate().map_err(wrong)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(wrong)?;
        Ok(IssuedCertificate { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

impl IssuedCertificate {
    /// Writes both to a directory, as `tls.crt` and `tls.key`. Returns their paths.
    pub fn write_to(&self, dir: &Path) -> Result<(String, String)> {
        let (certificate, key) = (dir.join("tls.crt"), dir.join("tls.key"));
        std::fs::write(&certificate, &self.certificate).map_err(Error::Files)?;
        std::fs::write(&key, &self.key).map_err(Error::Files)?;
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        Ok((text(certificate), text(key)))
    }
}
