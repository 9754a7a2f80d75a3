//! Times in which a node wasn't connected to the control plane.

use jiff::Timestamp;

use crate::id::NodeId;
use crate::status::SILENCE;
use crate::time::is_ahead;

/// A time in which a node was DISCONNECTED or removed, so that nothing was known about what it reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeSilence {
    /// The node.
    pub node_id: NodeId,
    /// When the node became DISCONNECTED or was removed.
    pub from: Timestamp,
    /// When it was heard from again. `None` if it wasn't yet.
    pub until: Option<Timestamp>,
    /// Whether it was removed. Its reports were deleted then, so none counts when it comes back.
    pub was_removed: bool,
}

/// Since when a node isn't connected. `None` if it is, or if nobody knows, because the time of its last contact comes
/// from a clock that was ahead.
pub fn silent_since(
    last_seen: Timestamp,
    removed_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    match removed_at {
        Some(removed_at) => Some(removed_at),
        None if is_ahead(last_seen, now) => None,
        None => last_seen.checked_add(SILENCE).ok().filter(|since| *since <= now),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_node_is_silent_from_the_moment_it_is_disconnected_or_removed() {
        let at = |second| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        assert_eq!(silent_since(at(0), None, at(59)), None);
        assert_eq!(silent_since(at(0), None, at(60)), Some(at(60)));
        assert_eq!(silent_since(at(0), None, at(5_000)), Some(at(60)));
        assert_eq!(silent_since(at(0), Some(at(10)), at(20)), Some(at(10)));
        // The clock was two days ahead when the node was last heard from.
        assert_eq!(silent_since(at(172_800), None, at(60)), None);
    }
}
