//! What can go wrong while a certificate is ordered.

use std::io;
use std::path::PathBuf;

/// Why there is no new certificate. The texts contain no keys.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// A file of the state can't be read or written.
    #[error("can't use {}: {error}", file.display())]
    State {
        /// The file or directory.
        file: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The certificates in `ca_file` can't be used.
    #[error("can't read the certificates in {}: {reason}", file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The authority can't be reached, or refused a request. Its own words follow.
    #[error("{doing}: {reason}")]
    Authority {
        /// What was being done.
        doing: &'static str,
        /// What the authority or the network says.
        reason: String,
    },
    /// The authority doesn't know the stored account. The next order registers a new one.
    #[error("the authority doesn't know this server's account")]
    UnknownAccount,
    /// The certificate that was issued would have to be replaced at once, so it isn't stored.
    #[error("the authority issued a certificate that can't be used: {0}")]
    Unusable(&'static str),
    /// The authority couldn't verify a name. Its own words follow.
    #[error(
        "the authority couldn't verify {name}: {reason}. The name must lead to this server, and its port 443 to a listener \
         with TLS"
    )]
    NotVerified {
        /// The name.
        name: String,
        /// What the authority says.
        reason: String,
    },
    /// Keys or requests can't be made.
    #[error("can't make a key or a request: {0}")]
    Cryptography(String),
}

impl AcmeError {
    pub(crate) fn authority(doing: &'static str) -> impl Fn(instant_acme::Error) -> Self {
        move |error| Self::Authority { doing, reason: causes(&error) }
    }
}

impl From<rcgen::Error> for AcmeError {
    fn from(error: rcgen::Error) -> Self {
        Self::Cryptography(error.to_string())
    }
}

/// An error with its causes on one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
