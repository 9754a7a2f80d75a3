//! `GET /organization/{orgId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::moment::Moment;
use bucketry_api_types::organization::{OrganizationAnswer, OrganizationData};
use bucketry_model::id::OrgId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/organization/{orgId}");

/// Returns the caller's organization.
#[utoipa::path(
    get,
    path = "/organization/{orgId}",
    tag = "Users",
    operation_id = "readOrganization",
    security(("bearer" = [])),
    params(("orgId" = String, Path, format = "uuid", description = "The caller's organization")),
    responses((status = 200, description = "The organization", body = OrganizationAnswer), Signed, InOrganization),
)]
pub(crate) async fn read(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<OrgId>,
) -> ApiResult<Json<OrganizationAnswer>> {
    let view = state.control().own_organization(&caller, id).await?;
    let organization = view.organization;
    let data = OrganizationData {
        id,
        name: organization.name.as_str().to_owned(),
        deleted_at: None,
        created_at: Moment(organization.created_at),
        bucket_count: organization.bucket_count,
        bucket_quota: organization.bucket_quota,
        aws_external_id: view.aws_external_id,
    };
    Ok(Json(OrganizationAnswer { success: true, data }))
}
