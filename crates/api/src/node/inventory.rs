//! `POST /node/inventory`.

use axum::Json;
use axum::extract::State;
use bucketry_model::node_protocol::InventoryOrders;
use serde_json::Value;
use utoipa::ToSchema;

use super::message::{NodeMessageSchema, refuse};
use crate::body::SignedBody;
use crate::caller::Visitor;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{Anytime, NodeRefused, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json(
    "/node/inventory",
    r#"{ "ip": "stranger", "timestamp": 1, "signature": "none" }"#,
);

/// Walks for a node. `docs/nodes.md` describes the members.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, written by the protocol's own type")]
#[schema(as = InventoryOrders)]
struct OrdersSchema {
    /// Always true.
    success: bool,
    /// Walks to start.
    walks: Vec<Value>,
    /// The ids of buckets whose walks no longer belong to the node.
    stop: Vec<String>,
}

/// Accepts a node's report of its walks through buckets, and returns further ones.
#[utoipa::path(
    post,
    path = "/node/inventory",
    tag = "Nodes",
    operation_id = "nodeInventory",
    request_body = NodeMessageSchema,
    responses(
        (status = 200, description = "Accepted; the walks to start and to drop", body = OrdersSchema),
        Anytime, NodeRefused, WithBody,
    ),
)]
pub(crate) async fn inventory(
    _: Visitor,
    State(state): State<ApiState>,
    SignedBody(message): SignedBody,
) -> ApiResult<Json<InventoryOrders>> {
    Ok(Json(state.control().inventory_report(message).await.map_err(refuse)?))
}
