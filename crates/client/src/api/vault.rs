//! Rotation of the keys that secrets are sealed to.

use serde::{Deserialize, Serialize};

use super::ApiClient;
use crate::error::ClientError;

/// How far a rotation is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// What is being done, as the server names it.
    pub phase: String,
    /// How many secrets there were at the start.
    pub total: u64,
    /// How many have been looked at.
    pub done: u64,
    /// How many no node could open.
    pub failed: u64,
    /// When it began.
    pub started_at: String,
    /// When it ended; none while it runs.
    #[serde(default)]
    pub finished_at: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    rotation: Option<Rotation>,
}

impl ApiClient {
    /// Starts a rotation, or tells of the one that runs.
    pub async fn rotate_vault(&self) -> Result<Option<Rotation>, ClientError> {
        self.post_empty("/vault/rotation").await.map(|answer: Answer| answer.rotation)
    }

    /// The present or last rotation; none where there never was one.
    pub async fn vault_rotation(&self) -> Result<Option<Rotation>, ClientError> {
        self.get("/vault/rotation").await.map(|answer: Answer| answer.rotation)
    }
}
