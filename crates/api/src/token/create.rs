//! `POST /token`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::token::{NewTokenRequest, TokenCreated};
use bucketry_control::ResourceKind;
use bucketry_control::ids::read_id;
use bucketry_control::tokens::NewApiToken;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::idempotency::{self, Created};
use crate::openapi::{InOrganization, Repeatable, Signed, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json("/token", r#"{ "name": "{name}" }"#);

fn read_new(new: NewTokenRequest) -> ApiResult<NewApiToken> {
    let given = |text: &String| !text.trim().is_empty();
    let expires_at = new.expires_at.filter(given).map(|text| {
        text.trim().parse::<Timestamp>().map_err(|_| {
            ApiError::field("expiresAt", "must be an RFC 3339 date-time such as 2027-01-31T00:00:00Z")
        })
    });
    let workspace_id = read_id(new.workspace_id.as_deref(), ResourceKind::Workspace)?;
    Ok(NewApiToken { name: new.name, expires_at: expires_at.transpose()?, workspace_id, role: new.role })
}

/// Creates a personal API token.
///
/// The token is returned only once. Without `workspaceId` and `role`, it may do everything that its user may do.
/// With either, it works only for calls about workspaces, buckets, repositories and statistics.
#[utoipa::path(
    post,
    path = "/token",
    tag = "Tokens",
    operation_id = "createToken",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key within 24 hours gets the first result again, without the token")),
    request_body = NewTokenRequest,
    responses(
        (status = 201, description = "Created", body = TokenCreated),
        Signed, InOrganization, WithBody, Repeatable,
    ),
)]
pub(crate) async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    headers: HeaderMap,
    JsonBody { value, bytes }: JsonBody<NewTokenRequest>,
) -> ApiResult<Response> {
    let input = read_new(value)?;
    let authorize = state.control().authorize_token(&caller, &input);
    let (control, creator, new) = (state.control().clone(), caller.clone(), input.clone());
    let work = async move {
        let created = control.create_token(&creator, new).await?;
        let (id, token) = (created.id, Some(created.token));
        Ok(Created {
            status: StatusCode::CREATED,
            answer: TokenCreated { success: true, id, token },
            again: Some(TokenCreated { success: true, id, token: None }),
        })
    };
    idempotency::once(&state, &caller, &headers, "POST /token", &bytes, authorize, work).await
}
