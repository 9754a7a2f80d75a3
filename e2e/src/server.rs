//! The built binary, running as a server, and calls to it.

use std::path::PathBuf;
use std::process::ExitStatus;

use bucketry_test_servers::bucketry::{OWNER_EMAIL, OWNER_PASSWORD, Options};
use http::Method;
use serde_json::json;

use crate::control_planes::ControlPlanes;
use crate::{Call, Error, Result};

/// A running `bucketry serve`. Dropping it kills it and removes a temporary data directory.
///
/// With `BUCKETRY_TEST_CONTROL_PLANES=3`, and if its registry is in PostgreSQL, these are three processes on one
/// database behind one address, of which only the first has a node.
///
/// A step that is dropped before it has finished continues in the background, and then kills the server.
#[derive(Debug)]
pub struct Server {
    // Moved to a blocking thread while a step runs.
    inner: Option<ControlPlanes>,
    api: String,
    /// The URL of the process with the node, without a balancer in front.
    scraped: String,
    gateway: Option<String>,
    data_dir: PathBuf,
    database: Option<String>,
}

impl Server {
    /// Starts a server and waits until it is ready.
    pub async fn start(options: Options) -> Result<Self> {
        let inner = tokio::task::spawn_blocking(move || ControlPlanes::start(options)).await??;
        Ok(Self {
            api: inner.api(),
            scraped: inner.own_api().to_owned(),
            gateway: inner.gateway().map(str::to_owned),
            data_dir: inner.data_dir(),
            database: inner.database().map(str::to_owned),
            inner: Some(inner),
        })
    }

    /// The API's URL, `http://127.0.0.1:PORT`. A restart changes the port.
    pub fn api(&self) -> &str {
        &self.api
    }

    /// The gateway's URL, if this server has a gateway.
    pub fn gateway(&self) -> Option<&str> {
        self.gateway.as_deref()
    }

    /// The server's data directory.
    pub fn data_dir(&self) -> &std::path::Path {
        &self.data_dir
    }

    /// The URL of the PostgreSQL database with the registry. None for the embedded database.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Everything that the server has printed so far, on both outputs, including before restarts.
    pub fn log(&self) -> String {
        self.inner.as_ref().map(ControlPlanes::log).unwrap_or_default()
    }

    /// The process id, while the server runs.
    pub fn process_id(&self) -> Option<u32> {
        self.inner.as_ref().and_then(ControlPlanes::process_id)
    }

    /// Kills the server (SIGKILL).
    pub async fn kill_hard(&mut self) -> Result<()> {
        in_background(&mut self.inner, ControlPlanes::kill_hard).await
    }

    /// Stops the server (SIGTERM) and waits for its exit status. `None` if it isn't running.
    pub async fn terminate(&mut self) -> Result<Option<ExitStatus>> {
        in_background(&mut self.inner, ControlPlanes::terminate).await
    }

    /// Starts the server again on the same data directory and waits until it is ready. A running server is killed
    /// first.
    pub async fn restart(&mut self) -> Result<()> {
        (self.api, self.scraped, self.gateway) = in_background(&mut self.inner, |server| {
            server.start_again()?;
            Ok((server.api(), server.own_api().to_owned(), server.gateway().map(str::to_owned)))
        })
        .await?;
        Ok(())
    }

    /// Logs the first owner in and returns the access token.
    pub async fn log_in(&self) -> Result<String> {
        self.log_in_as(OWNER_EMAIL, OWNER_PASSWORD).await
    }

    /// Logs a user in and returns the access token.
    pub async fn log_in_as(&self, email: &str, password: &str) -> Result<String> {
        let answer =
            self.post("/user/login").json(&json!({ "email": email, "password": password })).send().await?;
        let response = answer.json_with_status(200)?;
        response["accessToken"].as_str().map(str::to_owned).ok_or_else(|| answer.unlike("an accessToken"))
    }

    /// A call with any method. `path` may include a query. Metrics are those of the process with the node: to collect
    /// those of all, call each process.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let url = if path == "/metrics" { &self.scraped } else { &self.api };
        Call::new(method, url, path)
    }

    /// A GET.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A POST.
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// A PUT.
    pub fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }

    /// A DELETE.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }
}

/// Runs a blocking step on the contents of `slot`, on another thread than those that run the journey.
pub(crate) async fn in_background<S: Send + 'static, T: Send + 'static>(
    slot: &mut Option<S>,
    act: impl FnOnce(&mut S) -> bucketry_test_servers::Result<T> + Send + 'static,
) -> Result<T> {
    let Some(mut server) = slot.take() else {
        let lost = "an earlier step on this server was dropped before it finished".to_owned();
        return Err(Error::NoAnswer { call: "server".to_owned(), reason: lost });
    };
    let (server, outcome) = tokio::task::spawn_blocking(move || {
        let outcome = act(&mut server);
        (server, outcome)
    })
    .await?;
    *slot = Some(server);
    Ok(outcome?)
}
