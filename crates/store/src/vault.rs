//! Sealed secrets as a whole: what a rotation walks over.

use async_trait::async_trait;
use bucketry_model::node_protocol::{BoundSecret, SecretOwner};
use bucketry_model::secret::SealedSecret;
use jiff::Timestamp;

use crate::Result;
use crate::bucket::StoredSecret;

/// How far a rotation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationPhase {
    /// A node is making its new identity.
    NewIdentity,
    /// Secrets are being sealed anew.
    Resealing,
    /// Nodes are forgetting their old identities.
    Retiring,
    /// All is done.
    Done,
}

/// A rotation of the vault's keys. There is at most one; a new one takes the place of one that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationState {
    /// How far it is.
    pub phase: RotationPhase,
    /// The record whose secret was looked at last.
    pub cursor: Option<SecretOwner>,
    /// How many secrets there were at the start.
    pub total: u64,
    /// How many have been looked at.
    pub done: u64,
    /// How many could not be opened by any node and stay as they were.
    pub failed: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Keeps sealed secrets and the state of their rotation.
#[async_trait]
pub trait VaultStore {
    /// How many live secrets there are.
    async fn count_secrets(&self) -> Result<u64>;

    /// A page of live secrets after the given one, with the fingerprint of each: first those of buckets by id, then
    /// those of repository keys by id, then those of repositories. Only the page after the last one is empty.
    async fn secrets_after(
        &self,
        after: Option<SecretOwner>,
        limit: u32,
    ) -> Result<Vec<(BoundSecret, String)>>;

    /// Replaces sealed texts, each only where the old one is still in place, and announces buckets and repositories to
    /// nodes.
    /// Returns how many were replaced.
    async fn replace_secrets(
        &self,
        replacements: &[(SecretOwner, SealedSecret, StoredSecret)],
        now: Timestamp,
    ) -> Result<u64>;

    /// The present or last rotation.
    async fn rotation(&self) -> Result<Option<RotationState>>;

    /// Stores a rotation's state.
    async fn set_rotation(&self, state: &RotationState) -> Result<()>;
}
