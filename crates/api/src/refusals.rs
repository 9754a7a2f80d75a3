//! Records refused calls: who tried to change what, and was told why not.

use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bucketry_control::audit::RefusedCall;
use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::role::Caller;
use http::{Method, StatusCode};

use crate::error::ErrorCode;
use crate::state::ApiState;

/// The longest id from a path that is recorded, in characters.
const MAX_ID_CHARACTERS: usize = 64;

/// Who makes a request, as soon as that is known. It is one of the request's extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestCaller(Arc<OnceLock<Caller>>);

impl RequestCaller {
    /// Sets who makes the request.
    pub(crate) fn set_caller(&self, caller: &Caller) {
        self.0.get_or_init(|| caller.clone());
    }
}

/// What a call changes: the kind of resource, and what it does to it. `None` if it changes nothing that is recorded.
fn changes(method: &Method, route: &str) -> Option<(AuditKind, AuditAction)> {
    let action = match *method {
        Method::POST => AuditAction::Created,
        Method::PUT => AuditAction::Updated,
        Method::DELETE => AuditAction::Deleted,
        _ => return None,
    };
    let kind = match route {
        "/bucket" | "/bucket/{bucketId}" => AuditKind::Bucket,
        "/bucket/{bucketId}/inventory"
        | "/bucket/{bucketId}/freshness"
        | "/bucket/{bucketId}/uploads/clean" => return Some((AuditKind::Bucket, AuditAction::Updated)),
        "/organization/{orgId}/inventory" => return Some((AuditKind::Organization, AuditAction::Updated)),
        "/organization/{orgId}/key" | "/organization/{orgId}/key/{keyId}" => AuditKind::NodeKey,
        "/organization/{orgId}/node/{nodeId}" | "/node/{nodeId}" => AuditKind::Node,
        "/node/{nodeId}/approval" => return Some((AuditKind::Node, AuditAction::Updated)),
        "/repo" | "/repo/{repoId}" => AuditKind::Repository,
        "/repo/{repoId}/apikey" | "/repo/{repoId}/apikey/{apikeyId}" => AuditKind::RepositoryKey,
        "/workspace" | "/workspace/{workspaceId}" => AuditKind::Workspace,
        "/workspace/{workspaceId}/users" | "/workspace/{workspaceId}/users/{userId}" => {
            AuditKind::WorkspaceUser
        }
        "/organization/users" | "/organization/users/{userId}" | "/user/{userId}" | "/user/{userId}/role" => {
            AuditKind::User
        }
        "/organization/users/{userId}/reset-password" => {
            return Some((AuditKind::User, AuditAction::Updated));
        }
        "/token" | "/token/{tokenId}" => AuditKind::ApiToken,
        "/notification/channel" | "/notification/channel/{channelId}" => AuditKind::NotificationChannel,
        "/notification/channel/{channelId}/test" => {
            return Some((AuditKind::NotificationChannel, AuditAction::Used));
        }
        "/notification/silence" | "/notification/silence/{silenceId}" => AuditKind::NotificationSilence,
        "/vault/rotation" => return Some((AuditKind::Vault, AuditAction::Updated)),
        _ => return None,
    };
    Some((kind, action))
}

/// The value of the last parameter of a route.
fn last_id(route: &str, path: &str) -> Option<String> {
    let parts = route.split('/').zip(path.split('/'));
    let (_, id) = parts.filter(|(template, _)| template.starts_with('{')).last()?;
    Some(id.chars().take(MAX_ID_CHARACTERS).collect())
}

/// Records the call if it was refused. Calls that change something are recorded with every refusal, others only
/// where a right is missing.
///
/// Middleware for [`axum::middleware::from_fn_with_state`].
pub(crate) async fn record_refusals(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = RequestCaller::default();
    request.extensions_mut().insert(caller.clone());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() || status == StatusCode::UNAUTHORIZED {
        return response;
    }
    let (Some(caller), Some(matched)) = (caller.0.get(), matched) else { return response };
    let code = response.extensions().get::<ErrorCode>().map_or("", |code| code.0);
    // Somebody who sends too much must not be able to write more because of that.
    if code == "RATE_LIMITED" {
        return response;
    }
    let route = matched.as_str();
    let (kind, action) = match changes(&method, route) {
        Some(changes) => changes,
        None if status == StatusCode::FORBIDDEN => (AuditKind::Route, AuditAction::Read),
        None => return response,
    };
    let target_id = last_id(route, uri.path());
    let target_name = (kind == AuditKind::Route).then(|| format!("{method} {route}"));
    let call = RefusedCall { kind, action, target_id, target_name, status: status.as_u16(), code };
    state.control().record_refused_call(caller, call).await;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_parameter_of_a_route_names_the_target() {
        let last = |route, path| last_id(route, path).unwrap_or_default();
        assert_eq!(last("/repo/{repoId}/apikey/{apikeyId}", "/repo/a/apikey/b"), "b");
        assert_eq!(
            last("/organization/users/{userId}/reset-password", "/organization/users/u/reset-password"),
            "u"
        );
        assert_eq!(last("/bucket", "/bucket"), "");
        assert_eq!(last("/bucket/{bucketId}", &format!("/bucket/{}", "ä".repeat(200))).chars().count(), 64);
    }
}
