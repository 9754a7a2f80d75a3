//! The built binary, running as a server, and calls to it.

use std::path::PathBuf;
use std::process::ExitStatus;

use bucketry_test_servers::bucketry::{Bucketry, OWNER_EMAIL, OWNER_PASSWORD, Options};
use http::Method;
use serde_json::json;

use crate::{Call, Error, Person, Result};

/// A running `bucketry serve`. Dropping it kills it; a temporary data directory goes too.
///
/// A step that is dropped before it is done still runs to its end in the background, and then kills the server.
#[derive(Debug)]
pub struct Server {
    // Moves to a blocking thread while a step is under way.
    inner: Option<Bucketry>,
    api: String,
    gateway: Option<String>,
    data_dir: PathBuf,
    database: Option<String>,
}

impl Server {
    /// Starts it and waits until it says that it is ready.
    pub async fn start(options: Options) -> Result<Self> {
        let inner = tokio::task::spawn_blocking(move || Bucketry::start(options)).await??;
        Ok(Self {
            api: inner.api().to_owned(),
            gateway: inner.gateway().map(str::to_owned),
            data_dir: inner.data_dir(),
            database: inner.database().map(str::to_owned),
            inner: Some(inner),
        })
    }

    /// Where the API listens, as `http://127.0.0.1:PORT`; another port after a restart.
    pub fn api(&self) -> &str {
        &self.api
    }

    /// Where S3 requests are taken, if this server has a gateway.
    pub fn gateway(&self) -> Option<&str> {
        self.gateway.as_deref()
    }

    /// Its data directory.
    pub fn data_dir(&self) -> &std::path::Path {
        &self.data_dir
    }

    /// The address of the PostgreSQL database that its registry is in; none for the embedded one.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Everything that it printed so far, on both outputs, before and after restarts.
    pub fn log(&self) -> String {
        self.inner.as_ref().map(Bucketry::log).unwrap_or_default()
    }

    /// Its process id while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.inner.as_ref().and_then(Bucketry::process_id)
    }

    /// Kills it without warning (SIGKILL).
    pub async fn kill_hard(&mut self) -> Result<()> {
        in_background(&mut self.inner, Bucketry::kill_hard).await
    }

    /// Asks it to end (SIGTERM) and waits for its exit status; `None` if it didn't run.
    pub async fn terminate(&mut self) -> Result<Option<ExitStatus>> {
        in_background(&mut self.inner, Bucketry::terminate).await
    }

    /// Starts it again on the same data directory, killing it first if it still runs, and waits until it is ready.
    pub async fn restart(&mut self) -> Result<()> {
        let (api, gateway) = in_background(&mut self.inner, |server| {
            server.start_again()?;
            Ok((server.api().to_owned(), server.gateway().map(str::to_owned)))
        })
        .await?;
        (self.api, self.gateway) = (api, gateway);
        Ok(())
    }

    /// Logs the first owner in and answers the access token.
    pub async fn log_in(&self) -> Result<String> {
        self.log_in_as(OWNER_EMAIL, OWNER_PASSWORD).await
    }

    /// Logs somebody in and answers the access token.
    pub async fn log_in_as(&self, email: &str, password: &str) -> Result<String> {
        let answer =
            self.post("/user/login").json(&json!({ "email": email, "password": password })).send().await?;
        let response = answer.json_with_status(200)?;
        response["accessToken"].as_str().map(str::to_owned).ok_or_else(|| answer.unlike("an accessToken"))
    }

    /// The first owner, logged in.
    pub async fn owner(&self) -> Result<Person> {
        Ok(Person::new(self, &self.log_in().await?))
    }

    /// A call of any method; `path` may carry a query.
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call::new(method, &self.api, path)
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

/// Runs a blocking step on what `slot` holds, away from the threads that drive the journey.
pub(crate) async fn in_background<S: Send + 'static, T: Send + 'static>(
    slot: &mut Option<S>,
    act: impl FnOnce(&mut S) -> bucketry_test_servers::Result<T> + Send + 'static,
) -> Result<T> {
    let Some(mut server) = slot.take() else {
        let lost = "an earlier step on this server was dropped halfway".to_owned();
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
