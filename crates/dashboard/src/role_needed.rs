//! Whom somebody can ask who lacks the role that a page needs.

use bucketry_control::Error;
use bucketry_control::role_grantors::RoleScope;
use bucketry_model::role::Caller;
use bucketry_store::user::User;

use crate::client::ClientFrame;
use crate::failure::PageError;

/// Who can give the caller the role that is missing, by name and e-mail address. Empty if no role is missing, or if the caller
/// may see nobody who can.
pub(crate) async fn whom_to_ask(caller: &Caller, frame: &ClientFrame, error: &PageError) -> Vec<String> {
    if !matches!(error, PageError::Control(Error::Forbidden(_))) {
        return Vec::new();
    }
    let scope = scope(caller, frame).await;
    match frame.app.control().role_grantors(caller, scope).await {
        Ok(people) => people.iter().map(named).collect(),
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "nobody is named who can grant a role");
            Vec::new()
        }
    }
}

/// `Ada Lovelace (ada@example.com)`.
fn named(user: &User) -> String {
    format!("{} {} ({})", user.first_name.as_str(), user.last_name.as_str(), user.email)
}

/// Where the page needs a role, by its address: in the workspace of what it shows, in any workspace, or in the organization.
async fn scope(caller: &Caller, frame: &ClientFrame) -> RoleScope {
    let control = frame.app.control();
    let path = frame.path_below_home();
    let mut parts = path.trim_start_matches('/').split('/');
    let (section, subject) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let workspace = match section {
        "buckets" => match subject.parse() {
            Ok(id) => control.bucket(caller, id).await.ok().map(|view| view.bucket.workspace_id),
            Err(_) => None,
        },
        "repositories" => match subject.parse() {
            Ok(id) => control.repository(caller, id).await.ok().map(|view| view.repository.workspace_id),
            Err(_) => None,
        },
        "workspaces" => subject.parse().ok(),
        _ => None,
    };
    match (workspace, section) {
        (Some(workspace), _) => RoleScope::Workspace(workspace),
        (None, "buckets" | "repositories" | "notifications") => RoleScope::AnyWorkspace,
        (None, _) => RoleScope::Organization,
    }
}
