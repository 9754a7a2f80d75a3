//! `PUT /organization/{orgId}/inventory`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::inventory::{InventoryChanges, InventoryMode, OrganizationInventory};
use bucketry_model::id::OrgId;

use super::answer::schedule_info;
use super::input;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::put_json("/organization/{orgId}/inventory", r#"{ "everyHours": 24 }"#);

/// Sets when the organization's buckets are measured, except those with a separate setting.
///
/// Needs the organization role ADMINISTRATORS. `{"mode": "OFF"}` removes the schedule.
#[utoipa::path(
    put,
    path = "/organization/{orgId}/inventory",
    tag = "Buckets",
    operation_id = "setOrganizationInventory",
    security(("bearer" = [])),
    params(("orgId" = String, Path, format = "uuid", description = "The caller's organization")),
    request_body = InventoryChanges,
    responses(
        (status = 200, description = "Changed", body = OrganizationInventory),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn change(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<OrgId>,
    ChangeBody { value }: ChangeBody<InventoryChanges>,
) -> ApiResult<Json<OrganizationInventory>> {
    let schedule = match value.mode {
        Some(InventoryMode::Organization) => {
            return Err(ApiError::field("mode", "must be OWN or OFF: an organization has nothing to follow"));
        }
        Some(InventoryMode::Off) => None,
        Some(InventoryMode::Own) | None => Some(input::schedule(value)),
    };
    let schedule = state.control().set_organization_inventory(&caller, id, schedule.as_ref()).await?;
    Ok(Json(OrganizationInventory { success: true, schedule: schedule.map(schedule_info) }))
}
