//! The two key files of a node.

use std::path::Path;

use bucketry_vault::{Identities, NodeSigningKey, NodeVerifyingKey, VaultError};
use tokio::task::spawn_blocking;

/// The key that signs a node's messages, and the keys that open the secrets sealed to it.
pub struct NodeKeys {
    pub(crate) signing: NodeSigningKey,
    pub(crate) identities: Identities,
}

impl NodeKeys {
    /// Reads the signing key and the identities from their files. Creates each file that is missing.
    ///
    /// # Errors
    /// A file can't be read or created, contains no key, or can be read by other users.
    pub async fn load_or_create(signing: &Path, identities: &Path) -> Result<Self, VaultError> {
        let file = signing.to_owned();
        // Generating an RSA key keeps a core busy for a moment.
        let signing = spawn_blocking(move || NodeSigningKey::load_or_create(&file))
            .await
            .map_err(|_| VaultError::Cryptography)??;
        Ok(Self { signing, identities: Identities::load_or_create(identities)? })
    }

    /// The public keys with whose private halves the node opens secrets, the one in use first.
    pub fn recipients(&self) -> Vec<String> {
        self.identities.recipients().iter().map(ToString::to_string).collect()
    }

    /// The public key that verifies the node's messages. The control plane must know it.
    ///
    /// # Errors
    /// The key is shorter than the control plane accepts.
    pub fn verifying_key(&self) -> Result<NodeVerifyingKey, VaultError> {
        self.signing.verifying_key()
    }
}
