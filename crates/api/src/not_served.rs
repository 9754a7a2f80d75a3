//! Calls of the public contract that are not served. Without routes for them, their last path segments would be
//! parsed as ids, and the caller would get a misleading 404 about a user.

use axum::Router;
use axum::routing::any;
use http::StatusCode;

use crate::caller::Visitor;
use crate::error::ApiError;
use crate::state::ApiState;

/// The paths, and what to use instead.
const CALLS: &[(&str, &str)] = &[
    ("/user/quota", "GET /organization/{orgId} shows the number of buckets and its limit"),
    ("/user/activate", NO_MAIL),
    ("/user/deactivate", "to remove a user, use DELETE /organization/users/{userId}"),
    ("/user/pre-verify-email", NO_MAIL),
    ("/user/verify-email", NO_MAIL),
    ("/user/resend-verification/{verificationTokenId}", NO_MAIL),
    ("/user/request-reset-password", RESET),
    ("/user/reset-password", RESET),
    ("/organization/users/{userId}/activate", NO_MAIL),
    ("/organization/users/{userId}/resend-invitation", NO_MAIL),
];

const NO_MAIL: &str =
    "no mail is sent, and a user can log in as soon as POST /organization/users has created it";
const RESET: &str = "no mail is sent; an administrator sets a one-time password with POST \
                     /organization/users/{userId}/reset-password, the operator with `bucketry admin reset-password`";

/// The routes. They are not in the OpenAPI document.
pub(crate) fn routes() -> Router<ApiState> {
    CALLS.iter().fold(Router::new(), |router, (path, instead)| {
        router.route(path, any(move |_: Visitor| async move { refusal(instead) }))
    })
}

fn refusal(instead: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "NOT_SERVED", format!("this call is not served here: {instead}"))
}
