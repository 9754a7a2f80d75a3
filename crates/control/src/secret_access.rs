//! How far nodes can open the stored secrets.

use bucketry_model::node::Node;
use bucketry_store::vault::RotationState;

/// How far a node can open the stored secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretAccess {
    /// Its key isn't approved: nothing is sealed to it.
    Pending,
    /// Existing secrets are being sealed again, because nodes were approved or removed.
    Sealing {
        /// The share of the deployment's secrets that were examined, from 0 to 99.
        percent: u8,
    },
    /// Secrets that no connected node could open weren't sealed again.
    Incomplete {
        /// How many, in all organizations. `None` for callers that don't operate the deployment.
        failed: Option<u64>,
    },
    /// It can open everything that it serves.
    Complete,
}

impl SecretAccess {
    pub(crate) fn of(node: &Node, rewrap: Option<&RotationState>) -> Self {
        match rewrap {
            _ if node.is_pending() => Self::Pending,
            Some(state) if state.finished_at.is_none() => {
                let percent = state.done.saturating_mul(100) / state.total.max(1);
                Self::Sealing { percent: u8::try_from(percent.min(99)).unwrap_or(99) }
            }
            Some(state) if state.failed > 0 => Self::Incomplete { failed: Some(state.failed) },
            _ => Self::Complete,
        }
    }

    /// The same without the number of secrets of other organizations.
    pub(crate) fn without_numbers(self) -> Self {
        match self {
            Self::Incomplete { .. } => Self::Incomplete { failed: None },
            other => other,
        }
    }
}
