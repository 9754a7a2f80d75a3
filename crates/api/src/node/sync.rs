//! `GET /node/sync`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{OriginalUri, Query, State};
use bucketry_control::nodes::NodeMessage;
use bucketry_model::node_protocol::SyncAnswer;
use bytes::Bytes;
use http::{StatusCode, Uri};
use serde_json::Value;
use utoipa::ToSchema;

use super::message::refuse;
use crate::caller::Visitor;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{Anytime, NodeRefused};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/node/sync");

/// The longest query of `GET /node/sync`, in bytes, and the most parameters that it may have. The signature covers
/// all of it, so all of it is read before the sender is known.
const LONGEST_QUERY: usize = 8 << 10;
const MOST_PARAMETERS: usize = 32;

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
pub(crate) async fn sync(
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
