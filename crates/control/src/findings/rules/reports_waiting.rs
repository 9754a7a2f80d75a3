//! Nodes that can't get rid of what they counted.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use jiff::SignedDuration;

use crate::findings::observations::{Observations, ObservedNode};
use crate::findings::sentence::grouped;

/// How long several batches have to wait until that is a finding.
const LONG: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    // What a silent node last said is old.
    seen.nodes.iter().filter(|node| node.connected).filter_map(finding).collect()
}

fn finding(node: &ObservedNode) -> Option<Finding> {
    let waiting = node.waiting?;
    let since = waiting.since?;
    Some(Finding {
        key: FindingKey {
            code: FindingCode::ReportsWaiting,
            subject: SubjectKind::Node,
            id: node.id.to_string(),
        },
        severity: Severity::Warning,
        name: node.name.clone(),
        workspace_id: None,
        title: "Traffic waits to be reported".to_owned(),
        sentence: format!(
            "{} batches of counted traffic wait at the node, because the control plane doesn't accept them. They are missing \
             in statistics, and traffic is lost when the node's spool is full. The node's log says why.",
            grouped(waiting.number)
        ),
        command: Some("nodes list".to_owned()),
        since: Some(since),
        depends_on: None,
        visible_after: LONG,
    })
}
