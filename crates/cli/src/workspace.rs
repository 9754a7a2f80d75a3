//! `bucketry workspace …`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bucketry_api_types::moment::Moment;
use bucketry_api_types::workspace::WorkspaceWithMembers;
use bucketry_client::ApiClient;
use bucketry_model::id::WorkspaceId;
use bucketry_model::role::WorkspaceRole;
use bucketry_model::time::{Clock as _, SystemClock, from_micros, to_wire};
use jiff::SignedDuration;
use serde_json::json;

use crate::arguments::WorkspaceCommand;
use crate::contexts::{Contexts, DefaultWorkspace, SavedContext, chosen, is_same_url};
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::output;
use crate::remote::{OutputFormat, Remote};
use crate::table::{Cell, Column, Table};
use crate::user::find_user;
use crate::workspace_choice::{chosen_workspace, find_in, find_workspace};

const COLUMNS: &[Column] = &[
    Column::text("NAME", "name", 0, 16),
    Column::number("MEMBERS", "members", 1),
    Column::only_wide("ID", "id"),
];
const HOUR_COLUMNS: &[Column] = &[
    Column::new("HOUR", "hour", 0),
    Column::number("REQUESTS", "requests", 1),
    Column::number("READS", "reads", 6),
    Column::number("WRITES", "writes", 7),
    Column::number("LISTS", "lists", 8),
    Column::number("ERRORS", "errors", 2),
    Column::number("BYTES UP", "bytes_up", 3),
    Column::number("BYTES DOWN", "bytes_down", 4),
    Column::number("SIZE CHANGE", "size_change_bytes", 5),
];
const MEMBER_COLUMNS: &[Column] =
    &[Column::text("MEMBER", "member", 0, 16), Column::new("ROLE", "role", 1), Column::only_wide("ID", "id")];

/// Runs a command on workspaces.
pub(crate) async fn run(remote: &Remote, command: WorkspaceCommand) -> Result<()> {
    if let WorkspaceCommand::Use { workspace: None, .. } = command {
        return forget_default(remote);
    }
    let client = connect(remote).await?;
    match command {
        WorkspaceCommand::List => list(remote, &client).await,
        WorkspaceCommand::Add { name } => {
            let made = client.create_workspace(&name, None).await?;
            output::done(remote.json, &made, &format!("created the workspace {}", made.name))
        }
        WorkspaceCommand::Show { workspace } => {
            let id = find_workspace(&client, &workspace).await?;
            show(remote, &client.workspace(id).await?)
        }
        WorkspaceCommand::Stats { workspace, hours } => {
            let id = chosen_workspace(remote, &client, workspace.as_deref(), "by its name").await?;
            stats(remote, &client, id, hours).await
        }
        WorkspaceCommand::Use { workspace, .. } => {
            use_by_default(remote, &client, &workspace.unwrap_or_default()).await
        }
        WorkspaceCommand::Rename { workspace, name } => {
            let id = find_workspace(&client, &workspace).await?;
            let renamed = client.rename_workspace(id, &name).await?;
            output::done(remote.json, &renamed, &format!("renamed the workspace to {}", renamed.name))
        }
        WorkspaceCommand::Rm { workspace, confirmation } => {
            let id = find_workspace(&client, &workspace).await?;
            confirmation.ask(&format!(
                "Delete the workspace {workspace} and its memberships? This can't be undone."
            ))?;
            client.delete_workspace(id).await?;
            let sentence = format!("deleted the workspace {workspace}");
            output::done(remote.json, &json!({ "deleted": id }), &sentence)
        }
        WorkspaceCommand::Grant { workspace, user, role } => {
            grant(remote, &client, &workspace, &user, role.into()).await
        }
        WorkspaceCommand::Revoke { workspace, user, confirmation } => {
            let id = find_workspace(&client, &workspace).await?;
            let user_id = find_user(&client, &user).await?;
            confirmation.ask(&format!(
                "Remove {user} from {workspace}? The user loses access to its buckets and repositories immediately."
            ))?;
            client.remove_member(id, user_id).await?;
            let removed = json!({ "workspaceId": id, "removed": user_id });
            output::done(remote.json, &removed, &format!("removed {user} from {workspace}"))
        }
    }
}

/// Stores the workspace that commands use if none is given.
async fn use_by_default(remote: &Remote, client: &ApiClient, workspace: &str) -> Result<()> {
    let found = find_in(&client.workspaces().await?, workspace)?;
    let (url, context) = (client.base_url(), chosen(remote)?.name);
    Contexts::change(|contexts| {
        let mut saved = contexts.find(&context)?;
        if saved.url.as_ref().is_some_and(|known| !is_same_url(known, &url)) {
            return Err(Failure::usage(format!(
                "the context {context} is for another server than {url}: choose its context, or set BUCKETRY_WORKSPACE"
            )));
        }
        saved.url = Some(url.clone());
        saved.workspace = Some(DefaultWorkspace { id: found.id, name: found.name.clone() });
        contexts.set(&context, saved);
        Ok(())
    })?;
    let done = json!({ "context": context, "workspace": found.name, "workspaceId": found.id });
    output::done(remote.json, &done, &format!("commands now use the workspace {}", found.name))
}

fn forget_default(remote: &Remote) -> Result<()> {
    let context = chosen(remote)?.name;
    Contexts::change(|contexts| {
        let saved = contexts.find(&context)?;
        contexts.set(&context, SavedContext { workspace: None, ..saved });
        Ok(())
    })?;
    let done = json!({ "context": context, "workspace": null });
    output::done(remote.json, &done, "commands no longer use a default workspace")
}

/// Shows the traffic of the latest hours, summed over nodes.
async fn stats(remote: &Remote, client: &ApiClient, workspace: WorkspaceId, hours: u16) -> Result<()> {
    let start = SystemClock.now() - SignedDuration::from_hours(i64::from(hours) - 1);
    let found = client.hourly_traffic(Some(workspace), (Some(&to_wire(start)), None)).await?;
    if remote.json {
        return output::json(&found);
    }
    let mut sums: BTreeMap<Reverse<i64>, [i64; 8]> = BTreeMap::new();
    for one in &found {
        let bytes = [one.upl_bytes.0, one.dwl_bytes.0, one.size_change.0];
        let requests = [one.requests, one.reads, one.writes, one.lists, one.errors];
        let sum = sums.entry(Reverse(one.timestamp)).or_default();
        for (sum, more) in sum.iter_mut().zip(requests.into_iter().chain(bytes)) {
            *sum = sum.saturating_add(more);
        }
    }
    let row = |(Reverse(at), sums): (&Reverse<i64>, &[i64; 8])| {
        let hour = Cell::time(Some(Moment(from_micros(at.saturating_mul(1_000_000)))));
        let (requests, bytes) = sums.split_at(5);
        let requests = requests.iter().map(Cell::count);
        let bytes = bytes.iter().copied().map(Cell::bytes);
        std::iter::once(hour).chain(requests).chain(bytes).collect()
    };
    let name = client.workspace(workspace).await?.workspace.name;
    let table = Table::new(HOUR_COLUMNS, sums.iter().map(row));
    table.titled(format!("Traffic of the workspace {name} in the last {hours} hours (UTC)")).print(remote)
}

async fn list(remote: &Remote, client: &ApiClient) -> Result<()> {
    let workspaces = client.workspaces().await?;
    if remote.json {
        return output::json(&workspaces);
    }
    let row = |entry: &WorkspaceWithMembers| {
        let workspace = &entry.workspace;
        vec![Cell::text(&workspace.name), Cell::count(entry.users.len()), Cell::text(workspace.id)]
    };
    Table::new(COLUMNS, workspaces.iter().map(row)).print(remote)
}

fn show(remote: &Remote, found: &WorkspaceWithMembers) -> Result<()> {
    if remote.json {
        return output::json(found);
    }
    let WorkspaceWithMembers { workspace, users } = found;
    if remote.output != Some(OutputFormat::Csv) {
        output::sentence(&workspace.name)?;
    }
    let rows = users.iter().map(|member| {
        vec![Cell::text(&member.user.email), Cell::text(member.role), Cell::text(member.user_id)]
    });
    Table::new(MEMBER_COLUMNS, rows).print(remote)
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
