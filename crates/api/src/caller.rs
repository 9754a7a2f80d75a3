//! Who is asking: the bearer token, and the limits on how often.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use bucketry_control::Error;
use bucketry_model::role::Caller;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::client_address::client_address;
use crate::error::{ApiError, ApiResult};
use crate::observe::RequestTrace;
use crate::state::ApiState;

/// An authenticated caller. Handlers that take one, take it first: nobody learns what is wrong with a request before
/// having said who asks.
pub(crate) struct Authenticated(pub(crate) Arc<Caller>);

impl Deref for Authenticated {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl FromRequestParts<ApiState> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        Visitor::from_request_parts(parts, state).await?;
        let bearer = bearer(parts).ok_or(Error::Unauthenticated)?;
        let caller = state.control().authenticate(bearer).await?;
        if let Some(limits) = state.limits() {
            limits.check_token(caller.token_id)?;
        }
        if let Some(trace) = parts.extensions.get::<Arc<RequestTrace>>() {
            trace.set_user(caller.user_id);
        }
        Ok(Self(caller))
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Anybody, as often as an address may ask. A token that was sent along is not looked at: clients go on sending
/// stale ones.
pub(crate) struct Visitor;

impl FromRequestParts<ApiState> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        if let Some(limits) = state.limits()
            && let Some(address) = client_address(parts, &state.settings().trusted_proxies)
        {
            limits.check_address(address)?;
        }
        Ok(Self)
    }
}

/// Somebody who wants to be let in, as often as an address may try.
pub(crate) struct Newcomer;

impl FromRequestParts<ApiState> for Newcomer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        Visitor::from_request_parts(parts, state).await?;
        if let Some(limits) = state.limits()
            && let Some(address) = client_address(parts, &state.settings().trusted_proxies)
        {
            limits.check_login_address(address)?;
        }
        Ok(Self)
    }
}
