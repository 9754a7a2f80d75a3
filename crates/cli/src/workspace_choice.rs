//! Which workspace a command is about: the one that is given, otherwise the default one, otherwise the only one.

use std::collections::HashMap;

use bucketry_api_types::workspace::{WorkspaceInfo, WorkspaceWithMembers};
use bucketry_client::ApiClient;
use bucketry_model::id::WorkspaceId;

use crate::contexts::{self, is_same_url};
use crate::failure::{Failure, Result};
use crate::named::{NamedResource, one_named};
use crate::remote::Remote;

/// The variable with the workspace that commands use if none is given.
const DEFAULT_WORKSPACE: &str = "BUCKETRY_WORKSPACE";

/// Finds a workspace by id or by name, ignoring case.
pub(crate) async fn find_workspace(client: &ApiClient, name_or_id: &str) -> Result<WorkspaceId> {
    if let Ok(id) = name_or_id.parse() {
        return Ok(id);
    }
    Ok(find_in(&client.workspaces().await?, name_or_id)?.id)
}

/// Finds a workspace of a list.
pub(crate) fn find_in(all: &[WorkspaceWithMembers], name_or_id: &str) -> Result<WorkspaceInfo> {
    let wanted = name_or_id.trim().to_lowercase();
    let is_wanted = |workspace: &&WorkspaceInfo| {
        workspace.name.to_lowercase() == wanted || workspace.id.to_string() == wanted
    };
    let found = all.iter().map(|entry| &entry.workspace).filter(is_wanted);
    let found =
        found.map(|one| NamedResource { id: one.id.to_string(), note: String::new(), value: one.clone() });
    one_named("workspaces", name_or_id, found.collect(), || {
        format!(
            "there is no workspace {name_or_id:?} that you have access to: yours are {}",
            names(all.iter().map(|entry| entry.workspace.name.as_str()))
        )
    })
}

/// The names of the workspaces that the caller has access to.
pub(crate) async fn workspace_names(client: &ApiClient) -> Result<HashMap<WorkspaceId, String>> {
    let all = client.workspaces().await?.into_iter();
    Ok(all.map(|entry| (entry.workspace.id, entry.workspace.name)).collect())
}

/// The workspace that was given as a flag.
pub(crate) async fn given_workspace(client: &ApiClient, flag: Option<&str>) -> Result<Option<WorkspaceId>> {
    match flag {
        Some(name) => find_workspace(client, name).await.map(Some),
        None => Ok(None),
    }
}

/// The workspace that was given, otherwise the default one, otherwise the only one that the caller has access to. `how`
/// says how to give one: "with --workspace NAME".
pub(crate) async fn chosen_workspace(
    remote: &Remote,
    client: &ApiClient,
    given: Option<&str>,
    how: &str,
) -> Result<WorkspaceId> {
    if let Some(given) = given_workspace(client, given).await? {
        return Ok(given);
    }
    if let Some(given) = std::env::var(DEFAULT_WORKSPACE).ok().filter(|text| !text.is_empty()) {
        return find_workspace(client, &given).await.map_err(|failure| failure.about(DEFAULT_WORKSPACE));
    }
    if let Some(remembered) = remembered(remote, client)? {
        return Ok(remembered);
    }
    only_workspace(&client.workspaces().await?, how)
}

/// The workspace that `bucketry workspace use` stored for this server.
fn remembered(remote: &Remote, client: &ApiClient) -> Result<Option<WorkspaceId>> {
    let saved = contexts::chosen(remote)?.saved;
    let is_here = saved.url.is_none_or(|url| is_same_url(&url, &client.base_url()));
    Ok(saved.workspace.filter(|_| is_here).map(|workspace| workspace.id))
}

fn only_workspace(all: &[WorkspaceWithMembers], how: &str) -> Result<WorkspaceId> {
    match all {
        [only] => Ok(only.workspace.id),
        [] => Err(Failure::failed("you are not a member of any workspace: ask an administrator to add you")),
        several => Err(Failure::usage(format!(
            "you have access to several workspaces ({}): choose one {how}, or for all commands with `bucketry workspace use \
             NAME`",
            names(several.iter().map(|entry| entry.workspace.name.as_str()))
        ))),
    }
}

/// A list of names for a message.
fn names<'n>(names: impl Iterator<Item = &'n str>) -> String {
    /// More would hide the rest of the message.
    const MOST: usize = 20;
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let listed = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    if more == 0 { listed } else { format!("{listed} and {more} more") }
}

#[cfg(test)]
mod tests {
    use bucketry_model::id::OrgId;
    use jiff::Timestamp;

    use super::*;

    fn workspaces(names: &[&str]) -> Vec<WorkspaceWithMembers> {
        let workspace = |(index, name): (usize, &&str)| WorkspaceInfo {
            id: WorkspaceId::new(Timestamp::UNIX_EPOCH, [u8::try_from(index).unwrap(); 10]),
            name: (*name).to_owned(),
            org_id: OrgId::new(Timestamp::UNIX_EPOCH, [9; 10]),
        };
        let all = names.iter().enumerate().map(workspace);
        all.map(|workspace| WorkspaceWithMembers { workspace, users: Vec::new() }).collect()
    }

    #[test]
    fn the_only_workspace_needs_no_flag_and_several_are_listed() {
        let all = workspaces(&["default"]);
        let how = "with --workspace NAME";
        assert_eq!(only_workspace(&all, how).unwrap(), all[0].workspace.id);
        assert_eq!(only_workspace(&[], how).unwrap_err().exit_status(), 1);
        let failure = only_workspace(&workspaces(&["Team", "default"]), how).unwrap_err();
        assert!(failure.message().contains("(Team, default): choose one with --workspace"), "{failure:?}");
        assert_eq!(failure.exit_status(), 2);
    }

    #[test]
    fn workspaces_are_found_by_name_and_two_of_one_name_are_listed_with_ids() {
        let all = workspaces(&["Team", "team", "Other"]);
        assert_eq!(find_in(&all, " other").unwrap().id, all[2].workspace.id);
        assert_eq!(find_in(&all, &all[1].workspace.id.to_string()).unwrap().name, "team");
        let failure = find_in(&all, "TEAM").unwrap_err();
        for entry in &all[..2] {
            assert!(failure.message().contains(&entry.workspace.id.to_string()), "{failure:?}");
        }
        let missing = find_in(&all, "Nobody").unwrap_err();
        assert!(missing.message().ends_with("yours are Other, Team, team"), "{missing:?}");
    }

    #[test]
    fn many_names_are_cut_short() {
        let many: Vec<String> = (0..25).map(|number| format!("w{number:02}")).collect();
        let text = names(many.iter().map(String::as_str));
        assert!(text.starts_with("w00, w01") && text.ends_with("w19 and 5 more"), "{text}");
    }
}
