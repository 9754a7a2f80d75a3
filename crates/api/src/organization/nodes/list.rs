//! `GET /organization/{orgId}/nodes`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::node::NodeList;
use bucketry_control::presence::NodeView;
use bucketry_model::id::{NodeId, OrgId};
use serde::Serialize;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::node::answer::registered_node;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::{Params, PathId};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/organization/{orgId}/nodes");

/// The organization's nodes, read at once because they are few.
struct PrivateNodes(Vec<NodeView>);

impl Source for PrivateNodes {
    type Entry = NodeView;
    type Position = NodeId;

    async fn read(&self, after: Option<NodeId>, limit: u32) -> ApiResult<Vec<NodeView>> {
        let is_after = |view: &&NodeView| after.is_none_or(|last| view.node.id < last);
        Ok(self.0.iter().filter(is_after).take(limit as usize).cloned().collect())
    }

    fn position(entry: &NodeView) -> NodeId {
        entry.node.id
    }

    fn show(entry: &NodeView) -> impl Serialize {
        registered_node(entry)
    }
}

/// Lists the organization's own nodes, newest first.
///
/// Nodes of the deployment are not among them; `GET /node` lists both.
#[utoipa::path(
    get,
    path = "/organization/{orgId}/nodes",
    tag = "Nodes",
    operation_id = "listOrganizationNodes",
    security(("bearer" = [])),
    params(
        ("orgId" = String, Path, format = "uuid", description = "The caller's organization"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses((status = 200, description = "The nodes", body = NodeList), Signed, InOrganization, BadRequest),
)]
pub(crate) async fn list(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<OrgId>,
    params: Params,
) -> ApiResult<Response> {
    let nodes = state.control().private_nodes(&caller, id).await?;
    pagination::answer(PrivateNodes(nodes), Frame::Counted("data"), params.page()?).await
}
