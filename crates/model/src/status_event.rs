//! Changes of a bucket's status at a node, and the outages that follow from them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::id::{BucketId, NodeId, WorkspaceId};
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
    /// When the last of the nodes that had reached the bucket found it OFFLINE.
    pub start: Timestamp,
    /// When a node reached it again. `None` if the outage continues, as far as nodes reported.
    pub end: Option<Timestamp>,
    /// The reason of the first report.
    pub failure: Option<ProbeFailure>,
}

impl Outage {
    /// How long the outage lasted, or has lasted until `now`.
    pub fn length(&self, now: Timestamp) -> SignedDuration {
        self.end.unwrap_or(now).duration_since(self.start).max(SignedDuration::ZERO)
    }
}

/// The outages of one bucket, oldest first, from the events of all nodes in the order of their times.
///
/// An outage that had begun before the first event isn't found: nothing is known about that time.
pub fn outages<'e>(events: impl IntoIterator<Item = &'e StatusEvent>) -> Vec<Outage> {
    let mut nodes: BTreeMap<NodeId, ProbedStatus> = BTreeMap::new();
    let mut outages: Vec<Outage> = Vec::new();
    for event in events {
        nodes.insert(event.node_id, event.to);
        let reached = nodes.values().any(|status| *status == ProbedStatus::Online);
        let open = outages.last_mut().filter(|outage| outage.end.is_none());
        match (open, reached) {
            (Some(outage), true) => outage.end = Some(event.at),
            (None, false) => {
                outages.push(Outage { start: event.at, end: None, failure: event.failure.clone() });
            }
            _ => {}
        }
    }
    outages
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

    fn times(events: &[StatusEvent]) -> Vec<(i64, Option<i64>)> {
        let found = outages(events);
        found.iter().map(|outage| (outage.start.as_second(), outage.end.map(Timestamp::as_second))).collect()
    }

    #[test]
    fn a_bucket_that_went_down_twice_has_two_outages() {
        use ProbedStatus::{Offline, Online};
        let events = [(0, Online), (60, Offline), (180, Online), (600, Offline)];
        let events = events.map(|(second, to)| event(1, second, to));
        assert_eq!(times(&events), [(60, Some(180)), (600, None)]);
        let found = outages(&events);
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
}
