//! Reading what a node last reported about a bucket.

use bucketry_model::status::{ProbeFailure, ProbedStatus};

use super::columns::Columns;
use crate::Result;
use crate::bucket::NodeStatusRow;

/// The text isn't the status of a probe.
pub(super) struct NotAStatus;

/// Parses a status.
pub(super) fn node_status(text: &str) -> std::result::Result<ProbedStatus, NotAStatus> {
    let both = [ProbedStatus::Online, ProbedStatus::Offline];
    both.into_iter().find(|status| status.as_str() == text).ok_or(NotAStatus)
}

/// Reads the last status, for which the next probe begins from nothing if this version doesn't know it.
pub(super) fn last_status(columns: &mut Columns<'_>) -> Result<Option<ProbedStatus>> {
    Ok(columns.optional_text()?.and_then(|text| node_status(&text).ok()))
}

/// Reads why a probe failed.
pub(super) fn failure(columns: &mut Columns<'_>) -> Result<Option<ProbeFailure>> {
    columns.optional_read(serde_json::from_str)
}

/// The stored text of a failure.
pub(super) fn failure_text(failure: Option<&ProbeFailure>) -> Option<String> {
    failure.map(|failure| serde_json::json!(failure).to_string())
}

/// Reads `node_id, status, latency_ms, at, failure, since`.
pub(super) fn node_status_row(columns: &mut Columns<'_>) -> Result<NodeStatusRow> {
    Ok(NodeStatusRow {
        node_id: columns.parsed()?,
        status: columns.read(node_status)?,
        latency_ms: columns.optional_narrow()?,
        at: columns.time()?,
        failure: failure(columns)?,
        since: columns.optional_time()?,
    })
}
