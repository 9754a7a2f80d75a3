//! `GET /node`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::node::NodeList;
use bucketry_control::presence::NodeView;
use serde::Serialize;

use super::answer::{STORAGE, registered_node};
use crate::caller::Authenticated;
use crate::cursor::AfterName;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/node");

/// All nodes, read at once because they are few.
struct Nodes(Vec<NodeView>);

impl Source for Nodes {
    type Entry = NodeView;
    type Position = AfterName;

    async fn read(&self, after: Option<AfterName>, limit: u32) -> ApiResult<Vec<NodeView>> {
        let is_after = |view: &&NodeView| after.as_ref().is_none_or(|last| view.node.name > last.0);
        Ok(self.0.iter().filter(is_after).take(limit as usize).cloned().collect())
    }

    fn position(entry: &NodeView) -> AfterName {
        AfterName(entry.node.name.clone())
    }

    fn show(entry: &NodeView) -> impl Serialize {
        registered_node(entry)
    }
}

/// Lists the nodes that serve the caller's organization.
#[utoipa::path(
    get,
    path = "/node",
    tag = "Nodes",
    operation_id = "listNodes",
    security(("bearer" = [])),
    params(
        ("nodeServices" = Option<u32>, Query, description = "Only nodes that offer any of these services: 1 storage, 2 AI, 4 chat; 0 means all nodes"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The nodes", body = NodeList),
        Signed, BadRequest,
    ),
)]
pub(crate) async fn list(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let wanted = params.number("nodeServices")?.unwrap_or(0);
    let mut nodes = state.control().nodes(&caller).await?;
    nodes.retain(|_| wanted == 0 || wanted & STORAGE != 0);
    nodes.sort_by(|a, b| a.node.name.cmp(&b.node.name));
    pagination::answer(Nodes(nodes), Frame::Counted("data"), params.page()?).await
}
