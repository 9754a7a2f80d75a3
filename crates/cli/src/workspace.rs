//! `bucketry workspace …`.

use bucketry_api_types::workspace::{WorkspaceInfo, WorkspaceWithMembers};
use bucketry_client::ApiClient;
use bucketry_model::id::WorkspaceId;
use bucketry_model::role::WorkspaceRole;

use crate::arguments::{Remote, WorkspaceCommand};
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::output;
use crate::user::find_user;

/// Runs a command on workspaces.
pub(crate) async fn run(remote: &Remote, command: WorkspaceCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        WorkspaceCommand::List => {
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
        WorkspaceCommand::Add { name } => {
            let made = client.create_workspace(&name, None).await?;
            done(remote, &made, &format!("created the workspace {} ({})", made.name, made.id))
        }
        WorkspaceCommand::Show { workspace } => {
            let id = find_workspace(&client, &workspace).await?;
            let found = client.workspace(id).await?;
            if remote.json {
                return output::json(&found);
            }
            let WorkspaceWithMembers { workspace, users } = found;
            output::line(&format!("{} ({})", workspace.name, workspace.id))?;
            let rows = users.iter().map(|member| {
                vec![member.user.email.clone(), member.role.to_string(), member.user_id.to_string()]
            });
            output::table(&["MEMBER", "ROLE", "ID"], rows.collect())
        }
        WorkspaceCommand::Rename { workspace, name } => {
            let id = find_workspace(&client, &workspace).await?;
            let renamed = client.rename_workspace(id, &name).await?;
            done(remote, &renamed, &format!("renamed the workspace to {}", renamed.name))
        }
        WorkspaceCommand::Rm { workspace } => {
            let id = find_workspace(&client, &workspace).await?;
            client.delete_workspace(id).await?;
            done(remote, &serde_json::json!({ "deleted": id }), &format!("deleted the workspace {workspace}"))
        }
        WorkspaceCommand::Grant { workspace, user, role } => {
            let id = find_workspace(&client, &workspace).await?;
            let user_id = find_user(&client, &user).await?;
            let role = WorkspaceRole::from(role);
            let known = client.workspace(id).await?.users.iter().any(|member| member.user_id == user_id);
            if known {
                client.change_member(id, user_id, role).await?;
            } else {
                client.add_member(id, user_id, role).await?;
            }
            let granted = serde_json::json!({ "workspaceId": id, "userId": user_id, "role": role });
            done(remote, &granted, &format!("{user} now has the role {role} in {workspace}"))
        }
        WorkspaceCommand::Revoke { workspace, user } => {
            let id = find_workspace(&client, &workspace).await?;
            let user_id = find_user(&client, &user).await?;
            client.remove_member(id, user_id).await?;
            let removed = serde_json::json!({ "workspaceId": id, "removed": user_id });
            done(remote, &removed, &format!("removed {user} from {workspace}"))
        }
    }
}

fn done(remote: &Remote, value: &impl serde::Serialize, sentence: &str) -> Result<()> {
    if remote.json { output::json(value) } else { output::line(sentence) }
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
