//! Nodes: what they say (signed, without a bearer token), and the list of them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{OriginalUri, Query, State};
use axum::response::Response;
use bucketry_control::nodes::NodeMessage;
use bucketry_control::presence::NodeView;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::node_protocol::SyncAnswer;
use bytes::Bytes;
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::SignedBody;
use crate::caller::{Authenticated, Visitor};
use crate::cursor::AfterName;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{Anytime, BadRequest, NodeRefused, Signed, WithBody};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::schema::{Message, Moment};
use crate::state::ApiState;

/// The longest query of `GET /node/sync`, in bytes, and how many parameters it may have: all of it is signed, so all of
/// it is read before anybody knows who sent it.
const LONGEST_QUERY: usize = 8 << 10;
const MOST_PARAMETERS: usize = 32;
/// The one service that nodes give today: storage.
const STORAGE: u32 = 1;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(unregister))
        .routes(routes!(status))
        .routes(routes!(report))
        .routes(routes!(sync))
        .routes(routes!(list))
}

/// A signed message of a node. `docs/nodes.md` tells the members of each and how to sign.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here; the signature covers members that are not known too")]
#[schema(as = NodeMessage)]
struct NodeMessageSchema {
    /// The node's unique name: a host name or address that its clients reach it by.
    #[schema(example = "node-1.example.com")]
    ip: String,
    /// RFC 3339 text, or Unix milliseconds.
    #[schema(value_type = Value)]
    timestamp: Value,
    /// RSASSA-PKCS1-v1_5 with SHA-256 over method, path and the message as canonical JSON, in base64.
    signature: String,
    /// The organization whose key signs; absent for the deployment's own nodes.
    #[schema(required = false)]
    id_org: Option<String>,
}

/// A node says who it is.
#[utoipa::path(
    post,
    path = "/register",
    tag = "Nodes",
    operation_id = "registerNode",
    request_body = NodeMessageSchema,
    responses(
        (status = 200, description = "Registered", body = Message),
        Anytime, NodeRefused, WithBody,
    ),
)]
async fn register(
    _: Visitor,
    State(state): State<ApiState>,
    SignedBody(message): SignedBody,
) -> ApiResult<Json<Message>> {
    state.control().register_node(message).await.map_err(refuse)?;
    Ok(Json(Message::new("the node is registered")))
}

/// A node leaves for good.
#[utoipa::path(
    post,
    path = "/unregister",
    tag = "Nodes",
    operation_id = "unregisterNode",
    request_body = NodeMessageSchema,
    responses(
        (status = 200, description = "Removed", body = Message),
        Anytime, NodeRefused, WithBody,
    ),
)]
async fn unregister(
    _: Visitor,
    State(state): State<ApiState>,
    SignedBody(message): SignedBody,
) -> ApiResult<Json<Message>> {
    state.control().unregister_node(message).await.map_err(refuse)?;
    Ok(Json(Message::new("the node is no longer registered")))
}

/// A node's heartbeat, with the probes made since the last one.
#[utoipa::path(
    post,
    path = "/node/status",
    tag = "Nodes",
    operation_id = "nodeStatus",
    request_body = NodeMessageSchema,
    responses(
        (status = 200, description = "Taken", body = Message),
        Anytime, NodeRefused, WithBody,
    ),
)]
async fn status(
    _: Visitor,
    State(state): State<ApiState>,
    SignedBody(message): SignedBody,
) -> ApiResult<Json<Message>> {
    let probes = state.control().heartbeat(message).await.map_err(refuse)?;
    state.metrics().heartbeat(probes);
    Ok(Json(Message::new("the heartbeat was taken")))
}

/// A node's report of traffic and of finished jobs.
#[utoipa::path(
    post,
    path = "/node/report",
    tag = "Nodes",
    operation_id = "nodeReport",
    request_body = NodeMessageSchema,
    responses(
        (status = 200, description = "Taken", body = Message),
        Anytime, NodeRefused, WithBody,
    ),
)]
async fn report(
    _: Visitor,
    State(state): State<ApiState>,
    SignedBody(message): SignedBody,
) -> ApiResult<Json<Message>> {
    state.control().report(message).await.map_err(refuse)?;
    Ok(Json(Message::new("the report was taken")))
}

/// What a node is to serve. `docs/nodes.md` tells its members.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, written by the protocol's own type")]
#[schema(as = SyncAnswer, rename_all = "camelCase")]
struct SyncSchema {
    /// Always true.
    success: bool,
    /// What to send next time.
    cursor: String,
    /// Whether this page is part of a snapshot.
    snapshot: bool,
    /// Whether there is more to fetch at once.
    more: bool,
    /// New and changed buckets, their secrets sealed.
    buckets: Vec<Value>,
    /// Buckets that are gone.
    removed: Vec<String>,
    /// Work to be done.
    jobs: Vec<Value>,
}

/// What changed for a node since its cursor: at once if anything did, else as soon as something does.
///
/// Signed over the query's parameters. Waits at most 25 s, less if `wait` says so.
#[utoipa::path(
    get,
    path = "/node/sync",
    tag = "Nodes",
    operation_id = "nodeSync",
    params(
        ("ip" = String, Query, description = "The node's unique name"),
        ("timestamp" = String, Query, description = "RFC 3339, or Unix milliseconds"),
        ("signature" = String, Query, description = "Base64"),
        ("cursor" = Option<String>, Query, description = "What the last answer told; nothing to start over"),
        ("wait" = Option<String>, Query, description = "How many seconds to wait for news at most"),
        ("id_org" = Option<String>, Query, description = "The organization whose key signs"),
    ),
    responses(
        (status = 200, description = "What changed", body = SyncSchema),
        Anytime, NodeRefused,
    ),
)]
async fn sync(
    _: Visitor,
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
) -> ApiResult<Json<SyncAnswer>> {
    let message = signed_query(&uri)?;
    tokio::select! {
        answer = state.control().sync(message) => Ok(Json(answer.map_err(refuse)?)),
        () = state.closing().cancelled() => {
            let message = "the server is being stopped: ask again in a moment";
            Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "SHUTTING_DOWN", message).retry_after(1).for_node())
        }
    }
}

/// The query as the object that was signed. Nothing is left out of it: the signature covers every parameter.
fn signed_query(uri: &Uri) -> ApiResult<NodeMessage> {
    let wrong =
        |message: String| ApiError::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message).for_node();
    let query = uri.query().unwrap_or_default();
    if query.len() > LONGEST_QUERY || query.split('&').count() > MOST_PARAMETERS {
        return Err(wrong(format!(
            "the query must be at most {LONGEST_QUERY} bytes long and have at most {MOST_PARAMETERS} parameters"
        )));
    }
    let pairs = Query::<BTreeMap<String, String>>::try_from_uri(uri);
    let Query(pairs) = pairs.map_err(|_| wrong("the query can't be read".to_owned()))?;
    let text = serde_json::to_vec(&pairs).map_err(ApiError::internal)?;
    Ok(NodeMessage::from(Bytes::from(text)))
}

fn refuse(error: bucketry_control::Error) -> ApiError {
    ApiError::from(error).for_node()
}

/// A node.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NodeInfo {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: NodeId,
    /// Its unique name.
    ip: String,
    /// Where it runs.
    region: String,
    /// The version it runs.
    version: String,
    /// ONLINE while it was heard of in the last minute, else DISCONNECTED.
    #[schema(value_type = String, example = "ONLINE")]
    status: &'static str,
    /// When it was last heard of.
    last_updated: Moment,
    /// Where its clients reach it: its gateway, where it has told of one.
    url: String,
    /// Where applications reach its gateway; absent while it has not told of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "https://s3.example.com")]
    gateway_url: Option<Endpoint>,
    /// The organization that it serves; absent for the deployment's own nodes, which serve all.
    #[serde(rename = "id_org", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    id_org: Option<OrgId>,
    /// What it serves, as a bit mask: 1 storage.
    node_services: u32,
}

/// Nodes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, written by `listing`")]
struct NodeList {
    /// Always true.
    success: bool,
    /// The nodes, by name.
    data: Vec<NodeInfo>,
    /// How many there are. Absent where a page was asked for.
    #[schema(required = false)]
    total: Option<u64>,
    /// Where the next page begins; null at the end. Absent where the whole list was asked for.
    #[schema(required = false, rename = "nextCursor")]
    next_cursor: Option<String>,
}

/// Nodes that were read at once: there are few of them.
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
        NodeInfo {
            id: node.id,
            ip: node.name.clone(),
            region: node.region.clone(),
            version: node.version.clone(),
            status: if entry.connected { "ONLINE" } else { "DISCONNECTED" },
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
        ("nodeServices" = Option<u32>, Query, description = "Only nodes that serve any of these: 1 storage, 2 AI, 4 chat; 0 is all"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries of a page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the page before"),
    ),
    responses(
        (status = 200, description = "The nodes", body = NodeList),
        Signed, BadRequest,
    ),
)]
async fn list(caller: Authenticated, State(state): State<ApiState>, params: Params) -> ApiResult<Response> {
    let wanted = params.number("nodeServices")?.unwrap_or(0);
    let mut nodes = state.control().nodes(&caller).await?;
    nodes.retain(|_| wanted == 0 || wanted & STORAGE != 0);
    nodes.sort_by(|a, b| a.node.name.cmp(&b.node.name));
    pagination::answer(Nodes(nodes), Frame::Counted("data"), params.page()?).await
}
