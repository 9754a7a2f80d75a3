//! Logging in and out, refreshing sessions, registering organizations.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_control::organizations::Registration;
use bucketry_control::sessions::LoggedIn;
use bucketry_model::canonical_text::CompactText;
use bucketry_model::id::{OrgId, TokenId, UserId};
use bucketry_model::secret::Secret;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::UnauthenticatedJson;
use crate::caller::{Newcomer, Visitor};
use crate::error::{ApiError, ApiResult};
use crate::login_guard::network;
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

/// The largest `deviceInfo`, in bytes.
const DEVICE_INFO_LIMIT: usize = 4 << 10;

/// Credentials to log in with.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Login {
    /// The user's e-mail address.
    #[schema(max_length = 254, example = "owner@example.com")]
    email: String,
    /// The user's password.
    #[schema(value_type = String, format = Password, write_only, max_length = 1024)]
    password: Secret,
    /// The session's name in the list of tokens: any JSON value of at most 4 KiB. A string is used without its
    /// quotes.
    #[schema(value_type = Option<Object>)]
    device_info: Option<CompactText<DEVICE_INFO_LIMIT>>,
}

/// The account that a session belongs to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionUser {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    /// The user's e-mail address.
    email: String,
    /// First name.
    name: String,
    /// Last name.
    last_name: String,
    /// The organization that the user belongs to.
    #[schema(value_type = String, format = "uuid")]
    org_id: OrgId,
    /// The role in the organization: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    org_role: u8,
}

/// A session and its tokens.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Session {
    /// Always true.
    success: bool,
    /// The token for the header `Authorization: Bearer …`.
    access_token: String,
    /// The token to exchange at `/user/refresh` once the access token has expired. It can be used once.
    refresh_token: String,
    /// The session's id.
    #[schema(value_type = String, format = "uuid")]
    token_id: TokenId,
    /// When the access token expires, in Unix seconds.
    expires_at: i64,
    /// The user who logged in.
    user: SessionUser,
}

impl From<LoggedIn> for Session {
    fn from(session: LoggedIn) -> Self {
        let user = session.user;
        Self {
            success: true,
            access_token: session.access_token,
            refresh_token: session.refresh_token.expose().to_owned(),
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
        Some(limits) => Some(limits.logins().admit(state.control(), &login.email, network.as_deref()).await?),
        None => None,
    };
    let device = login.device_info.map(|info| info.0);
    let session = state.control().login_from(&login.email, login.password, device.as_deref(), network).await;
    if let Some(attempt) = attempt
        && !matches!(session, Err(bucketry_control::Error::Login(_)))
    {
        attempt.refund();
    }
    Ok(Json(session?.into()))
}

/// A refreshed session.
#[derive(Serialize, ToSchema)]
struct RefreshedSession {
    /// The same as `accessToken`, under the name that the public client reads.
    token: String,
    #[serde(flatten)]
    session: Session,
}

/// A refresh token, under either of its names.
#[derive(Deserialize, ToSchema)]
struct RefreshToken {
    /// The refresh token.
    #[serde(rename = "refreshToken")]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    refresh_token: Option<Secret>,
    /// The same, under the name that the public client sends.
    #[serde(rename = "refresh_token")]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    refresh_token_again: Option<Secret>,
}

impl RefreshToken {
    fn read(self) -> ApiResult<Secret> {
        self.refresh_token
            .or(self.refresh_token_again)
            .ok_or_else(|| ApiError::field("refreshToken", "is required"))
    }
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
    let session = Session::from(state.control().refresh(&value.read()?).await?);
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
    state.control().logout(&value.read()?).await?;
    Ok(Json(Done::YES))
}

/// An organization to register, with its owner.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewOrganization {
    /// The owner's e-mail address.
    #[schema(max_length = 254, example = "owner@example.com")]
    email: String,
    /// The owner's password: at least 8 characters, with upper-case and lower-case letters and digits.
    #[schema(value_type = String, format = Password, write_only, min_length = 8, max_length = 1024)]
    password: Secret,
    /// The owner's first name.
    #[schema(min_length = 1, max_length = 255)]
    first_name: String,
    /// The owner's last name.
    #[schema(min_length = 1, max_length = 255)]
    last_name: String,
    /// The organization's name.
    #[schema(min_length = 1, max_length = 255)]
    company_name: String,
}

/// Registers an organization and logs in its owner.
///
/// 403 `REGISTRATION_CLOSED` unless the deployment allows open registration.
#[utoipa::path(
    post,
    path = "/user/register",
    tag = "Sessions",
    operation_id = "register",
    request_body = NewOrganization,
    responses(
        (status = 201, description = "Registered and logged in", body = Session),
        Anytime, Forbidden, WithBody,
    ),
)]
async fn register(
    _: Newcomer,
    State(state): State<ApiState>,
    UnauthenticatedJson { value: new, .. }: UnauthenticatedJson<NewOrganization>,
) -> ApiResult<(StatusCode, Json<Session>)> {
    let registration = Registration {
        email: new.email,
        password: new.password,
        first_name: new.first_name,
        last_name: new.last_name,
        company_name: new.company_name,
    };
    let session = state.control().register(registration).await?;
    Ok((StatusCode::CREATED, Json(session.into())))
}
