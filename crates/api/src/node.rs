//! Nodes: their signed calls, which carry no bearer token, and the list of nodes.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{OriginalUri, Query, State};
use axum::response::Response;
use bucketry_api_types::moment::Moment;
use bucketry_api_types::node::{NodeList, RegisteredNode};
use bucketry_api_types::outcome::Message;
use bucketry_control::nodes::NodeMessage;
use bucketry_control::presence::NodeView;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::node_protocol::SyncAnswer;
use bucketry_model::status::Status;
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
use crate::state::ApiState;

/// The longest query of `GET /node/sync`, in bytes, and the most parameters that it may have. The signature covers
/// all of it, so all of it is read before the sender is known.
const LONGEST_QUERY: usize = 8 << 10;
const MOST_PARAMETERS: usize = 32;
/// The only service that nodes offer so far: storage.
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

/// A signed message of a node. `docs/nodes.md` describes the members of each message and how to sign it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here; the signature also covers unknown members")]
#[schema(as = NodeMessage)]
struct NodeMessageSchema {
    /// The unique name of the node: the host name or address at which its clients reach it.
    #[schema(example = "node-1.example.com")]
    ip: String,
    /// When the message was signed: RFC 3339 text, or Unix milliseconds.
    #[schema(value_type = Value)]
    timestamp: Value,
    /// RSASSA-PKCS1-v1_5 with SHA-256 over method, path and the message as canonical JSON, in base64.
    signature: String,
    /// The organization whose key signs the message. Absent for the deployment's own nodes.
    #[schema(required = false)]
    id_org: Option<String>,
}

/// Registers a node.
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

/// Unregisters a node permanently.
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

/// Accepts a node's heartbeat, with its probes since the last one.
#[utoipa::path(
    post,
    path = "/node/status",
    tag = "Nodes",
    operation_id = "nodeStatus",
    request_body = NodeMessageSchema,
    responses(
        (status = 200, description = "Accepted", body = Message),
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
    Ok(Json(Message::new("the heartbeat was accepted")))
}

/// Accepts a node's report of traffic and of finished jobs.
#[utoipa::path(
    post,
    path = "/node/report",
    tag = "Nodes",
    operation_id = "nodeReport",
    request_body = NodeMessageSchema,
    responses(
        (status = 200, description = "Accepted", body = Message),
        Anytime, NodeRefused, WithBody,
    ),
)]
async fn report(
    _: Visitor,
    State(state): State<ApiState>,
    SignedBody(message): SignedBody,
) -> ApiResult<Json<Message>> {
    state.control().report(message).await.map_err(refuse)?;
    Ok(Json(Message::new("the report was accepted")))
}

/// What a node must serve. `docs/nodes.md` describes the members.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, written by the protocol's own type")]
#[schema(as = SyncAnswer, rename_all = "camelCase")]
struct SyncSchema {
    /// Always true.
    success: bool,
    /// The cursor to send with the next request.
    cursor: String,
    /// Whether this page is part of a full snapshot.
    snapshot: bool,
    /// Whether more changes can be fetched immediately.
    more: bool,
    /// New and changed buckets, with sealed secrets.
    buckets: Vec<Value>,
    /// The ids of buckets that the node must no longer serve.
    removed: Vec<String>,
    /// Jobs for the node, such as validations.
    jobs: Vec<Value>,
}

/// Returns what has changed for a node since its cursor, or waits until something changes.
///
/// The signature covers the query parameters. The call waits at most 25 s, or `wait` seconds if that is less.
#[utoipa::path(
    get,
    path = "/node/sync",
    tag = "Nodes",
    operation_id = "nodeSync",
    params(
        ("ip" = String, Query, description = "The node's unique name"),
        ("timestamp" = String, Query, description = "RFC 3339, or Unix milliseconds"),
        ("signature" = String, Query, description = "The signature over the other parameters, in base64"),
        ("cursor" = Option<String>, Query, description = "The `cursor` of the last response; leave it out to start over"),
        ("wait" = Option<String>, Query, description = "The most seconds to wait for a change"),
        ("id_org" = Option<String>, Query, description = "The organization whose key signs the request"),
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
            let message = "the server is being stopped: try again in a moment";
            Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "SHUTTING_DOWN", message).retry_after(1).for_node())
        }
    }
}

/// The query as the object that was signed. Nothing is left out, because the signature covers every parameter.
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
    let Query(pairs) = pairs
        .map_err(|_| wrong("the query can't be parsed: send URL-encoded name=value pairs".to_owned()))?;
    let text = serde_json::to_vec(&pairs).map_err(ApiError::internal)?;
    Ok(NodeMessage::from(Bytes::from(text)))
}

fn refuse(error: bucketry_control::Error) -> ApiError {
    ApiError::from(error).for_node()
}

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
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
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
