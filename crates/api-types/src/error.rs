//! Parts of error responses.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A field of the request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WrongField {
    /// The field's name, with its path where it is nested (`buckets[3].status`).
    #[cfg_attr(feature = "openapi", schema(example = "storageType"))]
    pub field: Cow<'static, str>,
    /// What is wrong with the field, or what it must be.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "must be one of S3, GCS, BLOB (AZURE is read as BLOB)")
    )]
    pub message: String,
}
