//! `GET /token`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::moment::Moment;
use bucketry_api_types::token::{Token, TokenList, TokenType};
use bucketry_control::Control;
use bucketry_model::id::TokenId;
use bucketry_model::role::Caller;
use bucketry_store::token::{TokenKind, TokenRecord};
use serde::Serialize;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/token");

struct Tokens {
    control: Control,
    caller: Caller,
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
                TokenKind::Browser => TokenType::Browser,
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
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The tokens", body = TokenList),
        Signed, BadRequest,
    ),
)]
pub(crate) async fn list(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let source = Tokens { control: state.control().clone(), caller };
    pagination::answer(source, Frame::Named("tokens"), params.page()?).await
}
