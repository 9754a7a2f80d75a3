//! Rotation of the keys that secrets are sealed to.

use serde::{Deserialize, Serialize};

use super::ApiClient;
use crate::error::ClientError;

/// The state of a rotation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// Current phase, as the server names it.
    pub phase: String,
    /// Number of secrets at the start.
    pub total: u64,
    /// Number of processed secrets.
    pub done: u64,
    /// Number of secrets that no node could open.
    pub failed: u64,
    /// Start of the rotation.
    pub started_at: String,
    /// End of the rotation; `None` while it is in progress.
    #[serde(default)]
    pub finished_at: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    rotation: Option<Rotation>,
}

impl ApiClient {
    /// Starts a rotation, or returns the one in progress.
    pub async fn rotate_vault(&self) -> Result<Option<Rotation>, ClientError> {
        self.post_empty("/vault/rotation").await.map(|answer: Answer| answer.rotation)
    }

    /// Returns the current or last rotation; `None` if there has never been one.
    pub async fn vault_rotation(&self) -> Result<Option<Rotation>, ClientError> {
        self.get("/vault/rotation").await.map(|answer: Answer| answer.rotation)
    }
}
