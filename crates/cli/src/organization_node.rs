//! `bucketry organization node …`: the organization's own nodes.

use bucketry_api_types::node::RegisteredNode;
use serde_json::json;

use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::organization_arguments::OrganizationNodeCommand;
use crate::output;
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};

const COLUMNS: &[Column] = &[
    Column::text("NAME", "name", 0, 16),
    Column::text("REGION", "region", 3, 10),
    Column::text("VERSION", "version", 4, 8),
    Column::new("STATUS", "status", 1),
    Column::new("LAST SEEN", "last_seen", 2),
    Column::only_wide("ID", "id"),
];

/// Runs a command on the organization's own nodes.
pub(crate) async fn run(remote: &Remote, command: OrganizationNodeCommand) -> Result<()> {
    let client = connect(remote).await?;
    let organization = client.profile().await?.org_id;
    let nodes = client.organization_nodes(organization).await?;
    match command {
        OrganizationNodeCommand::List => list(remote, &nodes),
        OrganizationNodeCommand::Rm { node, confirmation } => {
            let wanted = node.trim();
            let found = nodes.iter().find(|one| one.ip == wanted || one.id.to_string() == wanted);
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

fn list(remote: &Remote, nodes: &[RegisteredNode]) -> Result<()> {
    if remote.json {
        return output::json(&nodes);
    }
    let row = |node: &RegisteredNode| {
        vec![
            Cell::text(&node.ip),
            Cell::text(&node.region),
            Cell::text(&node.version),
            Cell::status(node.status),
            Cell::time(Some(node.last_updated)),
            Cell::text(node.id),
        ]
    };
    Table::new(COLUMNS, nodes.iter().map(row)).print(remote)
}
