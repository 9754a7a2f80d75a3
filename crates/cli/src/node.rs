//! `bucketry node …`.

use bucketry_api_types::node::RegisteredNode;

use crate::arguments::NodeCommand;
use crate::credentials::connect;
use crate::failure::Result;
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
pub(crate) async fn run(remote: &Remote, command: NodeCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        NodeCommand::List => {
            let nodes = client.nodes().await?;
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
    }
}
