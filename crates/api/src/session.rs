//! Logging in and out, refreshing sessions, registering organizations.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_api_types::session::{
    Login, NewOrganizationRequest, RefreshToken, RefreshedSession, Session, SessionUser,
};
use bucketry_control::organizations::Registration;
use bucketry_control::sessions::LoggedIn;
use bucketry_model::secret::Secret;
use bucketry_web::login_guard::network;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::UnauthenticatedJson;
use crate::caller::{Newcomer, Visitor};
use crate::error::{ApiError, ApiResult};
use crate::openapi::{Anytime, Forbidden, Refused, WithBody};
use crate::state::ApiState;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(register))
}

fn session_of(session: LoggedIn) -> Session {
    let user = session.user;
    Session {
        success: true,
        access_token: Secret::new(session.access_token),
        refresh_token: session.refresh_token,
        token_id: session.token_id,
        expires_at: session.expires_at.as_second(),
        user: SessionUser {
            id: user.id,
            email: user.email,
            name: user.first_name.as_str().to_owned(),
            last_name: user.last_name.as_str().to_owned(),
            org_id: user.org_id,
            org_role: user.org_role.number(),
        },
    }
}

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
async fn login(
    Newcomer(address): Newcomer,
    State(state): State<ApiState>,
    UnauthenticatedJson { value: login, .. }: UnauthenticatedJson<Login>,
) -> ApiResult<Json<Session>> {
    let network = address.map(network);
    let attempt = match state.limits() {
        Some(limits) => Some(limits.admit_login(state.control(), &login.email, network.as_deref()).await?),
        None => None,
    };
    let device = login.device_info.map(|info| info.0);
    let session = state.control().login_from(&login.email, login.password, device.as_deref(), network).await;
    if let Some(attempt) = attempt
        && !matches!(session, Err(bucketry_control::Error::Login(_)))
    {
        attempt.refund();
    }
    Ok(Json(session_of(session?)))
}

fn read_token(given: RefreshToken) -> ApiResult<Secret> {
    given
        .refresh_token
        .or(given.refresh_token_again)
        .ok_or_else(|| ApiError::field("refreshToken", "is required"))
}

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
async fn refresh(
    _: Newcomer,
    State(state): State<ApiState>,
    UnauthenticatedJson { value, .. }: UnauthenticatedJson<RefreshToken>,
) -> ApiResult<Json<RefreshedSession>> {
    let session = session_of(state.control().refresh(&read_token(value)?).await?);
    Ok(Json(RefreshedSession { token: session.access_token.clone(), session }))
}

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
async fn logout(
    _: Visitor,
    State(state): State<ApiState>,
    UnauthenticatedJson { value, .. }: UnauthenticatedJson<RefreshToken>,
) -> ApiResult<Json<Done>> {
    state.control().logout(&read_token(value)?).await?;
    Ok(Json(Done::YES))
}

/// Registers an organization and logs in its owner.
///
/// 403 `REGISTRATION_CLOSED` unless the deployment allows open registration.
#[utoipa::path(
    post,
    path = "/user/register",
    tag = "Sessions",
    operation_id = "register",
    request_body = NewOrganizationRequest,
    responses(
        (status = 201, description = "Registered and logged in", body = Session),
        Anytime, Forbidden, WithBody,
    ),
)]
async fn register(
    _: Newcomer,
    State(state): State<ApiState>,
    UnauthenticatedJson { value: new, .. }: UnauthenticatedJson<NewOrganizationRequest>,
) -> ApiResult<(StatusCode, Json<Session>)> {
    let registration = Registration {
        email: new.email,
        password: new.password,
        first_name: new.first_name,
        last_name: new.last_name,
        company_name: new.company_name,
    };
    let session = state.control().register(registration).await?;
    Ok((StatusCode::CREATED, Json(session_of(session))))
}
