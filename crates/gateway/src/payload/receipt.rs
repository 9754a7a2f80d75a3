//! What became of a payload that a driver consumed.

use std::sync::{Arc, OnceLock};

use crate::error::S3Error;

/// What is known of a payload once it was read. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Receipt(Arc<OnceLock<Outcome>>);

#[derive(Debug)]
enum Outcome {
    #[expect(dead_code, reason = "payloads are not read yet")]
    Refused(S3Error),
}

impl Receipt {
    /// Why the payload was refused, if it was. A driver that failed with
    /// [`ProviderError::Source`](bucketry_provider::error::ProviderError::Source) lost this: answer with it.
    pub fn refusal(&self) -> Option<S3Error> {
        self.0.get().map(|Outcome::Refused(error)| error.clone())
    }

    /// The checksum that the client sent with the payload and that was verified: the name of the header to answer
    /// (`x-amz-checksum-crc32`, …) and its value.
    pub fn checksum(&self) -> Option<(http::HeaderName, http::HeaderValue)> {
        None
    }
}
