//! Sealed secrets as a whole, as a key rotation walks through them.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::node_protocol::{BoundSecret, SecretOwner};
use bucketry_model::secret::SealedSecret;
use jiff::Timestamp;

use crate::Result;
use crate::bucket::StoredSecret;

/// The phase of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationPhase {
    /// A node is creating its new identity.
    NewIdentity,
    /// Secrets are being resealed.
    Resealing,
    /// Nodes are deleting their old identities.
    Retiring,
    /// The rotation is finished.
    Done,
}

/// A rotation of the vault's keys. At most one is stored. A new one replaces one that is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationState {
    /// The current phase.
    pub phase: RotationPhase,
    /// The record whose secret was processed last.
    pub cursor: Option<SecretOwner>,
    /// The number of secrets when the rotation began.
    pub total: u64,
    /// The number of secrets that were processed.
    pub done: u64,
    /// The number of secrets that no node could open. They stay unchanged.
    pub failed: u64,
    /// When the rotation began.
    pub started_at: Timestamp,
    /// When the rotation finished.
    pub finished_at: Option<Timestamp>,
}

/// Stores sealed secrets, and the state of their rotation.
#[async_trait]
pub trait VaultStore {
    /// The number of live secrets.
    async fn count_secrets(&self) -> Result<u64>;

    /// A page of live secrets after the given one, with the fingerprint of each. Secrets of buckets come first,
    /// then those of repository keys, then those of repositories, then those of notification channels, each by id. Only the page after the last secret
    /// is empty.
    async fn secrets_after(
        &self,
        after: Option<SecretOwner>,
        limit: u32,
    ) -> Result<Vec<(BoundSecret, String)>>;

    /// Replaces sealed secrets, each only if the old one is still stored, and stores change events for their
    /// buckets and repositories. Returns how many were replaced.
    async fn replace_secrets(
        &self,
        replacements: &[(SecretOwner, SealedSecret, StoredSecret)],
        now: Timestamp,
    ) -> Result<u64>;

    /// The current or latest rotation.
    async fn rotation(&self) -> Result<Option<RotationState>>;

    /// Stores a rotation that begins.
    async fn begin_rotation(&self, state: &RotationState, audit: &AuditEntry) -> Result<()>;

    /// Stores how far a rotation has come.
    async fn set_rotation(&self, state: &RotationState) -> Result<()>;

    /// The latest *rewrap*: existing secrets are sealed again because nodes were approved or removed. `None` if there
    /// was none yet. Its phase is [`RotationPhase::Resealing`] or [`RotationPhase::Done`].
    async fn rewrap(&self) -> Result<Option<RotationState>>;

    /// Stores how far a rewrap has come, unless another one was requested since it began. Returns whether it was stored.
    async fn set_rewrap(&self, state: &RotationState) -> Result<bool>;
}
