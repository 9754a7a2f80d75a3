//! Rotation of the keys that secrets are sealed to.

use bucketry_api_types::vault::{RotationAnswer, VaultRotation};

use super::ApiClient;
use crate::error::ClientError;

impl ApiClient {
    /// Starts a rotation, or returns the one in progress.
    pub async fn rotate_vault(&self) -> Result<Option<VaultRotation>, ClientError> {
        self.post_empty("/vault/rotation").await.map(|answer: RotationAnswer| answer.rotation)
    }

    /// Returns the current or last rotation; `None` if there has never been one.
    pub async fn vault_rotation(&self) -> Result<Option<VaultRotation>, ClientError> {
        self.get("/vault/rotation").await.map(|answer: RotationAnswer| answer.rotation)
    }
}
