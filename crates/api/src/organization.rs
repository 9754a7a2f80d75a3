//! `/organization/{orgId}`: the caller's organization.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::moment::Moment;
use bucketry_model::id::OrgId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

/// The routes. axum prefers `/organization/users` to `/organization/{orgId}`.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(read))
}

/// The caller's organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OrganizationAnswer {
    /// Always true.
    success: bool,
    /// The organization.
    data: OrganizationData,
}

/// An organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OrganizationData {
    /// The organization's id.
    #[schema(value_type = String, format = "uuid")]
    id: OrgId,
    /// The organization's name.
    #[schema(example = "default")]
    name: String,
    /// Always null: removed organizations are not shown.
    deleted_at: Option<Moment>,
    /// When the organization was created.
    created_at: Moment,
    /// The number of registered buckets.
    bucket_count: u64,
    /// The most buckets that the organization may register; null where there is no limit.
    bucket_quota: Option<u64>,
    /// The external id that trust policies of the organization's AWS roles must require (`sts:ExternalId`). No
    /// other organization of this deployment can have a role assumed with it.
    #[schema(example = "bucketry-0f3b6c0a7f6e4a1c9d5e2b8471c6a0d9e3f5b7c8")]
    aws_external_id: String,
}

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
async fn read(
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
