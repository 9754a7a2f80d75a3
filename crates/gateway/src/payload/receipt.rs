//! What became of a payload that a driver consumed.

use std::sync::{Arc, OnceLock};

use http::header::{HeaderName, HeaderValue};

use crate::checksum::Checksum;
use crate::error::S3Error;

/// What is known of a payload once it was read. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Receipt(Arc<OnceLock<Outcome>>);

#[derive(Debug)]
enum Outcome {
    Verified(Option<Checksum>),
    Refused(S3Error),
}

impl Receipt {
    /// Why the payload was refused, if it was. A driver that failed with
    /// [`ProviderError::Source`](bucketry_provider::error::ProviderError::Source) lost this: answer with it.
    pub fn refusal(&self) -> Option<S3Error> {
        match self.0.get() {
            Some(Outcome::Refused(error)) => Some(error.clone()),
            Some(Outcome::Verified(_)) | None => None,
        }
    }

    /// The checksum of the payload that the client sent along, in a header or behind it, once it was verified: as
    /// the header that answers it.
    pub fn checksum(&self) -> Option<(HeaderName, HeaderValue)> {
        match self.0.get() {
            Some(Outcome::Verified(Some(checksum))) => {
                Some((checksum.algorithm.header(), checksum.value().clone()))
            }
            Some(Outcome::Verified(None) | Outcome::Refused(_)) | None => None,
        }
    }

    pub(super) fn verified(&self, checksum: Option<Checksum>) {
        // The payload ends once, in one of the two ways.
        let _ = self.0.set(Outcome::Verified(checksum));
    }

    pub(super) fn refused(&self, error: &S3Error) {
        let _ = self.0.set(Outcome::Refused(error.clone()));
    }
}
