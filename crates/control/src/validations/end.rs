//! How a validation ended.

use std::sync::Arc;

use bucketry_model::diagnosis::Check;

use crate::Error;
use crate::buckets::{CreatedBucket, Validated};

/// How a validation ended.
#[derive(Debug, Clone)]
pub enum ValidationEnd {
    /// The checks were made, whatever came of them.
    Validated(Arc<Validated>),
    /// Every check passed, and the bucket was registered.
    Created(Arc<CreatedBucket>),
    /// The checks could not be made, or the bucket was not registered.
    Failed(Arc<Error>),
}

impl ValidationEnd {
    /// The checks, if the end has some.
    pub(super) fn checks(&self) -> Option<&[Check]> {
        match self {
            Self::Validated(validated) => Some(&validated.diagnosis.checks),
            Self::Created(created) => Some(&created.diagnosis.as_ref()?.checks),
            Self::Failed(error) => match &**error {
                Error::ValidationFailed(diagnosis) => Some(&diagnosis.checks),
                _ => None,
            },
        }
    }
}
