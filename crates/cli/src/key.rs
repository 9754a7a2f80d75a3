//! `bucketry key …`: access keys of repositories.

use bucketry_api_types::repository::Repo;
use bucketry_api_types::repository_key::RepoKey;
use bucketry_client::ApiClient;
use bucketry_model::id::RepoKeyId;
use serde_json::json;

use crate::confirmation::Confirmation;
use crate::connect::new_secret;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::named::{ListedOrId, NamedResource, find_repository, one_named_or_id};
use crate::output;
use crate::remote::Remote;
use crate::repository_arguments::KeyCommand;
use crate::table::{Cell, Column, Table};

const COLUMNS: &[Column] = &[
    Column::text("NAME", "name", 0, 16),
    Column::new("ACCESS", "access", 2),
    Column::new("KEY", "key", 1),
    Column::new("LAST USED", "last_used", 3),
    Column::only_wide("ID", "id"),
];

/// Runs a command on access keys.
pub(crate) async fn run(remote: &Remote, command: KeyCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        KeyCommand::List { repo } => {
            let keys = find_repository(&client, &repo).await?.api_keys;
            if remote.json {
                return output::json(&keys);
            }
            let row = |key: &RepoKey<'_>| {
                let never = || Cell::with_exact("never", "");
                vec![
                    Cell::text(&key.name),
                    Cell::text(key.access_type.as_str()),
                    Cell::text(&key.key),
                    key.last_used_at.map_or_else(never, |at| Cell::time(Some(at))),
                    Cell::text(key.id),
                ]
            };
            Table::new(COLUMNS, keys.iter().map(row)).print(remote)
        }
        KeyCommand::Add { name, repo, access } => {
            let repo = find_repository(&client, &repo).await?;
            let made = client.create_repository_key(repo.id, &name, access.into()).await?;
            let secret = new_secret(&made)?;
            if remote.json {
                return output::json(&json!({ "id": made.id, "key": made.key, "secret": secret.expose() }));
            }
            output::line(&format!("key     {}\nsecret  {}", made.key, secret.expose()))?;
            output::remark("This is the only time the secret is shown.");
            Ok(())
        }
        KeyCommand::Update { key, repo, name, access } => {
            if name.is_none() && access.is_none() {
                return Err(Failure::usage("nothing to change: pass --name or --access"));
            }
            let repo = find_repository(&client, &repo).await?;
            let key = match choose(client.repository_keys(repo.id).await?, &repo, &key)? {
                ListedOrId::Listed(key) => key,
                ListedOrId::Id(_) => return Err(Failure::failed(missing(&repo, &key))),
            };
            let access = access.map_or(key.access_type, Into::into);
            let name = name.unwrap_or_else(|| key.name.into_owned());
            client.update_repository_key(repo.id, key.id, &name, access).await?;
            let changed = json!({ "id": key.id, "name": name, "accessType": access });
            output::done(remote.json, &changed, &format!("updated {name}, {}", access.as_str()))
        }
        KeyCommand::Rm { key, repo, confirmation } => {
            let repo = find_repository(&client, &repo).await?;
            revoke(remote, &client, &repo, &key, confirmation).await
        }
    }
}

async fn revoke(
    remote: &Remote,
    client: &ApiClient,
    repo: &Repo<'_>,
    text: &str,
    confirmation: Confirmation,
) -> Result<()> {
    let (id, name) = match choose(client.repository_keys(repo.id).await?, repo, text)? {
        ListedOrId::Listed(key) => (key.id, format!("{} ({})", key.name, key.key)),
        ListedOrId::Id(id) => (id, id.to_string()),
    };
    confirmation.ask(&format!(
        "Revoke the key {name} of {}? Applications that use it lose access within seconds. Its secret is destroyed, which \
         can't be undone.",
        repo.name
    ))?;
    client.revoke_repository_key(repo.id, id).await.map_err(|error| match error.status() {
        Some(404) => Failure::failed(missing(repo, text)),
        _ => error.into(),
    })?;
    output::done(remote.json, &json!({ "revoked": id }), &format!("revoked {name}"))
}

fn missing(repo: &Repo<'_>, text: &str) -> String {
    format!("{} has no key {text:?}; `bucketry key list --repo {:?}` shows its keys", repo.name, repo.name)
}

/// Finds a key by access key id, by id, or by a name that only one key has.
fn choose<'a>(
    mut keys: Vec<RepoKey<'a>>,
    repo: &Repo<'_>,
    text: &str,
) -> Result<ListedOrId<RepoKey<'a>, RepoKeyId>> {
    if let Some(at) = keys.iter().position(|key| key.key == text || key.id.to_string() == text) {
        return Ok(ListedOrId::Listed(keys.swap_remove(at)));
    }
    let wanted = text.trim().to_lowercase();
    keys.retain(|key| key.name.to_lowercase() == wanted);
    let named = keys.into_iter().map(|key| NamedResource {
        id: key.key.to_string(),
        note: key.access_type.as_str().to_owned(),
        value: key,
    });
    one_named_or_id("keys", text, named.collect(), || missing(repo, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_not_in_the_list_is_left_to_the_server() {
        let repo: Repo<'_> = serde_json::from_value(json!({
            "id": "0197a3b0-0000-7000-8000-0000000000cc", "name": "Media", "mode": "NORMAL", "storageType": "S3",
            "workspaceId": "0197a3b0-0000-7000-8000-0000000000dd", "createdAt": "2026-03-01T10:00:00Z",
            "updatedAt": "2026-03-01T10:00:00Z", "buckets": [], "apiKeys": [],
        }))
        .unwrap();
        let key = json!({
            "id": "0197a3b0-0000-7000-8000-0000000000aa", "name": "Laptop", "accessType": "READ", "key": "BKTEXAMPLE",
            "createdAt": "2026-03-01T10:00:00Z",
        });
        let all = || vec![serde_json::from_value::<RepoKey<'_>>(key.clone()).unwrap()];
        let listed = |text: &str| matches!(choose(all(), &repo, text), Ok(ListedOrId::Listed(_)));
        assert!(listed("laptop") && listed("BKTEXAMPLE") && listed("0197a3b0-0000-7000-8000-0000000000aa"));
        let other = "0197a3b0-0000-7000-8000-0000000000bb";
        let Ok(ListedOrId::Id(id)) = choose(all(), &repo, other) else { panic!("it may exist") };
        assert_eq!(id.to_string(), other);
        let failure = choose(all(), &repo, "BKTOTHER").unwrap_err();
        assert!(failure.message().starts_with("Media has no key \"BKTOTHER\""), "{failure:?}");
    }
}
