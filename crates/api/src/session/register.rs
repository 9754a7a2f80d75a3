//! `POST /user/register`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::session::{NewOrganizationRequest, Session};
use bucketry_control::organizations::Registration;
use http::StatusCode;

use super::answer::session_of;
use crate::body::UnauthenticatedJson;
use crate::caller::{ClientOrigin, Newcomer};
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{Anytime, Forbidden, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json(
    "/user/register",
    r#"{ "email": "{email}", "password": "{password}", "firstName": "A", "lastName": "B", "companyName": "C" }"#,
);

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
pub(crate) async fn register(
    _: Newcomer,
    ClientOrigin(origin): ClientOrigin,
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
    let session = state.control().register(registration, origin).await?;
    Ok((StatusCode::CREATED, Json(session_of(session))))
}
