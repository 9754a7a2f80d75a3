//! `bucketry nodes …`.

use bucketry_api_types::node::{NodeApproval, RegisteredNode, RewrapProgress};
use bucketry_client::ApiClient;
use bucketry_vault::Recipient;
use serde_json::json;

use crate::arguments::NodesCommand;
use crate::confirmation::Confirmation;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::output;
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};

const COLUMNS: &[Column] = &[
    Column::text("NAME", "name", 0, 16),
    Column::text("REGION", "region", 3, 10),
    Column::text("VERSION", "version", 4, 8),
    Column::new("STATUS", "status", 1),
    Column::new("LAST SEEN", "last_seen", 2),
    Column::new("SECRETS", "secrets", 1),
    Column::only_wide("ID", "id"),
];

/// Runs a command on nodes.
pub(crate) async fn run(remote: &Remote, command: NodesCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        NodesCommand::List => list(remote, &client.nodes().await?),
        NodesCommand::Show { node } => {
            let node = find(client.nodes().await?, node.trim())?;
            if remote.json { output::json(&node) } else { show(&node) }
        }
        NodesCommand::Approve { node, recipient, confirmation } => {
            let node = find(client.nodes().await?, node.trim())?;
            approve(remote, &client, &node, recipient, &confirmation).await
        }
        NodesCommand::Rm { node, force, confirmation } => {
            let node = find(client.nodes().await?, node.trim())?;
            confirmation.ask(&format!(
                "Remove the node {}? Stop it first. Stored secrets are sealed again without it; replace the provider keys that \
                 it has seen if its machine may be compromised.",
                node.ip
            ))?;
            client.delete_node(node.id, force).await?;
            output::done(remote.json, &json!({ "deleted": node.id }), &format!("removed {}", node.ip))
        }
    }
}

async fn approve(
    remote: &Remote,
    client: &ApiClient,
    node: &RegisteredNode,
    recipient: Option<Recipient>,
    confirmation: &Confirmation,
) -> Result<()> {
    let Some(key) = node.recipient.as_deref() else {
        return Err(Failure::failed(format!(
            "the node {} has no public key, so it needs no approval",
            node.ip
        )));
    };
    match recipient {
        Some(expected) if expected.to_string() != key => {
            return Err(Failure::failed(format!(
                "the node {} has another public key in use: {key}. It was not approved",
                node.ip
            )));
        }
        Some(_) => {}
        None => confirmation.ask(&format!(
            "Let the node {} open secrets? Compare its public key with the one that the node logs: {key}",
            node.ip
        ))?,
    }
    client.approve_node(node.id, key).await?;
    output::done(
        remote.json,
        &json!({ "approved": node.id, "recipient": key }),
        &format!(
            "approved {}; `bucketry nodes list` shows how far the stored secrets are sealed to it",
            node.ip
        ),
    )
}

/// Whether the node can open the stored secrets.
fn secrets(node: &RegisteredNode) -> String {
    match (node.approval, node.rewrap) {
        (NodeApproval::Pending, _) => "waits for approval".to_owned(),
        (_, Some(RewrapProgress::Running { percent })) => format!("sealing, {percent}%"),
        (_, Some(RewrapProgress::Waiting { failed: Some(failed) })) => format!("{failed} not sealed again"),
        (_, Some(RewrapProgress::Waiting { failed: None })) => "some not sealed again".to_owned(),
        _ if node.recipient.is_none() => "none".to_owned(),
        _ => "sealed".to_owned(),
    }
}

/// Prints nodes as a table, or as JSON.
pub(crate) fn list(remote: &Remote, nodes: &[RegisteredNode]) -> Result<()> {
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
            Cell::text(secrets(node)),
            Cell::text(node.id),
        ]
    };
    Table::new(COLUMNS, nodes.iter().map(row)).print(remote)
}

/// Finds a node by its id or its name, which is unique.
fn find(nodes: Vec<RegisteredNode>, name_or_id: &str) -> Result<RegisteredNode> {
    let named = |node: &RegisteredNode| {
        node.ip.eq_ignore_ascii_case(name_or_id) || node.id.to_string().eq_ignore_ascii_case(name_or_id)
    };
    nodes.into_iter().find(named).ok_or_else(|| {
        Failure::failed(format!("there is no node {name_or_id:?}; `bucketry nodes list` shows the nodes"))
    })
}

fn show(node: &RegisteredNode) -> Result<()> {
    let serves =
        node.id_org.map_or_else(|| "all organizations".to_owned(), |org| format!("organization {org}"));
    let gateway = node.gateway_url.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    output::pairs(&[
        ("name", node.ip.clone()),
        ("id", node.id.to_string()),
        ("status", node.status.to_string()),
        ("last seen", node.last_updated.to_string()),
        ("region", node.region.clone()),
        ("version", node.version.clone()),
        ("gateway", gateway),
        ("serves", serves),
        ("secrets", secrets(node)),
        ("public key", node.recipient.clone().unwrap_or_else(|| "none".to_owned())),
    ])
}
