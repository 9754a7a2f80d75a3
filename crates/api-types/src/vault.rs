//! Rotation of the keys that secrets are sealed to.

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// The phase of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Phase {
    /// Nodes create new identities.
    NewIdentity,
    /// Secrets are sealed again, to the new identities.
    Resealing,
    /// Nodes delete their old identities.
    Retiring,
    /// The rotation has ended.
    Done,
}

impl Phase {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewIdentity => "NEW_IDENTITY",
            Self::Resealing => "RESEALING",
            Self::Retiring => "RETIRING",
            Self::Done => "DONE",
        }
    }
}

/// A rotation of the vault's keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = Rotation))]
pub struct VaultRotation {
    /// The current phase.
    pub phase: Phase,
    /// The number of secrets at the start.
    pub total: u64,
    /// The number of secrets processed so far.
    pub done: u64,
    /// The number of secrets that no node could open. They stay as they were.
    pub failed: u64,
    /// When the rotation started.
    pub started_at: Moment,
    /// When the rotation ended; null while it is in progress.
    pub finished_at: Option<Moment>,
}

/// The current or last rotation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RotationAnswer {
    /// Always true.
    pub success: bool,
    /// The rotation; null if there was none yet.
    pub rotation: Option<VaultRotation>,
}
