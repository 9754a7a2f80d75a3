//! A measured `bucketry serve`, and the buckets registered in it.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use bucketry_test_servers::bucketry::{Bucketry, OWNER_EMAIL, OWNER_PASSWORD, Options};
use futures_util::future::try_join_all;
use http::Method;
use serde_json::{Value, json};

use crate::Result;
use crate::connection::Connection;
use crate::process::Process;

/// Concurrent registrations while a deployment is filled.
const AT_ONCE: usize = 8;

/// A running server with its owner's token.
pub(crate) struct Deployment {
    server: Bucketry,
    pub(crate) token: String,
    pub(crate) workspace: String,
    pub(crate) process: Process,
}

/// The server's default settings without rate limits and without a limit on the connections of an address, because
/// a benchmark is a single client.
pub(crate) fn options(program: &Path, data_dir: &Path) -> Options {
    Options::new(program).data_dir(data_dir).env("BUCKETRY_CONNECTIONS_PER_ADDRESS", "0")
}

impl Deployment {
    /// Starts a server and logs in.
    pub(crate) async fn start(options: Options) -> Result<Self> {
        Self::of(Bucketry::start(options)?).await
    }

    /// Logs in to a running server.
    pub(crate) async fn of(server: Bucketry) -> Result<Self> {
        let process = Process::new(server.process_id().ok_or("the server is gone")?)?;
        let mut connection = Connection::open(server.api(), None).await?;
        let credentials = json!({ "email": OWNER_EMAIL, "password": OWNER_PASSWORD });
        let session = connection.json(Method::POST, "/user/login", Some(&credentials)).await?;
        let token = text(&session, "accessToken")?;
        let mut deployment = Self { server, token, workspace: String::new(), process };
        let workspaces = deployment.connect().await?.json(Method::GET, "/workspace", None).await?;
        let first = workspaces["workspaces"].get(0).or_else(|| workspaces.get(0));
        deployment.workspace = text(first.ok_or("no workspace")?, "id")?;
        Ok(deployment)
    }

    /// Starts another control plane on the same database, without a node, and logs in there.
    pub(crate) async fn start_beside(&self, options: Options) -> Result<Self> {
        Self::of(Bucketry::start_beside(&self.server, options)?).await
    }

    /// Kills the server with SIGKILL.
    pub(crate) fn kill(&mut self) -> Result {
        Ok(self.server.kill_hard()?)
    }

    /// The API's URL.
    pub(crate) fn url(&self) -> &str {
        self.server.api()
    }

    /// The gateway's URL, if the server has a gateway.
    pub(crate) fn gateway(&self) -> Option<&str> {
        self.server.gateway()
    }

    /// Opens a connection that uses the owner's token.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(self.url(), Some(&self.token)).await
    }

    /// Stops the server with SIGTERM.
    pub(crate) fn stop(mut self) -> Result {
        self.server.terminate()?;
        Ok(())
    }

    /// Registers buckets at an endpoint without validation, named `measured 0`, `measured 1` and so on.
    pub(crate) async fn register(&self, count: usize, endpoint: &str) -> Result {
        let next = Cell::new(0);
        let worker = async || -> Result {
            let mut connection = self.connect().await?;
            while next.get() < count {
                let number = next.replace(next.get() + 1);
                let bucket = new_bucket(&format!("measured {number}"), &self.workspace, endpoint);
                connection.json(Method::POST, "/bucket", Some(&bucket)).await?;
            }
            Ok(())
        };
        try_join_all((0..AT_ONCE).map(|_| worker())).await?;
        Ok(())
    }

    /// Waits until the node's metrics show `count` buckets as online.
    pub(crate) async fn wait_online(&self, count: usize, within: Duration) -> Result {
        let mut connection = self.connect().await?;
        let deadline = Instant::now() + within;
        loop {
            let answered = connection.call(Method::GET, "/metrics", None).await?;
            connection.expect_ok("/metrics", answered)?;
            let online = online_buckets(&String::from_utf8_lossy(connection.body()));
            if online == Some(count as f64) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("{online:?} of {count} buckets are online after {within:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The request that registers a bucket without validation.
pub(crate) fn new_bucket(name: &str, workspace: &str, endpoint: &str) -> Value {
    json!({
        "name": name,
        "bucket": name.replace(' ', "-"),
        "storageType": "S3",
        "key": "AKIAIOSFODNN7EXAMPLE",
        "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "region": "eu-central-1",
        "endpoint": endpoint,
        "workspaceId": workspace,
        "skipValidation": true,
    })
}

fn online_buckets(metrics: &str) -> Option<f64> {
    let line =
        metrics.lines().find(|line| line.starts_with("bucketry_node_buckets{") && line.contains("ONLINE"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// A text field of a response.
pub(crate) fn text(value: &Value, name: &str) -> Result<String> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name} in {value}").into())
}

/// The time from the program's start until it is ready. The server is killed afterwards.
pub(crate) async fn time_start(options: Options) -> Result<Duration> {
    let start = Instant::now();
    let mut server = Bucketry::start(options)?;
    let took = start.elapsed();
    server.kill_hard()?;
    Ok(took)
}
