//! How far the clocks of nodes differ from the control plane's, and whose is probably wrong.

use std::collections::HashMap;
use std::time::Duration;

use bucketry_model::id::OrgId;
use bucketry_model::node::Node;
use bucketry_model::node_clock::{ClockDisagreement, ClockOffset, WrongClock};
use bucketry_model::node_protocol::CLOCK_TOLERANCE_SECONDS;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{Control, Result};

/// For how long a message says something about the node's clock. A refused node tries again at least every minute, with two
/// attempts more in case one is lost.
const RECENT: Duration = Duration::from_secs(150);
/// How many nodes are remembered.
const REMEMBERED_AT_MOST: usize = 10_000;
/// If the control plane's clock moves by more than this against the time that has passed, it was set, and what was seen before
/// doesn't count.
const WAS_SET: SignedDuration = SignedDuration::from_secs(CLOCK_TOLERANCE_SECONDS / 2);
/// After this time, a refusal is logged again although nothing has changed.
const LOG_AGAIN: Duration = Duration::from_mins(10);

/// The clocks of nodes, by the organization whose key they sign with, and their name.
#[derive(Default)]
pub(crate) struct NodeClocks {
    state: Mutex<ClockState>,
}

#[derive(Default)]
struct ClockState {
    by_node: HashMap<(Option<OrgId>, String), SeenClock>,
    /// A time of the control plane's clock, and when it showed it.
    reference: Option<(Timestamp, Instant)>,
}

/// A node's clock by its last message.
struct SeenClock {
    offset: ClockOffset,
    at: Instant,
    /// The refusal that was logged last.
    logged: Option<(WrongClock, Instant)>,
}

impl SeenClock {
    fn is_recent(&self, at: Instant) -> bool {
        at.saturating_duration_since(self.at) < RECENT
    }
}

impl ClockState {
    /// Forgets everything if the control plane's clock was set.
    fn check_own_clock(&mut self, now: Timestamp, at: Instant) {
        let was_set = self.reference.is_some_and(|(then, since)| {
            let passed = SignedDuration::try_from(at.saturating_duration_since(since)).unwrap_or_default();
            now.duration_since(then).saturating_sub(passed).abs() > WAS_SET
        });
        if was_set {
            self.by_node.clear();
        }
        self.reference = Some((now, at));
    }
}

impl NodeClocks {
    /// Records the time of a message with a valid signature.
    fn note(&self, org_id: Option<OrgId>, name: &str, offset: ClockOffset, now: Timestamp, at: Instant) {
        let mut state = self.state.lock();
        state.check_own_clock(now, at);
        if state.by_node.len() >= REMEMBERED_AT_MOST {
            state.by_node.retain(|_, seen| seen.is_recent(at));
        }
        let key = (org_id, name.to_owned());
        if let Some(seen) = state.by_node.get_mut(&key) {
            (seen.offset, seen.at) = (offset, at);
            if offset.is_tolerated() {
                seen.logged = None;
            }
        } else if state.by_node.len() < REMEMBERED_AT_MOST {
            state.by_node.insert(key, SeenClock { offset, at, logged: None });
        }
    }

    fn offset(&self, org_id: Option<OrgId>, name: &str, at: Instant) -> Option<ClockOffset> {
        let state = self.state.lock();
        let seen = state.by_node.get(&(org_id, name.to_owned()))?;
        seen.is_recent(at).then_some(seen.offset)
    }

    /// Whether the refusal of a node is to be logged: it is new, its reason has changed, or it was logged long ago.
    fn begins_to_refuse(&self, org_id: Option<OrgId>, name: &str, wrong: WrongClock, at: Instant) -> bool {
        let mut state = self.state.lock();
        let Some(seen) = state.by_node.get_mut(&(org_id, name.to_owned())) else { return false };
        let is_news = seen
            .logged
            .is_none_or(|(logged, since)| logged != wrong || at.duration_since(since) >= LOG_AGAIN);
        if is_news {
            seen.logged = Some((wrong, at));
        }
        is_news
    }
}

impl Control {
    /// Records the time of a node's message with a valid signature. If the message has to be refused because of its time,
    /// returns whose clock is probably wrong.
    pub(super) async fn note_clock(
        &self,
        org_id: Option<OrgId>,
        name: &str,
        offset: ClockOffset,
        now: Timestamp,
    ) -> Result<Option<ClockDisagreement>> {
        let (clocks, at) = (&self.inner.node_clocks, Instant::now());
        clocks.note(org_id, name, offset, now, at);
        if offset.is_tolerated() {
            return Ok(None);
        }
        let found = self.compare_clocks(org_id, name, offset, &self.known_nodes().await?);
        if clocks.begins_to_refuse(org_id, name, found.wrong, at) {
            tracing::warn!(node = name, "refusing a node's messages: its clock {}", found.explanation());
            // The finding about the node explains it.
            self.inner.findings.forget();
        }
        Ok(Some(found))
    }

    /// Whose clock is probably wrong, if the messages of a node were lately refused because of their time.
    pub(crate) fn clock_disagreement(&self, node: &Node, all: &[Node]) -> Option<ClockDisagreement> {
        let offset = self.inner.node_clocks.offset(node.org_id, &node.name, Instant::now())?;
        let is_refused = !offset.is_tolerated();
        is_refused.then(|| self.compare_clocks(node.org_id, &node.name, offset, all))
    }

    /// Compares the clock of a node with those of other nodes, among them only those of the deployment and of its own
    /// organization. The node in this process shows nothing, because it has the same clock.
    fn compare_clocks(
        &self,
        org_id: Option<OrgId>,
        name: &str,
        offset: ClockOffset,
        all: &[Node],
    ) -> ClockDisagreement {
        let at = Instant::now();
        let counts = |node: &&Node| {
            (node.org_id.is_none() || node.org_id == org_id)
                && (node.org_id, node.name.as_str()) != (org_id, name)
                && !self.inner.own_keys.has_all(&node.recipients)
        };
        let others = all.iter().filter(counts);
        let offsets = others.filter_map(|node| self.inner.node_clocks.offset(node.org_id, &node.name, at));
        ClockDisagreement::of(offset, offsets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    #[tokio::test]
    async fn what_was_seen_before_the_control_planes_clock_was_set_does_not_count() {
        let (clocks, now, at) = (NodeClocks::default(), Timestamp::UNIX_EPOCH + HOUR, Instant::now());
        let in_time = ClockOffset::of(now, now);
        clocks.note(None, "a", in_time, now, at);
        clocks.note(None, "b", in_time, now, at);
        let later = at + Duration::from_secs(20);
        assert_eq!(clocks.offset(None, "a", later), Some(in_time));
        let set = now + HOUR;
        clocks.note(None, "b", ClockOffset::of(now, set), set, later);
        assert_eq!(clocks.offset(None, "a", later), None, "its message was timely by another clock");
        assert!(clocks.offset(None, "b", later).is_some_and(|offset| !offset.is_tolerated()));
        assert_eq!(clocks.offset(None, "b", later + RECENT), None);
    }

    #[tokio::test]
    async fn a_refusal_is_logged_when_it_begins_or_its_reason_changes_and_again_after_a_while() {
        let (clocks, now, at) = (NodeClocks::default(), Timestamp::UNIX_EPOCH + HOUR, Instant::now());
        let note =
            |offset: SignedDuration| clocks.note(None, "a", ClockOffset::of(now + offset, now), now, at);
        let is_logged = |wrong, at| clocks.begins_to_refuse(None, "a", wrong, at);
        note(HOUR);
        assert!(is_logged(WrongClock::Either, at) && !is_logged(WrongClock::Either, at));
        assert!(is_logged(WrongClock::Node, at) && !is_logged(WrongClock::Node, at));
        assert!(is_logged(WrongClock::Node, at + LOG_AGAIN));
        note(SignedDuration::ZERO);
        note(HOUR);
        assert!(is_logged(WrongClock::Node, at + LOG_AGAIN));
    }
}
