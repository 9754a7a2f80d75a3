//! The outcome of a payload that a driver has read.

use std::sync::{Arc, OnceLock};

use super::checksum::Checksum;
use crate::failure::Failure;

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

    /// The verified checksum that the client sent before or after the content. `None` before the payload was
    /// verified, or if the client sent none.
    pub fn checksum(&self) -> Option<&Checksum> {
        match self.0.get() {
            Some(Outcome::Verified(checksum)) => checksum.as_ref(),
            Some(Outcome::Refused(_)) | None => None,
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
