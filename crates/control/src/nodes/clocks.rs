//! How far the clocks of nodes differ from the control plane's, and whose is probably wrong.

use std::collections::HashMap;
use std::time::Duration;

use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::node::{Node, is_meant_for};
use bucketry_model::node_clock::{ClockDisagreement, ClockOffset, ComparedClocks, WrongClock};
use bucketry_model::node_protocol::CLOCK_TOLERANCE_SECONDS;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{Control, Result};

/// For how long a message says something about the node's clock. A refused node tries again at least every minute, with two
/// attempts more in case one is lost.
const RECENT: Duration = Duration::from_secs(150);
/// How many nodes of the deployment are remembered.
const REMEMBERED_AT_MOST: usize = 10_000;
/// The same for the nodes of one organization, so that they can't use up the memory for those of others.
const REMEMBERED_OF_ORGANIZATION: usize = 1_000;
/// If the control plane's clock moves by more than this against the time that has passed, it was set, and what was seen before
/// doesn't count.
const WAS_SET: SignedDuration = SignedDuration::from_secs(CLOCK_TOLERANCE_SECONDS / 2);
/// After this time, a refusal is logged again although nothing has changed.
const LOG_AGAIN: Duration = Duration::from_mins(10);
/// The shortest time between two such lines about a node. Somebody may repeat its old messages.
const LOG_NEWS: Duration = Duration::from_mins(1);

/// The clocks of registered nodes.
#[derive(Default)]
pub(crate) struct NodeClocks {
    state: Mutex<ClockState>,
}

#[derive(Default)]
struct ClockState {
    /// By the organization whose key the nodes sign with; `None` for the deployment's.
    by_signer: HashMap<Option<OrgId>, SignerClocks>,
    /// A time of the control plane's clock, and when it showed it.
    reference: Option<(Timestamp, Instant)>,
}

/// The clocks of nodes that sign with the keys of one organization.
#[derive(Default)]
struct SignerClocks {
    by_name: HashMap<String, SeenClock>,
    /// When the refusal of a node that isn't registered was last logged.
    unregistered_logged_at: Option<Instant>,
}

/// A node's clock by its last message.
struct SeenClock {
    offset: ClockOffset,
    at: Instant,
    logged: Option<LoggedRefusal>,
}

/// The refusal of a node that was logged last.
struct LoggedRefusal {
    wrong: WrongClock,
    at: Instant,
    /// Whether a message of the node was accepted since.
    is_over: bool,
}

impl SeenClock {
    fn is_recent(&self, at: Instant) -> bool {
        at.saturating_duration_since(self.at) < RECENT
    }
}

impl LoggedRefusal {
    /// Whether the next refusal is to be logged.
    fn is_outdated(&self, wrong: WrongClock, at: Instant) -> bool {
        let is_news = self.is_over || self.wrong != wrong;
        at.saturating_duration_since(self.at) >= if is_news { LOG_NEWS } else { LOG_AGAIN }
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
            self.by_signer.clear();
        }
        self.reference = Some((now, at));
    }

    fn offset(&self, org_id: Option<OrgId>, name: &str, at: Instant) -> Option<ClockOffset> {
        let seen = self.by_signer.get(&org_id)?.by_name.get(name)?;
        seen.is_recent(at).then_some(seen.offset)
    }
}

impl NodeClocks {
    /// Records the time of a message of a registered node.
    fn note(&self, org_id: Option<OrgId>, name: &str, offset: ClockOffset, now: Timestamp, at: Instant) {
        let at_most = if org_id.is_some() { REMEMBERED_OF_ORGANIZATION } else { REMEMBERED_AT_MOST };
        let mut state = self.state.lock();
        state.check_own_clock(now, at);
        let by_name = &mut state.by_signer.entry(org_id).or_default().by_name;
        if let Some(seen) = by_name.get_mut(name) {
            (seen.offset, seen.at) = (offset, at);
            if let Some(logged) = &mut seen.logged {
                logged.is_over |= offset.is_tolerated();
            }
            return;
        }
        if by_name.len() >= at_most {
            by_name.retain(|_, seen| seen.is_recent(at));
        }
        if by_name.len() < at_most {
            by_name.insert(name.to_owned(), SeenClock { offset, at, logged: None });
        }
    }

    /// The offsets of those nodes from which there was a message lately.
    fn offsets<'a>(
        &self,
        nodes: impl Iterator<Item = &'a Node>,
        at: Instant,
    ) -> Vec<(&'a Node, ClockOffset)> {
        let state = self.state.lock();
        nodes.filter_map(|node| Some((node, state.offset(node.org_id, &node.name, at)?))).collect()
    }

    /// Whether the refusal of a registered node is to be logged: it is new, its reason has changed, or it was logged long ago.
    fn begins_to_refuse(&self, org_id: Option<OrgId>, name: &str, wrong: WrongClock, at: Instant) -> bool {
        let mut state = self.state.lock();
        let seen = state.by_signer.get_mut(&org_id).and_then(|signer| signer.by_name.get_mut(name));
        let Some(seen) = seen else { return false };
        let is_due = seen.logged.as_ref().is_none_or(|logged| logged.is_outdated(wrong, at));
        if is_due {
            seen.logged = Some(LoggedRefusal { wrong, at, is_over: false });
        }
        is_due
    }

    /// Whether the refusal of a node that isn't registered is to be logged: at most one per minute and signer, because a
    /// client with a key can invent names.
    fn logs_unregistered(&self, org_id: Option<OrgId>, at: Instant) -> bool {
        let mut state = self.state.lock();
        let logged = &mut state.by_signer.entry(org_id).or_default().unregistered_logged_at;
        let is_due = logged.is_none_or(|last| at.saturating_duration_since(last) >= LOG_NEWS);
        if is_due {
            *logged = Some(at);
        }
        is_due
    }

    /// Forgets nodes that haven't been heard for long.
    pub(crate) fn tidy(&self, at: Instant) {
        self.state.lock().by_signer.retain(|_, signer| {
            signer.by_name.retain(|_, seen| at.saturating_duration_since(seen.at) < LOG_AGAIN);
            let is_logged =
                signer.unregistered_logged_at.is_some_and(|last| at.duration_since(last) < LOG_NEWS);
            is_logged || !signer.by_name.is_empty()
        });
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
        let nodes = self.known_nodes().await?;
        let (clocks, at) = (&self.inner.node_clocks, Instant::now());
        let is_registered = nodes.iter().any(|node| node.name == name && node.org_id == org_id);
        if is_registered {
            clocks.note(org_id, name, offset, now, at);
        }
        if offset.is_tolerated() {
            return Ok(None);
        }
        let found = self.compare_clocks(org_id, name, offset, &nodes);
        let is_logged = if is_registered {
            clocks.begins_to_refuse(org_id, name, found.wrong, at)
        } else {
            clocks.logs_unregistered(org_id, at)
        };
        if is_logged {
            tracing::warn!(node = name, "refusing a node's messages: its clock {}", found.explanation());
        }
        if is_logged && is_registered {
            // The finding about the node explains it.
            self.inner.findings.forget();
        }
        Ok(Some(found))
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
        let is_other = |node: &&Node| {
            (node.org_id.is_none() || node.org_id == org_id)
                && (node.org_id, node.name.as_str()) != (org_id, name)
        };
        let others = self.inner.node_clocks.offsets(all.iter().filter(is_other), Instant::now());
        let counted = others.into_iter().filter(|(node, _)| self.shows_another_clock(node));
        ClockDisagreement::of(offset, counted.map(|(_, offset)| offset))
    }

    fn shows_another_clock(&self, node: &Node) -> bool {
        !self.inner.own_keys.has_all(&node.recipients)
    }

    /// Whose clock is probably wrong, for each node that serves the organization and whose messages were lately refused because
    /// of their time.
    pub(crate) fn clock_disagreements(
        &self,
        org_id: OrgId,
        all: &[Node],
    ) -> HashMap<NodeId, ClockDisagreement> {
        let meant = all.iter().filter(|node| is_meant_for(node, org_id));
        let seen = self.inner.node_clocks.offsets(meant, Instant::now());
        if seen.iter().all(|(_, offset)| offset.is_tolerated()) {
            return HashMap::new();
        }
        let seen: Vec<_> =
            seen.into_iter().map(|(node, offset)| (node, offset, self.shows_another_clock(node))).collect();
        let counted = || seen.iter().filter(|(.., is_counted)| *is_counted);
        let of_deployment: ComparedClocks =
            counted().filter(|(node, ..)| node.org_id.is_none()).map(|(_, offset, _)| *offset).collect();
        let all: ComparedClocks = counted().map(|(_, offset, _)| *offset).collect();
        let refused = seen.iter().filter(|(_, offset, _)| !offset.is_tolerated());
        refused
            .map(|(node, offset, is_counted)| {
                let clocks = if node.org_id.is_none() { &of_deployment } else { &all };
                (node.id, clocks.compare(*offset, *is_counted))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    #[tokio::test]
    async fn what_was_seen_before_the_control_planes_clock_was_set_does_not_count() {
        let (clocks, now, at) = (NodeClocks::default(), Timestamp::UNIX_EPOCH + HOUR, Instant::now());
        let offset_of = |name, at| clocks.state.lock().offset(None, name, at);
        let in_time = ClockOffset::of(now, now);
        clocks.note(None, "a", in_time, now, at);
        clocks.note(None, "b", in_time, now, at);
        let later = at + Duration::from_secs(20);
        assert_eq!(offset_of("a", later), Some(in_time));
        let set = now + HOUR;
        clocks.note(None, "b", ClockOffset::of(now, set), set, later);
        assert_eq!(offset_of("a", later), None, "its message was timely by another clock");
        assert!(offset_of("b", later).is_some_and(|offset| !offset.is_tolerated()));
        assert_eq!(offset_of("b", later + RECENT), None);
    }

    #[tokio::test]
    async fn a_refusal_is_logged_when_it_begins_or_its_reason_changes_and_again_after_a_while() {
        let (clocks, now, at) = (NodeClocks::default(), Timestamp::UNIX_EPOCH + HOUR, Instant::now());
        let note =
            |offset: SignedDuration| clocks.note(None, "a", ClockOffset::of(now + offset, now), now, at);
        let is_logged = |wrong, at| clocks.begins_to_refuse(None, "a", wrong, at);
        let after = |minutes| at + Duration::from_mins(minutes);
        note(HOUR);
        assert!(is_logged(WrongClock::Either, at) && !is_logged(WrongClock::Either, at));
        assert!(!is_logged(WrongClock::Either, after(9)));
        assert!(is_logged(WrongClock::Node, after(1)) && !is_logged(WrongClock::Node, after(10)));
        assert!(is_logged(WrongClock::Node, after(11)));
        note(SignedDuration::ZERO);
        note(HOUR);
        assert!(is_logged(WrongClock::Node, after(12)));
    }

    #[tokio::test]
    async fn old_messages_that_are_repeated_between_new_ones_are_logged_once_per_minute() {
        let (clocks, now, at) = (NodeClocks::default(), Timestamp::UNIX_EPOCH + HOUR, Instant::now());
        let reasons = [WrongClock::Either, WrongClock::Node].into_iter().cycle();
        let lines = (0..180).zip(reasons).filter(|(second, wrong)| {
            let at = at + Duration::from_secs(*second);
            clocks.note(None, "a", ClockOffset::of(now, now), now, at);
            clocks.note(None, "a", ClockOffset::of(now - HOUR, now), now, at);
            clocks.begins_to_refuse(None, "a", *wrong, at)
        });
        assert_eq!(lines.count(), 3);
        let unregistered = (0..180).filter(|n| clocks.logs_unregistered(None, at + Duration::from_secs(*n)));
        assert_eq!(unregistered.count(), 3);
    }

    #[tokio::test]
    async fn an_organization_with_too_many_nodes_leaves_room_for_others() {
        let (clocks, now, at) = (NodeClocks::default(), Timestamp::UNIX_EPOCH + HOUR, Instant::now());
        let org = |number| Some(OrgId::new(now, [number; 10]));
        let in_time = ClockOffset::of(now, now);
        for number in 0..=REMEMBERED_OF_ORGANIZATION {
            clocks.note(org(1), &number.to_string(), in_time, now, at);
        }
        let known = |org_id, name: &str, at| clocks.state.lock().offset(org_id, name, at).is_some();
        assert!(known(org(1), "0", at) && !known(org(1), "1000", at));
        clocks.note(org(2), "1000", in_time, now, at);
        assert!(known(org(2), "1000", at));
        let later = at + RECENT;
        clocks.note(org(1), "1000", in_time, now + HOUR / 24, later);
        assert!(known(org(1), "1000", later), "the others are silent");
        clocks.tidy(later + LOG_AGAIN);
        assert!(clocks.state.lock().by_signer.is_empty());
    }
}
