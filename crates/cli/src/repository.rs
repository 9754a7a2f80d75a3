//! `bucketry repo …`.

use std::collections::HashMap;

use bucketry_api_types::repository::{BucketPlace, NewRepo, Repo, RepoBucket, RepoChanges, RepoProposal};
use bucketry_client::ApiClient;
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::repository::RepositoryMode;
use bucketry_model::status::Status;
use serde_json::json;

use crate::confirmation::Confirmation;
use crate::connect::{Connection, REGION, endpoints, new_secret};
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::list_arguments::RepositoryListArguments;
use crate::named::{find_bucket, find_repository};
use crate::remote::Remote;
use crate::repository_arguments::{ConnectOptions, Mode, RepositoryChanges, RepositoryCommand};
use crate::table::{Cell, Column, Table};
use crate::workspace_choice::{chosen_workspace, given_workspace};
use crate::{output, watch};

const COLUMNS: &[Column] = &[
    Column::text("NAME", "name", 0, 20),
    Column::new("MODE", "mode", 3),
    Column::new("STATUS", "status", 1),
    Column::text("BUCKETS", "buckets", 2, 16),
    Column::text("WORKSPACE", "workspace", 5, 10),
    Column::number("KEYS", "keys", 4),
    Column::only_wide("ID", "id"),
];
const TOTALS_COLUMNS: &[Column] = &[
    Column::text("REPOSITORY", "repository", 0, 20),
    Column::number("BYTES UP", "bytes_up", 1),
    Column::number("BYTES DOWN", "bytes_down", 2),
    Column::number("SIZE CHANGE", "size_change_bytes", 3),
];

/// Repositories per request.
const PAGE: u32 = 1_000;
/// Shown in place of the name of a bucket that doesn't exist any more.
const REMOVED: &str = "(removed bucket)";

/// Runs a command on repositories.
pub(crate) async fn run(remote: &Remote, command: RepositoryCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        RepositoryCommand::List(arguments) => list(remote, &client, arguments).await,
        RepositoryCommand::Add { name, buckets, mode, master, workspace, dry_run } => {
            let attached = attached(&client, &buckets).await?;
            let workspace_id = match (given_workspace(&client, workspace.as_deref()).await?, attached.first())
            {
                (Some(given), _) => given,
                // A repository is in the workspace of its buckets.
                (None, Some(first)) => first.workspace_id,
                (None, None) => chosen_workspace(remote, &client, None, "with --workspace NAME").await?,
            };
            let positions = attached.into_iter().map(|one| one.request).collect();
            let fields = NewRepo {
                name: Some(name.clone()),
                storage_type: Some(StorageType::S3),
                mode: Some(mode_of(mode)),
                workspace_id: Some(workspace_id.to_string()),
                repo_buckets: Some(marked(&client, positions, master.as_deref()).await?),
                repo_units: None,
            };
            match add(remote, &client, &name, fields, dry_run).await {
                Err(failure) => Err(with_names(&client, failure).await),
                done => done,
            }
        }
        RepositoryCommand::Show { repo } => {
            let repo = find_repository(&client, &repo).await?;
            show(remote, &client, &repo).await
        }
        RepositoryCommand::Update { repo, changes } => match update(remote, &client, &repo, changes).await {
            Err(failure) => Err(with_names(&client, failure).await),
            done => done,
        },
        RepositoryCommand::Rm { repo, confirmation } => remove(remote, &client, &repo, confirmation).await,
        RepositoryCommand::Validate { repo } => validate(remote, &client, &repo).await,
        RepositoryCommand::Stats { repo } => stats(remote, &client, repo).await,
        RepositoryCommand::Connect(options) => print_settings(remote, &client, options).await,
    }
}

async fn list(remote: &Remote, client: &ApiClient, arguments: RepositoryListArguments) -> Result<()> {
    let workspace = given_workspace(client, arguments.workspace.as_deref()).await?;
    watch::print(arguments.watch, || list_text(remote, client, workspace, &arguments)).await
}

async fn list_text(
    remote: &Remote,
    client: &ApiClient,
    workspace: Option<WorkspaceId>,
    arguments: &RepositoryListArguments,
) -> Result<String> {
    let (search, sort) = (arguments.search.as_deref(), arguments.sort.map(Into::into));
    let (mut repos, mut cursor) = (Vec::new(), None);
    loop {
        let page = client.select_repositories(workspace, search, sort, Some(PAGE), cursor.as_deref()).await?;
        repos.extend(page.repos);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if remote.json {
        return output::json_text(&repos);
    }
    let workspaces = client.workspaces().await?.into_iter();
    let names: HashMap<WorkspaceId, String> =
        workspaces.map(|one| (one.workspace.id, one.workspace.name)).collect();
    let row = |repo: &Repo<'_>| {
        vec![
            Cell::text(&repo.name),
            Cell::text(repo.mode.as_str()),
            repo.status.map_or_else(Cell::absent, Cell::status),
            Cell::text(buckets_text(repo)),
            Cell::text(names.get(&repo.workspace_id).unwrap_or(&repo.workspace_id.to_string())),
            Cell::count(repo.api_keys.len()),
            Cell::text(repo.id),
        ]
    };
    Ok(Table::new(COLUMNS, repos.iter().map(row)).text(remote))
}

async fn add(remote: &Remote, client: &ApiClient, name: &str, fields: NewRepo, dry_run: bool) -> Result<()> {
    if dry_run {
        let proposal = RepoProposal {
            name: fields.name,
            mode: fields.mode,
            workspace_id: fields.workspace_id,
            repo_buckets: fields.repo_buckets,
            repo_units: None,
        };
        client.validate_new_repository(&proposal).await?;
        return if remote.json {
            output::json(&json!({ "valid": true }))
        } else {
            output::sentence(&format!("{name} can be created; nothing was changed"))
        };
    }
    let stored = client.create_repository(&fields, None).await?;
    if let Some(message) = &stored.message {
        output::remark(message);
    }
    if remote.json {
        return output::json(&json!({ "repoId": stored.repo_id }));
    }
    output::sentence(&format!("created {name}"))?;
    output::remark(&format!("Create an access key for it with: bucketry key add KEY-NAME --repo {name:?}"));
    Ok(())
}

async fn update(remote: &Remote, client: &ApiClient, repo: &str, changes: RepositoryChanges) -> Result<()> {
    let RepositoryChanges { name, attach, detach, mode, master } = changes;
    if name.is_none() && mode.is_none() && master.is_none() && attach.is_empty() && detach.is_empty() {
        return Err(Failure::usage("nothing to change: pass --name, --attach, --detach, --mode or --master"));
    }
    let repo = find_repository(client, repo).await?;
    let renamed = name.as_deref().map_or_else(String::new, |name| format!(", now named {}", name.trim()));
    let mut fields = RepoChanges { name, mode: mode.map(mode_of), ..RepoChanges::default() };
    if !attach.is_empty() || !detach.is_empty() || master.is_some() {
        let mut kept = present(&repo);
        for text in &detach {
            let id = find_bucket(client, text).await?.id.to_string();
            if !kept.iter().any(|one| one.bucket_id.as_ref() == Some(&id)) {
                return Err(Failure::failed(format!("{} doesn't contain the bucket {text}", repo.name)));
            }
            kept.retain(|one| one.bucket_id.as_ref() != Some(&id));
        }
        kept.extend(attached(client, &attach).await?.into_iter().map(|one| one.request));
        fields.repo_buckets = Some(marked(client, kept, master.as_deref()).await?);
    }
    let stored = client.update_repository(repo.id, &fields).await?;
    if let Some(message) = &stored.message {
        output::remark(message);
    }
    let changed = json!({ "repoId": stored.repo_id });
    output::done(remote.json, &changed, &format!("updated {}{renamed}", repo.name))
}

async fn remove(remote: &Remote, client: &ApiClient, repo: &str, confirmation: Confirmation) -> Result<()> {
    let repo = find_repository(client, repo).await?;
    confirmation.ask(&format!(
        "Delete {} and revoke its {} access keys? Applications that use them lose access within seconds. The keys' secrets \
         are destroyed, which can't be undone. Buckets and objects are not touched.",
        repo.name,
        repo.api_keys.len()
    ))?;
    client.delete_repository(repo.id).await?;
    let sentence =
        format!("deleted {} and revoked its keys; its buckets and objects were not touched", repo.name);
    output::done(remote.json, &json!({ "deleted": repo.id }), &sentence)
}

async fn validate(remote: &Remote, client: &ApiClient, repo: &str) -> Result<()> {
    let repo = find_repository(client, repo).await?;
    let fields = RepoChanges {
        mode: Some(repo.mode.as_str().to_owned()),
        repo_buckets: Some(present(&repo)),
        ..RepoChanges::default()
    };
    client.validate_repository(repo.id, &fields).await?;
    let offline: Vec<String> = repo
        .buckets
        .iter()
        .filter_map(|attached| attached.bucket.as_ref())
        .filter(|bucket| bucket.status == Status::Offline)
        .map(|bucket| {
            format!("{} is OFFLINE: {}", bucket.name, bucket.status_reason.as_deref().unwrap_or("-"))
        })
        .collect();
    let mut sentence = format!("the buckets of {} are compatible", repo.name);
    for line in &offline {
        sentence = format!("{sentence}\n{line}");
    }
    let answer = json!({ "repoId": repo.id, "valid": true, "status": repo.status });
    output::done(remote.json, &answer, &sentence)
}

async fn show(remote: &Remote, client: &ApiClient, repo: &Repo<'_>) -> Result<()> {
    if remote.json {
        return output::json(repo);
    }
    let workspace = client.workspace(repo.workspace_id).await?.workspace.name;
    let mut rows = vec![
        ("name", repo.name.to_string()),
        ("type", repo.storage_type.to_string()),
        ("mode", repo.mode.as_str().to_owned()),
        ("status", repo.status.map_or_else(|| "-".to_owned(), |status| status.to_string())),
        ("workspace", workspace),
        ("created", repo.created_at.to_string()),
        ("changed", repo.updated_at.to_string()),
    ];
    for attached in &repo.buckets {
        let (label, name) = attached.bucket.as_ref().map_or_else(
            || (REMOVED.to_owned(), String::new()),
            |bucket| (bucket.name.to_string(), format!(", for clients {}", bucket.bucket)),
        );
        let folder: &str = if attached.folder.is_empty() { "whole" } else { &attached.folder };
        let master = if attached.master { ", master" } else { "" };
        let status =
            attached.bucket.as_ref().map(|bucket| format!(", {}", bucket.status)).unwrap_or_default();
        rows.push(("bucket", format!("{label} ({folder}{name}{master}{status})")));
    }
    for key in &repo.api_keys {
        rows.push(("key", format!("{} ({}, {})", key.key, key.name, key.access_type.as_str())));
    }
    output::pairs(&rows)
}

async fn stats(remote: &Remote, client: &ApiClient, repo: Option<String>) -> Result<()> {
    let repos = match repo {
        Some(repo) => vec![find_repository(client, &repo).await?],
        None => all(client, None).await?,
    };
    let mut totals = Vec::new();
    for some in repos.chunks(100) {
        let ids: Vec<_> = some.iter().map(|repo| repo.id).collect();
        totals.append(&mut client.repository_totals(&ids).await?);
    }
    if remote.json {
        return output::json(&totals);
    }
    let rows = repos.iter().zip(&totals).map(|(repo, totals)| {
        vec![
            Cell::text(&repo.name),
            Cell::bytes(totals.total_upload_bytes.0),
            Cell::bytes(totals.total_download_bytes.0),
            Cell::bytes(totals.total_size_change.0),
        ]
    });
    Table::new(TOTALS_COLUMNS, rows).titled("Traffic of all time").print(remote)
}

async fn print_settings(remote: &Remote, client: &ApiClient, options: ConnectOptions) -> Result<()> {
    let repo = find_repository(client, &options.repo).await?;
    let (endpoint, endpoints) = if let Some(endpoint) = options.endpoint {
        (endpoint.trim_end_matches('/').to_owned(), Vec::new())
    } else {
        let endpoints = endpoints(client.nodes().await?, &repo);
        let first = endpoints.first().ok_or_else(|| {
            Failure::failed(
                "no connected node that serves the repository reports the URL of its gateway: pass --endpoint URL",
            )
        })?;
        (first.endpoint.clone(), endpoints)
    };
    let (key, secret) = if let Some(name) = options.new_key {
        let made = client.create_repository_key(repo.id, &name, options.access.into()).await?;
        let secret = new_secret(&made)?.expose().to_owned();
        (made.key, Some(secret))
    } else {
        let wanted = |given: &String| repo.api_keys.iter().any(|key| key.key == *given);
        if let Some(given) = options.key.as_ref().filter(|given| !wanted(given)) {
            return Err(Failure::failed(format!(
                "{} has no access key {given}: choose one from `bucketry repo show`, or create another with --new-key NAME",
                repo.name
            )));
        }
        let newest = || repo.api_keys.first().map(|key| key.key.to_string());
        let key = options.key.or_else(newest).ok_or_else(|| {
            Failure::failed(format!("{} has no access key yet: create one with --new-key NAME", repo.name))
        })?;
        (key, None)
    };
    let buckets = repo.buckets.iter().filter_map(|one| Some(one.bucket.as_ref()?.bucket.to_string()));
    let connection =
        Connection { endpoint, endpoints, region: REGION, key, secret, buckets: buckets.collect() };
    if remote.json {
        return output::json(&connection);
    }
    output::line(&connection.settings(options.tool))?;
    if let Some(nodes) = connection.choice_of_nodes() {
        output::remark(&nodes);
    }
    if connection.secret.is_some() {
        output::remark("This is the only time the secret is shown.");
    } else {
        output::remark("The secret was shown when the key was created. --new-key NAME creates another key.");
    }
    Ok(())
}

fn mode_of(mode: Mode) -> String {
    let mode = match mode {
        Mode::Normal => RepositoryMode::Normal,
        Mode::Mirror => RepositoryMode::Mirror,
    };
    mode.as_str().to_owned()
}

fn buckets_text(repo: &Repo<'_>) -> String {
    let text = |attached: &RepoBucket<'_>| {
        let name = attached.bucket.as_ref().map_or_else(|| REMOVED.to_owned(), |b| b.name.to_string());
        if attached.folder.is_empty() { name } else { format!("{name}:{}", attached.folder) }
    };
    repo.buckets.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// The repository's current buckets, in the form that a request sends them.
fn present(repo: &Repo<'_>) -> Vec<BucketPlace> {
    let request = |attached: &RepoBucket<'_>| BucketPlace {
        bucket_id: Some(attached.bucket_id.to_string()),
        unit_id: None,
        folder: Some(attached.folder.to_string()),
        master: Some(attached.master),
    };
    repo.buckets.iter().map(request).collect()
}

/// A bucket to attach.
struct BucketArgument {
    workspace_id: WorkspaceId,
    request: BucketPlace,
}

/// Resolves `BUCKET[:FOLDER]` arguments. If the whole text is a bucket's name, there is no folder, because names
/// may contain colons; otherwise the folder follows the first colon.
async fn attached(client: &ApiClient, texts: &[String]) -> Result<Vec<BucketArgument>> {
    let mut attached = Vec::new();
    for text in texts {
        let (bucket, folder) = match (find_bucket(client, text).await, text.split_once(':')) {
            (Ok(bucket), _) => (bucket, ""),
            (Err(_), Some((name, folder))) => (find_bucket(client, name).await?, folder),
            (Err(failure), None) => return Err(failure),
        };
        let request = BucketPlace {
            bucket_id: Some(bucket.id.to_string()),
            unit_id: None,
            folder: Some(folder.to_owned()),
            master: Some(false),
        };
        attached.push(BucketArgument { workspace_id: bucket.workspace_id, request });
    }
    Ok(attached)
}

/// The same failure with the names of buckets instead of their ids, which the API uses in conflicts.
async fn with_names(client: &ApiClient, failure: Failure) -> Failure {
    let Failure::Failed(mut message) = failure else { return failure };
    let words: Vec<String> = message.split_whitespace().map(str::to_owned).collect();
    for id in words.iter().map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric())) {
        if id.parse::<BucketId>().is_ok()
            && let Ok(bucket) = find_bucket(client, id).await
        {
            message = message.replace(id, &format!("{:?}", bucket.name));
        }
    }
    Failure::Failed(message)
}

/// Marks the named bucket as the master; changes nothing without a name.
async fn marked(
    client: &ApiClient,
    mut places: Vec<BucketPlace>,
    master: Option<&str>,
) -> Result<Vec<BucketPlace>> {
    if let Some(text) = master {
        let master = find_bucket(client, text).await?.id.to_string();
        let is_master = |place: &BucketPlace| place.bucket_id.as_ref() == Some(&master);
        if !places.iter().any(is_master) {
            return Err(Failure::usage(format!("--master {text:?} is not one of the repository's buckets")));
        }
        for place in &mut places {
            place.master = Some(is_master(place));
        }
    }
    Ok(places)
}

async fn all(client: &ApiClient, workspace: Option<WorkspaceId>) -> Result<Vec<Repo<'static>>> {
    let (mut repos, mut cursor) = (Vec::new(), None);
    loop {
        let page = client.repositories(workspace, Some(PAGE), cursor.as_deref()).await?;
        repos.extend(page.repos);
        if page.next_cursor.is_none() {
            return Ok(repos);
        }
        cursor = page.next_cursor;
    }
}
