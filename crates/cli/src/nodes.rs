//! `bucketry nodes …`.

use bucketry_api_types::node::RegisteredNode;

use crate::arguments::NodesCommand;
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
    ])
}
