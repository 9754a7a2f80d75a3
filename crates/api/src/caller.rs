//! Authentication: the bearer token, and the rate limits of callers.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use bucketry_control::Error;
use bucketry_control::error::TokenFault;
use bucketry_model::audit::RequestOrigin;
use bucketry_model::role::Caller;
use bucketry_web::access_log::RequestTrace;
use bucketry_web::client_address::client_address;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::error::{ApiError, ApiResult};
use crate::refusals::RequestCaller;
use crate::state::ApiState;

/// An authenticated caller. Handlers take it first, so that only authenticated clients learn what is wrong with a
/// request. Sessions whose password must be changed first are refused.
pub(crate) struct Authenticated(pub(crate) Caller);

/// An authenticated caller whose password may have to be changed first. Only for the calls that such a session may
/// make.
pub(crate) struct SignedIn(pub(crate) Caller);

impl Deref for Authenticated {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl Deref for SignedIn {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl FromRequestParts<ApiState> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        let SignedIn(caller) = SignedIn::from_request_parts(parts, state).await?;
        if caller.must_change_password {
            return Err(Error::PasswordChangeRequired(caller.user_id).into());
        }
        Ok(Self(caller))
    }
}

impl FromRequestParts<ApiState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        Visitor::from_request_parts(parts, state).await?;
        let bearer = bearer(parts).ok_or(Error::Unauthenticated(TokenFault::Absent))?;
        let mut caller = state.control().authenticate(bearer).await?;
        caller.origin = origin(parts, state);
        if let Some(known) = parts.extensions.get::<RequestCaller>() {
            known.set_caller(&caller);
        }
        if let Some(limits) = state.limits() {
            limits.check_token(caller.token_id)?;
        }
        if let Some(trace) = parts.extensions.get::<Arc<RequestTrace>>() {
            trace.set_user(caller.user_id);
        }
        Ok(Self(caller))
    }
}

/// The token of the `Authorization` header.
pub(crate) fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

/// Where a request comes from.
pub(crate) struct ClientOrigin(pub(crate) RequestOrigin);

impl FromRequestParts<ApiState> for ClientOrigin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Self::Rejection> {
        Ok(Self(origin(parts, state)))
    }
}

fn origin(parts: &Parts, state: &ApiState) -> RequestOrigin {
    RequestOrigin {
        address: client_address(parts, &state.settings().trusted_proxies),
        request_id: parts.extensions.get::<Arc<RequestTrace>>().map(|trace| trace.id()),
    }
}

/// Any client, within the rate limit of its address. A token that it sends is ignored, because clients keep sending
/// stale ones.
pub(crate) struct Visitor;

impl FromRequestParts<ApiState> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        let Some(address) = client_address(parts, &state.settings().trusted_proxies) else {
            return Ok(Self);
        };
        if let Some(trace) = parts.extensions.get::<Arc<RequestTrace>>() {
            trace.set_client(address);
        }
        if let Some(limits) = state.limits() {
            limits.check_address(address)?;
        }
        Ok(Self)
    }
}

/// A client that logs in, registers or refreshes, within the rate limit that addresses have for that. Contains the
/// address where it is known.
pub(crate) struct Newcomer(pub(crate) Option<IpAddr>);

impl FromRequestParts<ApiState> for Newcomer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        Visitor::from_request_parts(parts, state).await?;
        let address = client_address(parts, &state.settings().trusted_proxies);
        if let (Some(limits), Some(address)) = (state.limits(), address) {
            limits.check_login_address(address)?;
        }
        Ok(Self(address))
    }
}
