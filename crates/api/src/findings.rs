//! `GET /findings`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::finding::{FindingInfo, FindingList};
use bucketry_api_types::moment::Moment;
use bucketry_model::finding::Finding;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, Signed};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/findings");

fn info(finding: Finding) -> FindingInfo {
    FindingInfo {
        code: finding.key.code,
        severity: finding.severity,
        subject: finding.key.subject,
        id: finding.key.id,
        name: finding.name,
        workspace_id: finding.workspace_id,
        title: finding.title,
        message: finding.sentence,
        command: finding.command,
        since: finding.since.map(Moment),
    }
}

/// Lists what needs attention: OFFLINE buckets, silent nodes, credentials that expire and more.
///
/// The most urgent findings come first. Findings of equal urgency are sorted by age, oldest first. A finding that another
/// one explains is left out: the list contains a silent node, and not the buckets that no other node serves. Outages are
/// listed only after they have lasted for some time. Callers see findings about buckets in the workspaces that they may
/// see, and about nodes; administrators also see those about the organization.
#[utoipa::path(
    get,
    path = "/findings",
    tag = "Statistics",
    operation_id = "listFindings",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The findings", body = FindingList),
        Signed, BadRequest,
    ),
)]
pub(crate) async fn findings(
    caller: Authenticated,
    State(state): State<ApiState>,
    _: Params,
) -> ApiResult<Json<FindingList>> {
    let report = state.control().finding_report(&caller).await?;
    let findings = report.findings.into_iter().map(info).collect();
    Ok(Json(FindingList { success: true, findings, more: report.more }))
}
