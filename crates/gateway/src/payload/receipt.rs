//! The outcome of a payload that a driver has read.

use std::sync::{Arc, OnceLock};

use http::header::{HeaderName, HeaderValue};

use crate::failure::Failure;
use crate::payload::checksum::Checksum;

/// What is known about a payload once it was read. Clones share the outcome.
#[derive(Debug, Clone, Default)]
pub struct Receipt(Arc<OnceLock<Outcome>>);

#[derive(Debug)]
enum Outcome {
    Verified(Option<Checksum>),
    Refused(Failure),
}

impl Receipt {
    /// Why the payload was refused, if it was. A driver only reports
    /// [`ProviderError::Source`](bucketry_provider::error::ProviderError::Source), so the response must use this
    /// error instead.
    pub fn refusal(&self) -> Option<Failure> {
        match self.0.get() {
            Some(Outcome::Refused(error)) => Some(error.clone()),
            Some(Outcome::Verified(_)) | None => None,
        }
    }

    /// The verified checksum that the client sent in a header or a trailer, as a header for the response. `None`
    /// before the payload was verified, or if the client sent none.
    pub fn checksum(&self) -> Option<(HeaderName, HeaderValue)> {
        match self.0.get() {
            Some(Outcome::Verified(Some(checksum))) => {
                Some((checksum.algorithm.header(), checksum.value().clone()))
            }
            Some(Outcome::Verified(None) | Outcome::Refused(_)) | None => None,
        }
    }

    pub(super) fn verified(&self, checksum: Option<Checksum>) {
        // A payload ends only once, so the outcome is set once.
        let _ = self.0.set(Outcome::Verified(checksum));
    }

    pub(super) fn refused(&self, error: &Failure) {
        let _ = self.0.set(Outcome::Refused(error.clone()));
    }
}
