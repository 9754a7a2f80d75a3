//! `/token`: the caller's sessions and personal API tokens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::moment::Moment;
use bucketry_api_types::outcome::Done;
use bucketry_api_types::token::{NewTokenRequest, Token, TokenCreated, TokenList, TokenType};
use bucketry_control::ids::read_id;
use bucketry_control::tokens::NewApiToken;
use bucketry_control::{Control, ResourceKind};
use bucketry_model::id::TokenId;
use bucketry_model::role::Caller;
use bucketry_store::token::{TokenKind, TokenRecord};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::error::{ApiError, ApiResult};
use crate::idempotency::{self, Created};
use crate::openapi::{BadRequest, InOrganization, Repeatable, Signed, WithBody};
use crate::pagination::{self, Frame, Source};
use crate::params::{Params, PathId};
use crate::state::ApiState;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

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
/// With either, it may only be used for data.
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
async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    headers: HeaderMap,
    JsonBody { value, bytes }: JsonBody<NewTokenRequest>,
) -> ApiResult<Response> {
    let input = read_new(value)?;
    let authorize = state.control().authorize_token(&caller, &input);
    let (control, creator, new) = (state.control().clone(), Arc::clone(&caller), input.clone());
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

struct Tokens {
    control: Control,
    caller: Arc<Caller>,
}

impl Source for Tokens {
    type Entry = (TokenRecord, bool);
    type Position = TokenId;

    async fn read(&self, after: Option<TokenId>, limit: u32) -> ApiResult<Vec<Self::Entry>> {
        let tokens = self.control.tokens(&self.caller).await?;
        let rest = match after {
            None => 0,
            Some(last) => tokens.iter().position(|token| token.id == last).map_or(tokens.len(), |at| at + 1),
        };
        let current = self.caller.token_id;
        let page = tokens.into_iter().skip(rest).take(limit as usize);
        Ok(page
            .map(|token| {
                let is_current = token.id == current;
                (token, is_current)
            })
            .collect())
    }

    fn position(entry: &Self::Entry) -> TokenId {
        entry.0.id
    }

    fn show((token, current): &Self::Entry) -> impl Serialize {
        Token {
            id: token.id,
            kind: match token.kind {
                TokenKind::Session => TokenType::Session,
                TokenKind::Api => TokenType::Api,
            },
            name: token.name.clone(),
            workspace_id: token.scope.and_then(|scope| scope.workspace_id),
            role: token.scope.map(|scope| scope.role),
            created_at: Moment(token.created_at),
            last_used_at: token.last_used_at.map(Moment),
            expires_at: token.expires_at.map(Moment),
            current: *current,
        }
    }
}

/// Lists the caller's sessions and API tokens.
#[utoipa::path(
    get,
    path = "/token",
    tag = "Tokens",
    operation_id = "listTokens",
    security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The tokens", body = TokenList),
        Signed, BadRequest,
    ),
)]
async fn list(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let source = Tokens { control: state.control().clone(), caller };
    pagination::answer(source, Frame::Named("tokens"), params.page()?).await
}

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
async fn revoke(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<TokenId>,
) -> ApiResult<Json<Done>> {
    state.control().revoke_token(&caller, id).await?;
    Ok(Json(Done::YES))
}
