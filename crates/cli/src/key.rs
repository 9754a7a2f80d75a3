//! `bucketry key …`: access keys of repositories.

use bucketry_api_types::repository::Repo;
use bucketry_api_types::repository_key::RepoKey;
use bucketry_client::ApiClient;
use serde_json::json;

use crate::connect::new_secret;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::named::{NamedResource, find_repository, one_named};
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
            let key = find_key(&client, &repo, &key).await?;
            let access = access.map_or(key.access_type, Into::into);
            let name = name.unwrap_or_else(|| key.name.into_owned());
            client.update_repository_key(repo.id, key.id, &name, access).await?;
            let changed = json!({ "id": key.id, "name": name, "accessType": access });
            output::done(remote.json, &changed, &format!("updated {name}, {}", access.as_str()))
        }
        KeyCommand::Rm { key, repo, confirmation } => {
            let repo = find_repository(&client, &repo).await?;
            let key = find_key(&client, &repo, &key).await?;
            confirmation.ask(&format!(
                "Revoke the key {} ({}) of {}? Applications that use it lose access within seconds. Its secret is \
                 destroyed, which can't be undone.",
                key.name, key.key, repo.name
            ))?;
            client.revoke_repository_key(repo.id, key.id).await?;
            let sentence = format!("revoked {} ({})", key.name, key.key);
            output::done(remote.json, &json!({ "revoked": key.id }), &sentence)
        }
    }
}

/// Finds a key by access key id, by id, or by a name that only one key has.
async fn find_key(client: &ApiClient, repo: &Repo<'_>, text: &str) -> Result<RepoKey<'static>> {
    let mut keys = client.repository_keys(repo.id).await?;
    if let Some(at) = keys.iter().position(|key| key.key == text || key.id.to_string() == text) {
        return Ok(keys.swap_remove(at));
    }
    let wanted = text.trim().to_lowercase();
    keys.retain(|key| key.name.to_lowercase() == wanted);
    let named = keys.into_iter().map(|key| NamedResource {
        id: key.key.to_string(),
        note: key.access_type.as_str().to_owned(),
        value: key,
    });
    one_named("keys", text, named.collect(), || {
        format!(
            "{} has no key {text:?}; `bucketry key list --repo {:?}` shows its keys",
            repo.name, repo.name
        )
    })
}
