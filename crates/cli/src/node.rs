//! `bucketry node …`.

use bucketry_api_types::node::RegisteredNode;

use crate::arguments::{NodeCommand, Remote};
use crate::credentials::connect;
use crate::failure::Result;
use crate::output;

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
                    node.ip.clone(),
                    node.region.clone(),
                    node.version.clone(),
                    node.status.to_string(),
                    node.last_updated.to_string(),
                    node.id.to_string(),
                ]
            };
            output::table(
                &["NAME", "REGION", "VERSION", "STATUS", "LAST SEEN", "ID"],
                nodes.iter().map(row).collect(),
            )
        }
    }
}
