//! `GET /node`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::moment::Moment;
use bucketry_api_types::node::{NodeList, RegisteredNode};
use bucketry_control::presence::NodeView;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::status::Status;
use serde::Serialize;

use crate::caller::Authenticated;
use crate::cursor::AfterName;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/node");

/// The only service that nodes offer so far: storage.
const STORAGE: u32 = 1;

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
        let node = &entry.node;
        RegisteredNode {
            id: node.id,
            ip: node.name.clone(),
            region: node.region.clone(),
            version: node.version.clone(),
            status: if entry.connected { Status::Online } else { Status::Disconnected },
            last_updated: Moment(node.last_seen),
            url: entry
                .gateway_url
                .as_ref()
                .map_or_else(|| format!("https://{}", node.name), Endpoint::to_string),
            gateway_url: entry.gateway_url.clone(),
            id_org: node.org_id,
            node_services: STORAGE,
        }
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
