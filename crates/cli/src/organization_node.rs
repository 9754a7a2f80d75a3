//! `bucketry organization node …`: the organization's own nodes.

use serde_json::json;

use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::organization_arguments::OrganizationNodeCommand;
use crate::remote::Remote;
use crate::{nodes, output};

/// Runs a command on the organization's own nodes.
pub(crate) async fn run(remote: &Remote, command: OrganizationNodeCommand) -> Result<()> {
    let client = connect(remote).await?;
    let organization = client.profile().await?.org_id;
    let own = client.organization_nodes(organization).await?;
    match command {
        OrganizationNodeCommand::List => nodes::list(remote, &own),
        OrganizationNodeCommand::Rm { node, confirmation } => {
            let wanted = node.trim();
            let found = own.iter().find(|one| one.ip == wanted || one.id.to_string() == wanted);
            let found = found.ok_or_else(|| {
                Failure::failed(format!(
                    "your organization has no node {wanted:?}; `bucketry organization node list` shows its nodes"
                ))
            })?;
            confirmation.ask(&format!(
                "Delete the node {}? It is disconnected at once. To bring it back, create a key, and register the node \
                 with it.",
                found.ip
            ))?;
            client.delete_organization_node(organization, found.id).await?;
            output::done(remote.json, &json!({ "deleted": found.id }), &format!("deleted {}", found.ip))
        }
    }
}
