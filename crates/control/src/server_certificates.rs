//! The certificates that this server's listeners use, as the program that serves them reports them.

use jiff::Timestamp;
use parking_lot::RwLock;

use crate::Control;

/// A certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    /// The listeners that use it, in words: `the API and the gateway`.
    pub listeners: String,
    /// The file that it was read from.
    pub file: String,
    /// When its validity began.
    pub not_before: Timestamp,
    /// When its validity ends.
    pub not_after: Timestamp,
    /// Host names in settings that it isn't valid for, each with its setting: `s3.example.com (--gateway-url)`.
    pub other_names: Vec<String>,
    /// Whether it is only there until an authority issues one that clients trust.
    pub is_provisional: bool,
    /// What the files contain instead, if it can't be used; or why an authority issued none.
    pub refused: Option<RefusedCertificate>,
}

/// Why the certificate in use couldn't be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCertificate {
    /// When that was found first.
    pub since: Timestamp,
    /// What is wrong and what to do, without a full stop. Names the file.
    pub reason: String,
}

/// What was reported last.
#[derive(Debug, Default)]
pub(crate) struct ReportedCertificates(RwLock<Vec<ServerCertificate>>);

impl ReportedCertificates {
    pub(crate) fn all(&self) -> Vec<ServerCertificate> {
        self.0.read().clone()
    }
}

impl Control {
    /// Reports the certificates that this server's listeners use from now on. Findings about them appear at once.
    pub fn report_server_certificates(&self, certificates: Vec<ServerCertificate>) {
        *self.inner.server_certificates.0.write() = certificates;
        self.inner.findings.forget();
    }
}
