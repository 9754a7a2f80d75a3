//! `bucketry workspace …`.

use bucketry_api_types::workspace::{WorkspaceInfo, WorkspaceWithMembers};
use bucketry_client::ApiClient;
use bucketry_model::id::WorkspaceId;
use bucketry_model::role::WorkspaceRole;
use serde_json::json;

use crate::arguments::{Remote, WorkspaceCommand};
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::output;
use crate::user::find_user;

/// Runs a command on workspaces.
pub(crate) async fn run(remote: &Remote, command: WorkspaceCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        WorkspaceCommand::List => list(remote, &client).await,
        WorkspaceCommand::Add { name } => {
            let made = client.create_workspace(&name, None).await?;
            output::done(remote.json, &made, &format!("created the workspace {} ({})", made.name, made.id))
        }
        WorkspaceCommand::Show { workspace } => {
            let id = find_workspace(&client, &workspace).await?;
            show(remote, &client.workspace(id).await?)
        }
        WorkspaceCommand::Rename { workspace, name } => {
            let id = find_workspace(&client, &workspace).await?;
            let renamed = client.rename_workspace(id, &name).await?;
            output::done(remote.json, &renamed, &format!("renamed the workspace to {}", renamed.name))
        }
        WorkspaceCommand::Rm { workspace } => {
            let id = find_workspace(&client, &workspace).await?;
            client.delete_workspace(id).await?;
            let sentence = format!("deleted the workspace {workspace}");
            output::done(remote.json, &json!({ "deleted": id }), &sentence)
        }
        WorkspaceCommand::Grant { workspace, user, role } => {
            grant(remote, &client, &workspace, &user, role.into()).await
        }
        WorkspaceCommand::Revoke { workspace, user } => {
            let id = find_workspace(&client, &workspace).await?;
            let user_id = find_user(&client, &user).await?;
            client.remove_member(id, user_id).await?;
            let removed = json!({ "workspaceId": id, "removed": user_id });
            output::done(remote.json, &removed, &format!("removed {user} from {workspace}"))
        }
    }
}

async fn list(remote: &Remote, client: &ApiClient) -> Result<()> {
    let workspaces = client.workspaces().await?;
    if remote.json {
        return output::json(&workspaces);
    }
    let row = |entry: &WorkspaceWithMembers| {
        let workspace = &entry.workspace;
        vec![workspace.name.clone(), entry.users.len().to_string(), workspace.id.to_string()]
    };
    output::table(&["NAME", "MEMBERS", "ID"], workspaces.iter().map(row).collect())
}

fn show(remote: &Remote, found: &WorkspaceWithMembers) -> Result<()> {
    if remote.json {
        return output::json(found);
    }
    let WorkspaceWithMembers { workspace, users } = found;
    output::line(&format!("{} ({})", workspace.name, workspace.id))?;
    let rows = users
        .iter()
        .map(|member| vec![member.user.email.clone(), member.role.to_string(), member.user_id.to_string()]);
    output::table(&["MEMBER", "ROLE", "ID"], rows.collect())
}

/// Adds a member, or changes the role of one.
async fn grant(
    remote: &Remote,
    client: &ApiClient,
    workspace: &str,
    user: &str,
    role: WorkspaceRole,
) -> Result<()> {
    let id = find_workspace(client, workspace).await?;
    let user_id = find_user(client, user).await?;
    let known = client.workspace(id).await?.users.iter().any(|member| member.user_id == user_id);
    if known {
        client.change_member(id, user_id, role).await?;
    } else {
        client.add_member(id, user_id, role).await?;
    }
    let granted = json!({ "workspaceId": id, "userId": user_id, "role": role });
    output::done(remote.json, &granted, &format!("{user} now has the role {role} in {workspace}"))
}

/// Finds a workspace by id or by name, ignoring case.
pub(crate) async fn find_workspace(client: &ApiClient, name_or_id: &str) -> Result<WorkspaceId> {
    if let Ok(id) = name_or_id.parse() {
        return Ok(id);
    }
    let all = client.workspaces().await?;
    let is_named = |workspace: &&WorkspaceInfo| workspace.name.to_lowercase() == name_or_id.to_lowercase();
    let named: Vec<&WorkspaceInfo> = all.iter().map(|entry| &entry.workspace).filter(is_named).collect();
    match named.as_slice() {
        [only] => Ok(only.id),
        [] => Err(Failure::failed(format!(
            "there is no workspace {name_or_id:?} that you have access to; `bucketry workspace list` shows your workspaces"
        ))),
        _ => Err(Failure::failed(format!("several workspaces are named {name_or_id:?}: use the id instead"))),
    }
}
