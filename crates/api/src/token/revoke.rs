//! `DELETE /token/{tokenId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_model::id::TokenId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/token/{tokenId}");

/// Ends one of the caller's sessions or API tokens immediately.
#[utoipa::path(
    delete,
    path = "/token/{tokenId}",
    tag = "Tokens",
    operation_id = "revokeToken",
    security(("bearer" = [])),
    params(("tokenId" = String, Path, format = "uuid", description = "The session or API token")),
    responses(
        (status = 200, description = "Ended", body = Done),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn revoke(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<TokenId>,
) -> ApiResult<Json<Done>> {
    state.control().revoke_token(&caller, id).await?;
    Ok(Json(Done::YES))
}
