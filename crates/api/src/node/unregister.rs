//! `POST /unregister`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;

use super::message::{NodeMessageSchema, refuse};
use crate::body::SignedBody;
use crate::caller::{ClientOrigin, Visitor};
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{Anytime, NodeRefused, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::post_json("/unregister", r#"{ "ip": "stranger", "timestamp": 1, "signature": "none" }"#);

/// Removes a node, until it registers again.
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
pub(crate) async fn unregister(
    _: Visitor,
    ClientOrigin(origin): ClientOrigin,
    State(state): State<ApiState>,
    SignedBody(message): SignedBody,
) -> ApiResult<Json<Message>> {
    state.control().unregister_node(message, origin).await.map_err(refuse)?;
    Ok(Json(Message::new("the node is no longer registered")))
}
