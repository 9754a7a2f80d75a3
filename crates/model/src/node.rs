//! Nodes: gateways and probers next to buckets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::id::{NodeId, NodeKeyId, OrgId};
use crate::node_processes::NodeProcesses;
use crate::node_protocol::StatusCounts;

/// A node as the control plane knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct Node {
    pub id: NodeId,
    /// Organization that the node serves; `None` for a node of the deployment, which serves all.
    pub org_id: Option<OrgId>,
    /// Unique name: a host name or address by which clients reach the node (`ip` on the wire).
    pub name: String,
    /// Where the node runs, as it reports it.
    pub region: String,
    /// Cloud that the node runs in, as it reports it.
    pub provider: String,
    /// Bucketry version of the node.
    pub version: String,
    /// Public keys with whose private halves the node opens secrets; the first one is in use.
    pub recipients: Vec<String>,
    /// Those of them to which secrets may be sealed.
    pub approved: Vec<String>,
    /// The key that signed the node's latest registration.
    pub key_id: NodeKeyId,
    /// When the node first registered.
    pub created_at: Timestamp,
    /// Time of the last contact.
    pub last_seen: Timestamp,
    /// `None` until the first heartbeat.
    pub last_heartbeat: Option<LastHeartbeat>,
}

/// What a node's last heartbeat reported about the node itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastHeartbeat {
    /// The node's count of its buckets by status.
    #[serde(default)]
    pub census: StatusCounts,
    /// URL of the node's gateway for applications; `None` without a gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_url: Option<Endpoint>,
    /// What waits at the node. `None` for older nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingBatches>,
    /// The processes that report as this node. `None` for older nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<NodeProcesses>,
    /// Whether it was the last one of a node that stops. The node then does no further jobs, until it reports again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
}

/// What a heartbeat reports about its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatReport {
    /// The node's count of its buckets by status.
    pub census: StatusCounts,
    /// URL of the node's gateway for applications; `None` without a gateway.
    pub gateway_url: Option<Endpoint>,
    /// How many batches of traffic wait at the node. `None` for older nodes.
    pub waiting_batches: Option<u64>,
    /// The name of the process that sent it. `None` for older nodes.
    pub process: Option<String>,
    /// Whether it is the last one of this process.
    pub leaving: bool,
}

impl LastHeartbeat {
    /// What is known of a node after a heartbeat. A process that stops isn't the end of the node if another one runs: during
    /// an update, the new process may be running already, or the old one still be.
    pub fn reported(report: HeartbeatReport, previous: Option<Self>, now: Timestamp) -> Self {
        let HeartbeatReport { census, gateway_url, waiting_batches, process, leaving } = report;
        let (waited, known) = previous.map_or((None, None), |one| (one.waiting, one.processes));
        let mut processes = NodeProcesses::reported(process.clone(), known, now);
        if let Some(process) = process.filter(|_| leaving) {
            processes = processes.map(|known| known.stopped(&process, now));
        }
        let stays = processes.as_ref().is_some_and(|known| known.is_one_running(now));
        Self {
            census,
            gateway_url,
            waiting: waiting_batches.map(|number| WaitingBatches::reported(number, waited, now)),
            processes,
            leaving: leaving && !stays,
        }
    }

    /// Whether pages show the same after the other heartbeat, apart from numbers and times that change all the time.
    pub fn looks_like(&self, other: &Self) -> bool {
        let waits_since = |heartbeat: &Self| heartbeat.waiting.and_then(|waiting| waiting.since);
        let several_since =
            |heartbeat: &Self| heartbeat.processes.as_ref().and_then(NodeProcesses::first_return);
        self.census == other.census
            && self.gateway_url == other.gateway_url
            && self.leaving == other.leaving
            && waits_since(self) == waits_since(other)
            && several_since(self) == several_since(other)
    }
}

/// Batches of traffic that wait at a node to be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingBatches {
    /// How many there were at the last heartbeat.
    pub number: u64,
    /// Since when several have waited at each heartbeat. `None` if none or one did, which is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl WaitingBatches {
    /// The batches that a heartbeat reports now, which continue what the previous heartbeat reported.
    pub fn reported(number: u64, previous: Option<Self>, now: Timestamp) -> Self {
        let since = previous.and_then(|one| one.since).unwrap_or(now);
        Self { number, since: (number > 1).then_some(since) }
    }
}

impl Node {
    /// The public key to seal secrets to: the newest one that is approved.
    pub fn sealing_recipient(&self) -> Option<&str> {
        self.recipients.iter().find(|one| self.approved.contains(one)).map(String::as_str)
    }

    /// Whether the node has said that it stops, and hasn't reported since.
    pub fn is_leaving(&self) -> bool {
        self.last_heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.leaving)
    }

    /// Whether the node waits for the approval of its key. A node without a key opens nothing, and needs none.
    pub fn is_pending(&self) -> bool {
        !self.recipients.is_empty() && self.sealing_recipient().is_none()
    }
}

/// Whether a node serves an organization's buckets. A node whose key isn't approved serves nothing.
pub fn serves(node: &Node, org_id: OrgId) -> bool {
    is_meant_for(node, org_id) && !node.is_pending()
}

/// Whether a node serves an organization's buckets, or will do so as soon as its key is approved.
pub fn is_meant_for(node: &Node, org_id: OrgId) -> bool {
    node.org_id.is_none_or(|own| own == org_id)
}

/// The longest accepted node name, in bytes: the limit for host names.
pub const MAX_NAME_BYTES: usize = 253;

/// Whether a text is a valid node name, which may contain the characters of a URL's host.
pub fn is_node_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_NAME_BYTES
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'[' | b']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn batches_wait_from_the_first_heartbeat_with_several_of_them() {
        let mut last = None;
        let mut next = |number, second| {
            last = Some(WaitingBatches::reported(number, last, at(second)));
            last.unwrap().since
        };
        assert_eq!(next(1, 10), None);
        assert_eq!(next(2, 20), Some(at(20)));
        assert_eq!(next(70, 40), Some(at(20)));
        assert_eq!(next(0, 60), None);
        assert_eq!(next(5, 80), Some(at(80)));
    }

    #[test]
    fn a_heartbeat_with_other_numbers_looks_like_the_previous_one() {
        let first = LastHeartbeat {
            census: StatusCounts { online: 3, offline: 1, unknown: 0 },
            gateway_url: Some("https://s3.example.com".parse().unwrap()),
            waiting: Some(WaitingBatches { number: 0, since: None }),
            processes: NodeProcesses::reported(Some("a".to_owned()), None, at(80)),
            leaving: false,
        };
        let waiting = Some(WaitingBatches { number: 1, since: None });
        let processes = NodeProcesses::reported(Some("b".to_owned()), first.processes.clone(), at(90));
        assert!(first.looks_like(&LastHeartbeat { waiting, processes, ..first.clone() }));
        let census = StatusCounts { online: 4, offline: 0, unknown: 0 };
        let waiting = Some(WaitingBatches { number: 5, since: Some(at(90)) });
        for other in [
            LastHeartbeat { census, ..first.clone() },
            LastHeartbeat { gateway_url: None, ..first.clone() },
            LastHeartbeat { waiting, ..first.clone() },
            LastHeartbeat { leaving: true, ..first.clone() },
        ] {
            assert!(!first.looks_like(&other), "{other:?}");
        }
    }

    #[test]
    fn a_heartbeat_of_another_version_is_read_as_far_as_it_is_known() {
        let heartbeat = LastHeartbeat {
            census: StatusCounts { online: 3, offline: 1, unknown: 0 },
            gateway_url: Some("https://s3.example.com".parse().unwrap()),
            waiting: Some(WaitingBatches { number: 5, since: Some(at(80)) }),
            processes: NodeProcesses::reported(Some("a".to_owned()), None, at(80)),
            leaving: true,
        };
        let text = serde_json::to_string(&heartbeat).unwrap();
        assert_eq!(serde_json::from_str::<LastHeartbeat>(&text).unwrap(), heartbeat);
        let newer = text.replacen('{', "{\"from the future\":1,", 1);
        assert_eq!(serde_json::from_str::<LastHeartbeat>(&newer).unwrap(), heartbeat);
        let older = serde_json::from_str::<LastHeartbeat>("{}").unwrap();
        assert_eq!((older.gateway_url, older.waiting, older.leaving), (None, None, false));
    }
}
