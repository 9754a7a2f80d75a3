//! `/token`: the caller's sessions and personal API tokens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bucketry_control::ids::read_id;
use bucketry_control::tokens::NewApiToken;
use bucketry_control::{Control, ResourceKind};
use bucketry_model::id::{TokenId, WorkspaceId};
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_store::token::{TokenKind, TokenRecord};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::error::{ApiError, ApiResult};
use crate::idempotency::{self, Created};
use crate::openapi::{BadRequest, InOrganization, Repeatable, Signed, WithBody};
use crate::pagination::{self, Frame, Source};
use crate::params::{Params, PathId};
use crate::schema::{Done, Moment, WorkspaceRoleSchema};
use crate::state::ApiState;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// An API token to create.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewToken {
    /// The name of the token, as lists show it.
    #[schema(min_length = 1, max_length = 255, example = "nightly backup")]
    name: String,
    /// When the token expires, as RFC 3339. If it is left out, the token gets the longest lifetime that the
    /// operator allows, or never expires.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The only workspace that the token may be used for.
    #[schema(format = "uuid")]
    workspace_id: Option<String>,
    /// The highest role that the token may use in any workspace.
    #[schema(value_type = Option<WorkspaceRoleSchema>)]
    role: Option<WorkspaceRole>,
}

impl NewToken {
    fn read(self) -> ApiResult<NewApiToken> {
        let given = |text: &String| !text.trim().is_empty();
        let expires_at = self.expires_at.filter(given).map(|text| {
            text.trim().parse::<Timestamp>().map_err(|_| {
                ApiError::field("expiresAt", "must be an RFC 3339 date-time such as 2027-01-31T00:00:00Z")
            })
        });
        let workspace_id = read_id(self.workspace_id.as_deref(), ResourceKind::Workspace)?;
        Ok(NewApiToken {
            name: self.name,
            expires_at: expires_at.transpose()?,
            workspace_id,
            role: self.role,
        })
    }
}

/// A new API token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TokenCreated {
    /// Always true.
    success: bool,
    /// The token's id.
    #[schema(value_type = String, format = "uuid")]
    id: TokenId,
    /// The token itself, `bkt_…`. Returned only once: absent in the response to a repetition.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
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
    request_body = NewToken,
    responses(
        (status = 201, description = "Created", body = TokenCreated),
        Signed, InOrganization, WithBody, Repeatable,
    ),
)]
async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    headers: HeaderMap,
    JsonBody { value, bytes }: JsonBody<NewToken>,
) -> ApiResult<Response> {
    let input = value.read()?;
    let authorize = state.control().authorize_token(&caller, &input);
    let (control, creator, new) = (state.control().clone(), Arc::clone(&caller), input.clone());
    let work = async move {
        let created = control.create_token(&creator, new).await?;
        let (id, token) = (created.id, Some(created.token.expose().to_owned()));
        Ok(Created {
            status: StatusCode::CREATED,
            answer: TokenCreated { success: true, id, token },
            again: Some(TokenCreated { success: true, id, token: None }),
        })
    };
    idempotency::once(&state, &caller, &headers, "POST /token", &bytes, authorize, work).await
}

/// The kind of a token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = TokenKind)]
enum TokenKindSchema {
    /// A login session.
    Session,
    /// A personal API token.
    Api,
}

/// A session or an API token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Token {
    /// The token's id.
    #[schema(value_type = String, format = "uuid")]
    id: TokenId,
    /// Whether this is a session or an API token.
    #[serde(rename = "type")]
    kind: TokenKindSchema,
    /// The API token's name, or the session's device.
    name: String,
    /// The only workspace that the token may be used for.
    #[schema(value_type = Option<String>, format = "uuid")]
    workspace_id: Option<WorkspaceId>,
    /// The highest role that the token may use in any workspace.
    #[schema(value_type = Option<WorkspaceRoleSchema>)]
    role: Option<WorkspaceRole>,
    /// When the token was created.
    created_at: Moment,
    /// When the token was last refreshed or is known to have been used.
    last_used_at: Option<Moment>,
    /// When the token expires.
    expires_at: Option<Moment>,
    /// Whether this request was made with this token.
    current: bool,
}

/// A list of the caller's tokens.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, written by `pagination`")]
struct TokenList {
    /// Always true.
    success: bool,
    /// The tokens, newest first.
    tokens: Vec<Token>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[schema(required = false, rename = "nextCursor")]
    next_cursor: Option<String>,
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
                TokenKind::Session => TokenKindSchema::Session,
                TokenKind::Api => TokenKindSchema::Api,
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
