//! `GET /organization/{orgId}/inventory`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::inventory::OrganizationInventory;
use bucketry_model::id::OrgId;

use super::answer::schedule_info;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/organization/{orgId}/inventory");

/// Returns when the organization's buckets are measured, except those with a separate setting.
#[utoipa::path(
    get,
    path = "/organization/{orgId}/inventory",
    tag = "Buckets",
    operation_id = "organizationInventory",
    security(("bearer" = [])),
    params(("orgId" = String, Path, format = "uuid", description = "The caller's organization")),
    responses(
        (status = 200, description = "The schedule", body = OrganizationInventory),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn read(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<OrgId>,
) -> ApiResult<Json<OrganizationInventory>> {
    let schedule = state.control().organization_inventory(&caller, id).await?;
    Ok(Json(OrganizationInventory { success: true, schedule: schedule.map(schedule_info) }))
}
