//! `bucketry node …`.

use serde_json::Value;

use crate::arguments::{NodeCommand, Remote};
use crate::credentials::connect;
use crate::failure::Result;
use crate::output;

/// Runs a command on nodes.
pub(crate) async fn run(remote: &Remote, command: NodeCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        NodeCommand::List => {
            let answer: Value = client.get("/node").await?;
            let nodes = answer.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
            if remote.json {
                return output::json(&nodes);
            }
            let row = |node: &Value| {
                let text = |field: &str| node.get(field).and_then(Value::as_str).unwrap_or("-").to_owned();
                ["ip", "region", "version", "status", "lastUpdated", "id"].map(text).to_vec()
            };
            output::table(
                &["NAME", "REGION", "VERSION", "STATUS", "LAST SEEN", "ID"],
                nodes.iter().map(row).collect(),
            )
        }
    }
}
