//! Changes of a bucket's status at a node, and the outages that follow from them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::id::{BucketId, NodeId, WorkspaceId};
use crate::node_silence::NodeSilence;
use crate::status::{ProbeFailure, ProbedStatus};

/// A change of a bucket's status at one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusEvent {
    /// Orders events of the same time. Unique in the registry.
    pub number: i64,
    /// The bucket. It may have been deleted since.
    pub bucket_id: BucketId,
    /// The workspace that the bucket belonged to.
    pub workspace_id: WorkspaceId,
    /// The node that probed the bucket. It may have been removed since.
    pub node_id: NodeId,
    /// The end of the probe that changed the status.
    pub at: Timestamp,
    /// The status before. `None` for the first report on the bucket's configuration.
    pub from: Option<ProbedStatus>,
    /// The status since then.
    pub to: ProbedStatus,
    /// Why the bucket is OFFLINE. `None` if it is ONLINE.
    pub failure: Option<ProbeFailure>,
    /// The version of the bucket that was probed.
    pub version: i64,
}

/// A time in which no node reached a bucket, and at least one tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// When the last of the connected nodes that had reached the bucket found it OFFLINE, was DISCONNECTED or removed.
    pub start: Timestamp,
    /// When a node reached it again. `None` if the outage continues, as far as nodes reported.
    pub end: Option<Timestamp>,
    /// The reason of the latest report at that time.
    pub failure: Option<ProbeFailure>,
}

impl Outage {
    /// How long the outage lasted, or has lasted until `now`.
    pub fn length(&self, now: Timestamp) -> SignedDuration {
        self.end.unwrap_or(now).duration_since(self.start).max(SignedDuration::ZERO)
    }
}

/// What one node knows about a bucket.
struct View<'e> {
    status: ProbedStatus,
    at: Timestamp,
    failure: Option<&'e ProbeFailure>,
    /// Whether the node was connected, or has reported since.
    counts: bool,
}

/// Something that changes the views of nodes.
enum ViewChange<'e> {
    /// A node reported a status.
    Reported(&'e StatusEvent),
    /// A node became DISCONNECTED or was removed.
    Lost(&'e NodeSilence),
    /// A node was heard from again.
    Returned(NodeId),
}

/// The outages of one bucket, oldest first, from the events of all nodes in the order of their times, and the times
/// in which these nodes weren't connected.
///
/// - A node counts from its first report until it is DISCONNECTED or removed. A DISCONNECTED node counts again with
///   its last status when it is heard from, a removed one with its next report.
/// - While no node counts, nobody knows, so an outage neither begins nor ends.
/// - An outage that had begun before the first event isn't found: nothing is known about that time.
pub fn outages<'e>(
    events: impl IntoIterator<Item = &'e StatusEvent>,
    silences: &'e [NodeSilence],
) -> Vec<Outage> {
    let mut views: BTreeMap<NodeId, View<'e>> = BTreeMap::new();
    let mut outages: Vec<Outage> = Vec::new();
    for (at, step) in steps(events, silences) {
        match step {
            ViewChange::Reported(event) => {
                let StatusEvent { to, at, failure, .. } = event;
                let view = View { status: *to, at: *at, failure: failure.as_ref(), counts: true };
                views.insert(event.node_id, view);
            }
            ViewChange::Lost(NodeSilence { node_id, was_removed: true, .. }) => drop(views.remove(node_id)),
            ViewChange::Lost(silence) => set_counts(&mut views, silence.node_id, false),
            ViewChange::Returned(node_id) => set_counts(&mut views, node_id, true),
        }
        let counting = || views.values().filter(|view| view.counts);
        let reached = counting().any(|view| view.status == ProbedStatus::Online);
        let open = outages.last_mut().filter(|outage| outage.end.is_none());
        match (open, reached, counting().max_by_key(|view| view.at)) {
            (Some(outage), true, _) => outage.end = Some(at),
            (None, false, Some(latest)) => {
                outages.push(Outage { start: at, end: None, failure: latest.failure.cloned() });
            }
            _ => {}
        }
    }
    outages
}

fn set_counts(views: &mut BTreeMap<NodeId, View<'_>>, node_id: NodeId, counts: bool) {
    if let Some(view) = views.get_mut(&node_id) {
        view.counts = counts;
    }
}

/// All steps in the order of their times. At the same time, a report comes last, because it is the latest news.
fn steps<'e>(
    events: impl IntoIterator<Item = &'e StatusEvent>,
    silences: &'e [NodeSilence],
) -> Vec<(Timestamp, ViewChange<'e>)> {
    let mut steps = Vec::new();
    for silence in silences {
        steps.push((silence.from, ViewChange::Lost(silence)));
        steps.extend(silence.until.map(|until| (until, ViewChange::Returned(silence.node_id))));
    }
    steps.extend(events.into_iter().map(|event| (event.at, ViewChange::Reported(event))));
    // The sort is stable, so events of the same time stay in their order.
    steps.sort_by_key(|(at, _)| *at);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::CheckCode;

    fn event(node: u8, second: i64, to: ProbedStatus) -> StatusEvent {
        let failure = ProbeFailure { code: CheckCode::ConnectTimeout, message: format!("at {second}") };
        StatusEvent {
            number: second,
            bucket_id: BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            workspace_id: WorkspaceId::new(Timestamp::UNIX_EPOCH, [2; 10]),
            node_id: NodeId::new(Timestamp::UNIX_EPOCH, [node; 10]),
            at: Timestamp::from_second(second).unwrap(),
            from: None,
            to,
            failure: (to == ProbedStatus::Offline).then_some(failure),
            version: 1,
        }
    }

    fn silence(node: u8, from: i64, until: Option<i64>) -> NodeSilence {
        let at = |second| Timestamp::from_second(second).unwrap();
        let node_id = NodeId::new(Timestamp::UNIX_EPOCH, [node; 10]);
        NodeSilence { node_id, from: at(from), until: until.map(at), was_removed: false }
    }

    fn times(events: &[StatusEvent]) -> Vec<(i64, Option<i64>)> {
        times_with(events, &[])
    }

    fn times_with(events: &[StatusEvent], silences: &[NodeSilence]) -> Vec<(i64, Option<i64>)> {
        let found = outages(events, silences);
        found.iter().map(|outage| (outage.start.as_second(), outage.end.map(Timestamp::as_second))).collect()
    }

    #[test]
    fn a_bucket_that_went_down_twice_has_two_outages() {
        use ProbedStatus::{Offline, Online};
        let events = [(0, Online), (60, Offline), (180, Online), (600, Offline)];
        let events = events.map(|(second, to)| event(1, second, to));
        assert_eq!(times(&events), [(60, Some(180)), (600, None)]);
        let found = outages(&events, &[]);
        assert_eq!(found[0].failure.as_ref().map(|failure| failure.message.as_str()), Some("at 60"));
        let now = Timestamp::from_second(700).unwrap();
        assert_eq!(found[0].length(now), SignedDuration::from_secs(120));
        assert_eq!(found[1].length(now), SignedDuration::from_secs(100));
        let before = Timestamp::from_second(0).unwrap();
        assert_eq!(found[1].length(before), SignedDuration::ZERO, "a clock that jumped back");
    }

    #[test]
    fn an_outage_begins_when_the_last_node_loses_the_bucket_and_ends_with_the_first_that_reaches_it() {
        use ProbedStatus::{Offline, Online};
        let events = [(1, 0, Online), (2, 1, Online), (1, 60, Offline), (2, 90, Offline), (2, 150, Online)];
        let events = events.map(|(node, second, to)| event(node, second, to));
        assert_eq!(times(&events), [(90, Some(150))]);
    }

    #[test]
    fn a_bucket_that_no_node_has_ever_reached_is_out_from_the_first_report() {
        assert_eq!(
            times(&[event(1, 5, ProbedStatus::Offline), event(2, 6, ProbedStatus::Offline)]),
            [(5, None)]
        );
        assert_eq!(times(&[]), []);
    }

    #[test]
    fn a_node_that_vanished_while_it_reached_the_bucket_hides_no_outage() {
        use ProbedStatus::{Offline, Online};
        let events = [(1, 0, Online), (2, 1, Online), (2, 300, Offline), (2, 400, Online)];
        let events = events.map(|(node, second, to)| event(node, second, to));
        assert_eq!(times(&events), [], "node 1 reaches it");
        assert_eq!(times_with(&events, &[silence(1, 100, None)]), [(300, Some(400))]);
        // It vanishes in the middle, and is back before the end.
        assert_eq!(times_with(&events, &[silence(1, 350, None)]), [(350, Some(400))]);
        assert_eq!(times_with(&events, &[silence(1, 310, Some(370))]), [(310, Some(370))]);
        let found = outages(&events, &[silence(1, 350, None)]).remove(0);
        assert_eq!(found.failure.unwrap().message, "at 300", "the reason of the node that still looks");
    }

    #[test]
    fn a_removed_node_counts_again_with_its_next_report_only() {
        use ProbedStatus::{Offline, Online};
        let events = [(1, 0, Online), (2, 1, Offline), (1, 500, Online)];
        let events = events.map(|(node, second, to)| event(node, second, to));
        let removed = NodeSilence { was_removed: true, ..silence(1, 100, Some(200)) };
        assert_eq!(times_with(&events, &[removed]), [(100, Some(500))]);
        assert_eq!(times_with(&events, &[silence(1, 100, Some(200))]), [(100, Some(200))]);
    }

    #[test]
    fn an_outage_lasts_while_nobody_looks_and_none_begins() {
        use ProbedStatus::{Offline, Online};
        let down = [event(1, 0, Online), event(1, 60, Offline), event(1, 600, Online)];
        assert_eq!(times_with(&down, &[silence(1, 120, Some(300))]), [(60, Some(600))]);
        let up = [event(1, 0, Online)];
        assert_eq!(times_with(&up, &[silence(1, 120, Some(300)), silence(1, 500, None)]), []);
        // What a node reports about the time in which it wasn't connected counts.
        assert_eq!(times_with(&down, &[silence(1, 30, Some(900))]), [(60, Some(600))]);
    }

    #[test]
    fn a_bucket_that_flaps_at_nodes_that_come_and_go_has_ordered_outages() {
        use ProbedStatus::{Offline, Online};
        let events: Vec<_> = (0..1_000)
            .map(|second| {
                let to = if second % 3 == 0 { Online } else { Offline };
                event(u8::try_from(second % 2).unwrap(), second, to)
            })
            .collect();
        let silences: Vec<_> = (0..50).map(|n| silence(1, n * 20 + 5, Some(n * 20 + 15))).collect();
        let found = outages(&events, &silences);
        assert!(found.len() > 100);
        let (last, ended) = found.split_last().unwrap();
        assert!(ended.iter().all(|outage| outage.end.is_some_and(|end| end >= outage.start)));
        assert!(found.windows(2).all(|pair| pair[0].end.unwrap() <= pair[1].start), "they don't overlap");
        assert!(last.start >= ended.last().unwrap().end.unwrap());
    }
}
