//! `DELETE /organization/{orgId}/key/{keyId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::OrganizationKeyPath;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/organization/{orgId}/key/{keyId}");

/// Deletes a key of the organization's nodes.
///
/// Nodes that registered with it are removed immediately. Their messages are refused until they register with another
/// key. Needs the organization role ADMINISTRATORS.
#[utoipa::path(
    delete,
    path = "/organization/{orgId}/key/{keyId}",
    tag = "Nodes",
    operation_id = "deleteOrganizationKey",
    security(("bearer" = [])),
    params(
        ("orgId" = String, Path, format = "uuid", description = "The caller's organization"),
        ("keyId" = String, Path, format = "uuid", description = "The key"),
    ),
    responses((status = 200, description = "Deleted", body = Message), Signed, InOrganization),
)]
pub(crate) async fn delete(
    caller: Authenticated,
    State(state): State<ApiState>,
    OrganizationKeyPath(organization, key): OrganizationKeyPath,
) -> ApiResult<Json<Message>> {
    state.control().delete_organization_key(&caller, organization, key).await?;
    Ok(Json(Message::new("the key was deleted")))
}
