//! `POST /user/login`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::session::{Login, Session};
use bucketry_web::login_guard::network;

use super::answer::session_of;
use crate::body::UnauthenticatedJson;
use crate::caller::{ClientOrigin, Newcomer};
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{Anytime, Refused, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::post_json("/user/login", r#"{ "email": "{owner}", "password": "{password}" }"#);

/// Logs in.
///
/// A failed login is 401 `USER_NOT_FOUND`, `INVALID_PASSWORD` or `NO_PASSWORD_SET`. Attempts are limited per
/// address, and failed ones also per account and network. If the password is a one-time password, the session can
/// only change it, with `PUT /user/{userId}`: other calls are 403 `PASSWORD_CHANGE_REQUIRED`.
#[utoipa::path(
    post,
    path = "/user/login",
    tag = "Sessions",
    operation_id = "login",
    request_body = Login,
    responses(
        (status = 200, description = "Logged in", body = Session),
        Anytime, Refused, WithBody,
    ),
)]
pub(crate) async fn login(
    Newcomer(address): Newcomer,
    ClientOrigin(origin): ClientOrigin,
    State(state): State<ApiState>,
    UnauthenticatedJson { value: login, .. }: UnauthenticatedJson<Login>,
) -> ApiResult<Json<Session>> {
    let network = address.map(network);
    let attempt = match state.limits() {
        Some(limits) => Some(limits.admit_login(state.control(), &login.email, network.as_deref()).await?),
        None => None,
    };
    let device = login.device_info.map(|info| info.0);
    let session =
        state.control().login_from(&login.email, login.password, device.as_deref(), network, origin).await;
    match attempt {
        Some(attempt) if matches!(session, Err(bucketry_control::Error::Login(_))) => attempt.fail().await,
        Some(attempt) => attempt.refund(),
        None => {}
    }
    Ok(Json(session_of(session?)))
}
