//! `POST /node/report`.

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
    RequestSample::post_json("/node/report", r#"{ "ip": "stranger", "timestamp": 1, "signature": "none" }"#);

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
pub(crate) async fn report(
    _: Visitor,
    State(state): State<ApiState>,
    SignedBody(message): SignedBody,
) -> ApiResult<Json<Message>> {
    state.control().report(message).await.map_err(refuse)?;
    Ok(Json(Message::new("the report was accepted")))
}
