//! A measured `bucketry node`, which the owner of the deployment has approved.

use std::path::Path;
use std::time::{Duration, Instant};

use bucketry_test_servers::bucketry_node::{BucketryNode, NodePlace};
use http::Method;
use serde_json::{Value, json};

use crate::deployment::{Deployment, text};
use crate::process::Process;
use crate::{Plan, Result};

const REGISTERS_WITHIN: Duration = Duration::from_mins(1);

/// A running node.
pub(crate) struct ApprovedNode {
    inner: BucketryNode,
    pub(crate) process: Process,
}

impl ApprovedNode {
    /// Starts a node that is connected to this control plane, and approves it. `key` is the deployment's `node.pem`. Like the
    /// servers that are measured, it has no limit on the connections of an address.
    pub(crate) async fn start(
        plan: &Plan,
        control_plane: &Deployment,
        key: &Path,
        name: &str,
        arguments: &[&str],
    ) -> Result<Self> {
        let (program, url, key) = (plan.bucketry.clone(), control_plane.url().to_owned(), key.to_owned());
        let usual = ["--name", name, "--connections-per-address", "0"];
        let all: Vec<String> = usual.iter().chain(arguments).map(|argument| (*argument).to_owned()).collect();
        let starting = tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = all.iter().map(String::as_str).collect();
            BucketryNode::start(&program, NodePlace::here(), &url, &key, &arguments)
        });
        // A node is ready when it has been approved.
        let (started, approved) = tokio::join!(starting, approve(control_plane, name));
        let inner = started??;
        approved?;
        Ok(Self { process: process_of(&inner)?, inner })
    }

    /// Starts the node again, as a new process.
    pub(crate) fn restart(&mut self) -> Result {
        self.inner.terminate()?;
        self.inner.start_again()?;
        self.process = process_of(&self.inner)?;
        Ok(())
    }

    /// The gateway's URL, which changes with each start.
    pub(crate) fn gateway(&self) -> &str {
        self.inner.gateway()
    }

    /// Stops the node with SIGTERM.
    pub(crate) fn stop(mut self) -> Result {
        self.inner.terminate()?;
        Ok(())
    }
}

fn process_of(node: &BucketryNode) -> Result<Process> {
    Process::new(node.process_id().ok_or("the node is gone")?)
}

/// Waits until the node has registered, and approves its public key.
async fn approve(control_plane: &Deployment, name: &str) -> Result {
    let mut connection = control_plane.connect().await?;
    let deadline = Instant::now() + REGISTERS_WITHIN;
    loop {
        let nodes = connection.json(Method::GET, "/node", None).await?;
        let registered = nodes["data"].as_array().and_then(|all| all.iter().find(|node| node["ip"] == name));
        if let Some(node) = registered {
            let path = format!("/node/{}/approval", text(node, "id")?);
            let recipient: Value = json!({ "recipient": node["recipient"] });
            connection.json(Method::POST, &path, Some(&recipient)).await?;
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("the node {name} hasn't registered within {REGISTERS_WITHIN:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
