//! The built binary, running as a node in a separate process.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use bucketry_test_servers::bucketry_node::{BucketryNode, NodePlace};
use http::Method;

use crate::environment::binary;
use crate::network_host::NetworkHost;
use crate::server::in_background;
use crate::{Call, Person, Result};

/// A running `bucketry node`. Dropping it kills it and removes its data directory.
#[derive(Debug)]
pub struct RemoteNode {
    // Moved to a blocking thread while a step runs.
    inner: Option<BucketryNode>,
    gateway: String,
    status: String,
    data_dir: PathBuf,
}

impl RemoteNode {
    /// Starts a node and waits until it is ready. It signs its messages with a copy of the key.
    pub async fn start(control_plane: &str, key: &Path, arguments: &[&str]) -> Result<Self> {
        Self::start_program(&binary()?, control_plane, key, arguments).await
    }

    /// Starts a node with another binary than the one under test.
    pub async fn start_program(
        program: &Path,
        control_plane: &str,
        key: &Path,
        arguments: &[&str],
    ) -> Result<Self> {
        Self::start_in(program, NodePlace::here(), control_plane, key, arguments).await
    }

    /// Starts a node on another host.
    pub async fn start_on(
        host: &NetworkHost,
        control_plane: &str,
        key: &Path,
        arguments: &[&str],
    ) -> Result<Self> {
        let place = NodePlace { namespace: Some(host.name().to_owned()), host: host.own_address() };
        Self::start_in(&binary()?, place, control_plane, key, arguments).await
    }

    async fn start_in(
        program: &Path,
        place: NodePlace,
        control_plane: &str,
        key: &Path,
        arguments: &[&str],
    ) -> Result<Self> {
        let (program, control_plane, key) = (program.to_owned(), control_plane.to_owned(), key.to_owned());
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let inner = tokio::task::spawn_blocking(move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            BucketryNode::start(&program, place, &control_plane, &key, &arguments)
        })
        .await??;
        Ok(Self::of(inner))
    }

    fn of(inner: BucketryNode) -> Self {
        Self {
            gateway: inner.gateway().to_owned(),
            status: inner.status().to_owned(),
            data_dir: inner.data_dir(),
            inner: Some(inner),
        }
    }

    /// Starts another node with the same settings and a copy of the data directory, as if its machine had been copied.
    pub async fn start_copy(&mut self) -> Result<Self> {
        in_background(&mut self.inner, |node| node.start_copy()).await.map(Self::of)
    }

    /// Starts a node like [`RemoteNode::start`], and approves it as this user.
    pub async fn start_approved(
        owner: &Person,
        control_plane: &str,
        key: &Path,
        name: &str,
        arguments: &[&str],
    ) -> Result<Self> {
        let arguments: Vec<_> = ["--name", name].iter().chain(arguments).copied().collect();
        // A node is ready when it has been approved.
        let (node, approved) =
            tokio::join!(Self::start(control_plane, key, &arguments), owner.approve_node(name));
        approved?;
        node
    }

    /// The gateway's URL. A restart changes the port.
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// The node's data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// A GET of `/health`, `/ready` or `/metrics`.
    pub fn get(&self, path: &str) -> Call {
        Call::new(Method::GET, &self.status, path)
    }

    /// Everything that the node has printed so far, including before restarts.
    pub fn log(&self) -> String {
        self.inner.as_ref().map(BucketryNode::log).unwrap_or_default()
    }

    /// Starts the node again with another binary, on the same data directory.
    pub async fn upgrade(&mut self, program: &Path) -> Result<()> {
        let program = program.to_owned();
        in_background(&mut self.inner, move |node| {
            node.use_program(&program);
            Ok(())
        })
        .await?;
        self.restart().await
    }

    /// The process id, while the node runs.
    pub fn process_id(&self) -> Option<u32> {
        self.inner.as_ref().and_then(BucketryNode::process_id)
    }

    /// Kills the node (SIGKILL).
    pub async fn kill_hard(&mut self) -> Result<()> {
        in_background(&mut self.inner, BucketryNode::kill_hard).await
    }

    /// Stops the node (SIGTERM) and waits for its exit status. `None` if it isn't running.
    pub async fn terminate(&mut self) -> Result<Option<ExitStatus>> {
        in_background(&mut self.inner, BucketryNode::terminate).await
    }

    /// Starts the node again on the same data directory and waits until it is ready. A running node is killed first.
    pub async fn restart(&mut self) -> Result<()> {
        (self.gateway, self.status) = in_background(&mut self.inner, |node| {
            node.start_again()?;
            Ok((node.gateway().to_owned(), node.status().to_owned()))
        })
        .await?;
        Ok(())
    }
}
