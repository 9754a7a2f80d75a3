//! `bucketry key …`: access keys of repositories.

use bucketry_api_types::repository_key::RepoKey;
use bucketry_client::ApiClient;
use bucketry_model::id::RepoId;

use crate::arguments::Remote;
use crate::connect::new_secret;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::output;
use crate::repository::find;
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
            let keys = find(&client, &repo).await?.api_keys;
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
            let repo = find(&client, &repo).await?;
            let made = client.create_repository_key(repo.id, &name, access.into()).await?;
            let secret = new_secret(&made)?;
            if remote.json {
                return output::json(&serde_json::json!({
                    "id": made.id, "key": made.key, "secret": secret.expose(),
                }));
            }
            output::line(&format!("key     {}\nsecret  {}", made.key, secret.expose()))?;
            output::remark("This is the only time the secret is shown.");
            Ok(())
        }
        KeyCommand::Update { key, repo, name, access } => {
            let repo = find(&client, &repo).await?;
            let key = find_key(&client, repo.id, &key).await?;
            let access = access.map_or(key.access_type, Into::into);
            let name = name.unwrap_or_else(|| key.name.into_owned());
            client.update_repository_key(repo.id, key.id, &name, access).await?;
            if remote.json {
                return output::json(
                    &serde_json::json!({ "id": key.id, "name": name, "accessType": access }),
                );
            }
            output::line(&format!("updated {name}, {}", access.as_str()))
        }
        KeyCommand::Rm { key, repo } => {
            let repo = find(&client, &repo).await?;
            let key = find_key(&client, repo.id, &key).await?;
            client.revoke_repository_key(repo.id, key.id).await?;
            if remote.json {
                return output::json(&serde_json::json!({ "revoked": key.id }));
            }
            output::line(&format!("revoked {} ({})", key.name, key.key))
        }
    }
}

/// Finds a key by access key id, by id, or by a name that only one key has.
async fn find_key(client: &ApiClient, repo: RepoId, text: &str) -> Result<RepoKey<'static>> {
    let mut keys = client.repository_keys(repo).await?;
    if let Some(at) = keys.iter().position(|key| key.key == text || key.id.to_string() == text) {
        return Ok(keys.swap_remove(at));
    }
    keys.retain(|key| key.name.to_lowercase() == text.trim().to_lowercase());
    match (keys.pop(), keys.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            Err(Failure::failed(format!("several keys are named {text:?}: use the access key id instead")))
        }
        (None, _) => Err(Failure::failed(format!(
            "the repository has no key {text:?}; `bucketry key list --repo …` shows its keys"
        ))),
    }
}
