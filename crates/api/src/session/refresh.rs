//! `POST /user/refresh`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::session::{RefreshToken, RefreshedSession};

use super::answer::session_of;
use super::input::read_token;
use crate::body::UnauthenticatedJson;
use crate::caller::{ClientOrigin, Newcomer};
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{Anytime, Refused, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::post_json("/user/refresh", r#"{ "refreshToken": "unknown" }"#);

/// Exchanges a refresh token for a new pair of tokens.
///
/// Accepts both `refreshToken` and `refresh_token`. Using a refresh token twice ends the session, because somebody
/// else may have a copy. A session that has reached the longest lifetime that the deployment allows can't be
/// refreshed.
#[utoipa::path(
    post,
    path = "/user/refresh",
    tag = "Sessions",
    operation_id = "refresh",
    request_body = RefreshToken,
    responses(
        (status = 200, description = "The session continues", body = RefreshedSession),
        Anytime, Refused, WithBody,
    ),
)]
pub(crate) async fn refresh(
    _: Newcomer,
    ClientOrigin(origin): ClientOrigin,
    State(state): State<ApiState>,
    UnauthenticatedJson { value, .. }: UnauthenticatedJson<RefreshToken>,
) -> ApiResult<Json<RefreshedSession>> {
    let session = session_of(state.control().refresh(&read_token(value)?, origin).await?);
    Ok(Json(RefreshedSession { token: session.access_token.clone(), session }))
}
