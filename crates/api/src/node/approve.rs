//! `POST /node/{nodeId}/approval`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::node::ApproveNode;
use bucketry_api_types::outcome::Message;
use bucketry_model::id::NodeId;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json(
    "/node/{nodeId}/approval",
    r#"{ "recipient": "age13cktma0auwd9v32qnr6fgmlksfrhrc40x9z5ljhmaylf7vscdu8qcnd0cw" }"#,
);

/// Approves a node: new secrets are sealed to its public key, and nodes that can open the stored ones seal them again.
///
/// Compare the key with the one that the node logs at its start. Needs the organization role OWNER: in the deployment's
/// first organization for nodes that serve all organizations, in the organization for its own nodes.
#[utoipa::path(
    post,
    path = "/node/{nodeId}/approval",
    tag = "Nodes",
    operation_id = "approveNode",
    security(("bearer" = [])),
    params(("nodeId" = String, Path, format = "uuid", description = "The node")),
    request_body = ApproveNode,
    responses((status = 200, description = "Approved", body = Message), Signed, InOrganization, WithBody),
)]
pub(crate) async fn approve(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<NodeId>,
    JsonBody { value: body, .. }: JsonBody<ApproveNode>,
) -> ApiResult<Json<Message>> {
    state.control().approve_node(&caller, id, body.recipient.trim()).await?;
    Ok(Json(Message::new("the node was approved")))
}
