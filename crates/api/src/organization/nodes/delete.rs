//! `DELETE /organization/{orgId}/node/{nodeId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::OrganizationNodePath;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/organization/{orgId}/node/{nodeId}");

/// Deletes a node of the organization.
///
/// Its messages are refused immediately, and it can't register again with a key that exists now: to bring it back,
/// create a key. Needs the organization role ADMINISTRATORS.
#[utoipa::path(
    delete,
    path = "/organization/{orgId}/node/{nodeId}",
    tag = "Nodes",
    operation_id = "deleteOrganizationNode",
    security(("bearer" = [])),
    params(
        ("orgId" = String, Path, format = "uuid", description = "The caller's organization"),
        ("nodeId" = String, Path, format = "uuid", description = "The node"),
    ),
    responses((status = 200, description = "Deleted", body = Message), Signed, InOrganization, BadRequest),
)]
pub(crate) async fn delete(
    caller: Authenticated,
    State(state): State<ApiState>,
    OrganizationNodePath(organization, node): OrganizationNodePath,
) -> ApiResult<Json<Message>> {
    state.control().delete_private_node(&caller, organization, node).await?;
    Ok(Json(Message::new("the node was deleted")))
}
