//! `POST /user/logout`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_api_types::session::RefreshToken;

use super::input::read_token;
use crate::body::UnauthenticatedJson;
use crate::caller::{ClientOrigin, Visitor};
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{Anytime, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::post_json("/user/logout", r#"{ "refreshToken": "unknown" }"#);

/// Ends a session.
///
/// The session's access tokens stop working immediately. Ending a session that has already ended is not an error.
#[utoipa::path(
    post,
    path = "/user/logout",
    tag = "Sessions",
    operation_id = "logout",
    request_body = RefreshToken,
    responses(
        (status = 200, description = "Ended", body = Done),
        Anytime, WithBody,
    ),
)]
pub(crate) async fn logout(
    _: Visitor,
    ClientOrigin(origin): ClientOrigin,
    State(state): State<ApiState>,
    UnauthenticatedJson { value, .. }: UnauthenticatedJson<RefreshToken>,
) -> ApiResult<Json<Done>> {
    state.control().logout(&read_token(value)?, origin).await?;
    Ok(Json(Done::YES))
}
