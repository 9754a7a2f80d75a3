//! `bucketry organization key …`: the keys with which an organization's nodes sign.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use bucketry_api_types::organization_key::{OrganizationKeyInfo, OrganizationKeyMade};
use bucketry_client::ApiClient;
use bucketry_model::id::{NodeKeyId, OrgId};
use bucketry_model::secret::Secret;
use bucketry_vault::NodeSigningKey;
use serde_json::json;

use crate::confirmation::Confirmation;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::organization_arguments::{DeletedKeys, OrganizationKeyCommand};
use crate::output;
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};

const COLUMNS: &[Column] =
    &[Column::new("ID", "id", 0), Column::new("CREATED", "created", 2), Column::number("NODES", "nodes", 1)];

/// Runs a command on the organization's keys.
pub(crate) async fn run(remote: &Remote, command: OrganizationKeyCommand) -> Result<()> {
    let client = connect(remote).await?;
    let organization = client.profile().await?.org_id;
    match command {
        OrganizationKeyCommand::List => list(remote, &client.organization_keys(organization).await?),
        OrganizationKeyCommand::Add { out: None } => {
            let private = create(&client, organization).await?;
            if remote.json {
                let id = id_of(&client, organization, &private).await?;
                return output::json(&json!({ "id": id, "privateKey": private.expose() }));
            }
            output::line(private.expose().trim_end())?;
            output::remark("This is the only time the private key is shown.");
            Ok(())
        }
        OrganizationKeyCommand::Add { out: Some(path) } => add_to(remote, &client, organization, &path).await,
        OrganizationKeyCommand::Rm { which, confirmation } => {
            delete(remote, &client, organization, which, confirmation).await
        }
    }
}

fn list(remote: &Remote, keys: &[OrganizationKeyInfo]) -> Result<()> {
    if remote.json {
        return output::json(&keys);
    }
    let row = |key: &OrganizationKeyInfo| {
        vec![Cell::text(key.id), Cell::time(Some(key.created_at)), Cell::count(key.node_keys.len())]
    };
    Table::new(COLUMNS, keys.iter().map(row)).print(remote)
}

/// Creates a key. Returns the private half as PEM.
async fn create(client: &ApiClient, organization: OrgId) -> Result<Secret> {
    match client.create_organization_key(organization).await? {
        OrganizationKeyMade::Key(private) => Ok(private),
        OrganizationKeyMade::Again { message, .. } => Err(Failure::failed(message)),
    }
}

/// The id of a new key. The response to its creation has none, but the list has the public half of each key.
async fn id_of(client: &ApiClient, organization: OrgId, private: &Secret) -> Result<NodeKeyId> {
    let unreadable = |error| Failure::because("the server returned a key that can't be read", &error);
    let public = NodeSigningKey::from_pem(private).and_then(|key| key.verifying_key()).map_err(unreadable)?;
    let keys = client.organization_keys(organization).await?;
    let made = keys.iter().find(|key| key.public_key.trim() == public.to_pem().trim());
    made.map(|key| key.id)
        .ok_or_else(|| Failure::failed("somebody has just deleted the new key: create another"))
}

/// Creates a key and writes it to a new file. The file is created first: a key that can't be stored is useless.
async fn add_to(remote: &Remote, client: &ApiClient, organization: OrgId, path: &Path) -> Result<()> {
    let mut file = new_private_file(path)?;
    let created = create(client, organization).await;
    let written = created.and_then(|private| write(&mut file, path, &private).map(|()| private));
    let private = written.inspect_err(|_| drop(fs::remove_file(path)))?;
    let id = id_of(client, organization, &private).await;
    let id = id.map_err(|failure| failure.about(&format!("the private key is in {}", path.display())))?;
    let sentence = format!("wrote the private key of {id} to {}", path.display());
    output::done(remote.json, &json!({ "id": id, "file": path }), &sentence)
}

fn new_private_file(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::usage(format!(
            "--out: {} exists already, and a private key is not overwritten: name another file, or remove this one",
            path.display()
        )),
        _ => Failure::usage(format!("--out: can't create {}: {error}", path.display())),
    })
}

fn write(file: &mut File, path: &Path, private: &Secret) -> Result<()> {
    let written = file.write_all(private.expose().as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        Failure::failed(format!(
            "can't write the private key to {}: {error}: delete the new key (`bucketry organization key list`), and \
             create another",
            path.display()
        ))
    })
}

async fn delete(
    remote: &Remote,
    client: &ApiClient,
    organization: OrgId,
    which: DeletedKeys,
    confirmation: Confirmation,
) -> Result<()> {
    let effect = "are disconnected at once, and must register again with another key. This can't be undone.";
    let Some(id) = which.key else {
        confirmation
            .ask(&format!("Delete all keys of the organization? All nodes of the organization {effect}"))?;
        let sentence = client.delete_organization_keys(organization).await?;
        return output::done(remote.json, &json!({ "message": sentence }), &sentence);
    };
    confirmation.ask(&format!("Delete the key {id}? Nodes that registered with it {effect}"))?;
    client.delete_organization_key(organization, id).await.map_err(|error| match error.status() {
        Some(404) => Failure::failed(format!(
            "your organization has no key {id}; `bucketry organization key list` shows its keys"
        )),
        _ => error.into(),
    })?;
    output::done(remote.json, &json!({ "deleted": id }), &format!("deleted {id}"))
}
