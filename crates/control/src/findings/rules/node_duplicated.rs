//! Nodes as which several processes report.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use jiff::SignedDuration;

use crate::findings::observations::{Observations, ObservedNode};

/// Longer than a slow replacement is taken for several processes: the old process may report for half a minute while the new
/// one already does, and the return of the new one after the last report of the old one counts for some time, too.
const LONG: SignedDuration = SignedDuration::from_secs(100);

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    seen.nodes.iter().filter(|node| node.connected).filter_map(|node| finding(seen, node)).collect()
}

fn finding(seen: &Observations, node: &ObservedNode) -> Option<Finding> {
    let since = node.processes.as_ref()?.several_since(seen.now)?;
    Some(Finding {
        key: FindingKey {
            code: FindingCode::NodeDuplicated,
            subject: SubjectKind::Node,
            id: node.id.to_string(),
        },
        severity: Severity::Warning,
        name: node.name.clone(),
        workspace_id: None,
        title: "Node runs twice".to_owned(),
        sentence: "Several processes report as this node, probably because its data directory was copied to another machine. \
                   The node's address and statuses are those of the process that reported last; traffic is neither \
                   double-counted nor lost. Stop one of them, or give it another --name and a data directory that contains \
                   only node.pem."
            .to_owned(),
        command: Some("nodes list".to_owned()),
        since: Some(since),
        depends_on: None,
        visible_after: LONG,
    })
}
