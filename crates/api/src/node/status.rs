//! `POST /node/status`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;

use super::message::{NodeMessageSchema, refuse};
use crate::body::SignedBody;
use crate::caller::Visitor;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{Anytime, NodeRefused, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::post_json("/node/status", r#"{ "ip": "stranger", "timestamp": 1, "signature": "none" }"#);

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
pub(crate) async fn status(
    _: Visitor,
    State(state): State<ApiState>,
    SignedBody(message): SignedBody,
) -> ApiResult<Json<Message>> {
    let probes = state.control().heartbeat(message).await.map_err(refuse)?;
    state.metrics().heartbeat(probes);
    Ok(Json(Message::new("the heartbeat was accepted")))
}
