//! Responses that contain no resource.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The response of a call that returns nothing else.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Done {
    /// Always true.
    #[cfg_attr(feature = "openapi", schema(example = true))]
    pub success: bool,
}

impl Done {
    /// The only value that the server sends.
    pub const YES: Self = Self { success: true };
}

/// The response of a call that returns a sentence.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// Always true.
    #[cfg_attr(feature = "openapi", schema(example = true))]
    pub success: bool,
    /// What was done.
    #[cfg_attr(feature = "openapi", schema(example = "the user was removed"))]
    pub message: Cow<'static, str>,
}

impl Message {
    /// Reports success with this sentence.
    pub const fn new(message: &'static str) -> Self {
        Self { success: true, message: Cow::Borrowed(message) }
    }
}
