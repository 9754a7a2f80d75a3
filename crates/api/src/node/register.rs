//! `POST /register`.

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
    RequestSample::post_json("/register", r#"{ "ip": "stranger", "timestamp": 1, "signature": "none" }"#);

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
pub(crate) async fn register(
    _: Visitor,
    ClientOrigin(origin): ClientOrigin,
    State(state): State<ApiState>,
    SignedBody(message): SignedBody,
) -> ApiResult<Json<Message>> {
    state.control().register_node(message, origin).await.map_err(refuse)?;
    Ok(Json(Message::new("the node is registered")))
}
