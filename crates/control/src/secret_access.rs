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
    /// It can open everything that it serves. Without a public key, that is nothing.
    Complete,
}

impl SecretAccess {
    pub(crate) fn of(node: &Node, rewrap: Option<&RotationState>) -> Self {
        match rewrap {
            _ if node.is_pending() => Self::Pending,
            _ if node.recipients.is_empty() => Self::Complete,
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

#[cfg(test)]
mod tests {
    use bucketry_model::id::{NodeId, NodeKeyId};
    use bucketry_store::vault::RotationPhase;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn nothing_is_sealed_to_a_node_without_a_key() {
        let running = RotationState {
            phase: RotationPhase::Resealing,
            cursor: None,
            total: 4,
            done: 1,
            failed: 0,
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
        };
        let key = "age1example".to_owned();
        let mut node = Node {
            id: NodeId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            org_id: None,
            name: "far".to_owned(),
            region: "eu".to_owned(),
            provider: "AWS".to_owned(),
            version: "1".to_owned(),
            recipients: vec![key.clone()],
            approved: vec![key],
            key_id: NodeKeyId::new(Timestamp::UNIX_EPOCH, [0; 10]),
            created_at: Timestamp::UNIX_EPOCH,
            last_seen: Timestamp::UNIX_EPOCH,
            last_heartbeat: None,
        };
        assert_eq!(SecretAccess::of(&node, Some(&running)), SecretAccess::Sealing { percent: 25 });
        node.recipients.clear();
        assert_eq!(SecretAccess::of(&node, Some(&running)), SecretAccess::Complete);
    }
}
