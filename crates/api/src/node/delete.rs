//! `DELETE /node/{nodeId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;
use bucketry_model::id::NodeId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::{Params, PathId};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/node/{nodeId}");

/// Deletes a node of the deployment.
///
/// The stored secrets are sealed again without it. It may register again with the deployment's key, and then waits for
/// approval. Needs an OWNER of the deployment's first organization.
#[utoipa::path(
    delete,
    path = "/node/{nodeId}",
    tag = "Nodes",
    operation_id = "deleteNode",
    security(("bearer" = [])),
    params(
        ("nodeId" = String, Path, format = "uuid", description = "The node"),
        ("force" = Option<bool>, Query, description = "Delete the node even if no other one opens the stored secrets"),
    ),
    responses((status = 200, description = "Deleted", body = Message), Signed, InOrganization, BadRequest),
)]
pub(crate) async fn delete(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<NodeId>,
    params: Params,
) -> ApiResult<Json<Message>> {
    let force = match params.text("force")? {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::field("force", "must be true or false")),
    };
    state.control().delete_deployment_node(&caller, id, force).await?;
    Ok(Json(Message::new("the node was deleted")))
}
