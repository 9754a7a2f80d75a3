//! The built `bucketry` binary, running as a server.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{self, Supervised};
use crate::{Error, Result};

/// A free port, which changes with each start.
const ANY_PORT: &str = "127.0.0.1:0";

const READY_WITHIN: Duration = Duration::from_mins(1);

/// After SIGTERM, the server finishes requests in flight within 30 seconds. The rest allows for a busy machine.
const TERMINATES_WITHIN: Duration = Duration::from_secs(45);

/// The first owner's e-mail address, unless [`Options::env`] says otherwise.
pub const OWNER_EMAIL: &str = "owner@example.com";

/// The first owner's password, unless [`Options::env`] says otherwise.
pub const OWNER_PASSWORD: &str = "Correct-Horse-1";

/// Options of `bucketry serve`.
#[derive(Debug, Clone)]
pub struct Options {
    program: PathBuf,
    data_dir: Option<PathBuf>,
    env: Vec<(String, String)>,
    args: Vec<OsString>,
    listen: String,
}

impl Options {
    /// The options of a test deployment: a temporary data directory, free ports, a known owner, private and
    /// loopback endpoints allowed, no rate limits, no findings about a disk that builds have filled, and no checks of
    /// keys, which would add requests and findings.
    pub fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            data_dir: None,
            env: Vec::new(),
            args: Vec::new(),
            listen: ANY_PORT.to_owned(),
        }
        .env("BUCKETRY_ADMIN_EMAIL", OWNER_EMAIL)
        .env("BUCKETRY_ADMIN_PASSWORD", OWNER_PASSWORD)
        .env("BUCKETRY_ENDPOINT_POLICY", "private")
        .env("BUCKETRY_RATE_LIMIT", "off")
        .env("BUCKETRY_DISK_MIN_FREE", "0")
        .env("BUCKETRY_KEY_CHECKS", "off")
        .env("BUCKETRY_GATEWAY_LISTEN", "127.0.0.1:0")
    }

    /// Sets an environment variable, replacing an earlier value. `BUCKETRY_…` variables of this process are never
    /// passed on.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Removes an environment variable, so that the binary's default applies.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self
    }

    /// Appends an argument to `bucketry serve`.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Serves the API on this address, so that it stays the same after a restart.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Uses `directory` as the data directory. It is not removed afterwards.
    #[must_use]
    pub fn data_dir(mut self, directory: &Path) -> Self {
        self.data_dir = Some(directory.to_owned());
        self
    }
}

/// A server with its data directory. Dropping it kills the process and removes the data directory if it is
/// temporary.
#[derive(Debug)]
pub struct Bucketry {
    options: Options,
    dir: TempDir,
    process: Option<Supervised>,
    api: String,
    gateway: Option<String>,
}

impl Bucketry {
    /// Starts the server. Returns when it has written its ready file.
    ///
    /// # Errors
    /// The program can't be run, exits before it is ready (the error contains its last lines), or isn't ready within
    /// a minute.
    pub fn start(options: Options) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("bucketry-serve-").tempdir()?;
        let mut server = Self { options, dir, process: None, api: String::new(), gateway: None };
        server.start_again()?;
        Ok(server)
    }

    /// Starts another control plane on the database of `first`, without a node, and with the same keys for tokens.
    ///
    /// # Errors
    /// As for [`Bucketry::start`], or the keys can't be copied.
    pub fn start_beside(first: &Self, options: Options) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("bucketry-serve-").tempdir()?;
        let data_dir = dir.path().join("data");
        std::fs::create_dir(&data_dir)?;
        std::fs::copy(first.data_dir().join("token.key"), data_dir.join("token.key"))?;
        let has_node = !options.args.iter().any(|arg| arg == "--no-node");
        let mut options = options.data_dir(&data_dir);
        if has_node {
            options = options.arg("--no-node");
        }
        ANY_PORT.clone_into(&mut options.listen);
        let mut server = Self { options, dir, process: None, api: String::new(), gateway: None };
        server.start_again()?;
        Ok(server)
    }

    /// The URL of the API, `http://127.0.0.1:PORT` without a trailing slash. The port changes with each start.
    pub fn api(&self) -> &str {
        &self.api
    }

    /// The port of the API; 0 if the URL has none.
    pub fn api_port(&self) -> u16 {
        port_of(&self.api).unwrap_or_default()
    }

    /// The URL of the gateway. `None` if this server has no gateway.
    pub fn gateway(&self) -> Option<&str> {
        self.gateway.as_deref()
    }

    /// The data directory, which stays the same after a restart.
    pub fn data_dir(&self) -> PathBuf {
        self.options.data_dir.clone().unwrap_or_else(|| self.dir.path().join("data"))
    }

    /// The URL of the registry's PostgreSQL database. `None` if the database is embedded.
    pub fn database(&self) -> Option<&str> {
        self.options.env.iter().find(|(name, _)| name == "BUCKETRY_DATABASE_URL").map(|(_, url)| url.as_str())
    }

    /// Everything that this server has printed so far, in all its runs.
    pub fn log(&self) -> String {
        process::log_in(self.dir.path())
    }

    /// The process id. `None` while the server is stopped.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Supervised::id)
    }

    /// Kills the process with SIGKILL, as a crash would.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn kill_hard(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Sends SIGTERM and waits for the exit status. `None` if the server wasn't running.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if it takes longer than 45 seconds. The process is then killed.
    pub fn terminate(&mut self) -> Result<Option<ExitStatus>> {
        self.process.take().map(|mut process| process.terminate(TERMINATES_WITHIN)).transpose()
    }

    /// Starts the server again on the same data directory, and kills it first if it still runs.
    ///
    /// # Errors
    /// See [`Bucketry::start`].
    pub fn start_again(&mut self) -> Result<()> {
        self.kill_hard()?;
        let ready_file = self.dir.path().join("ready.json");
        match std::fs::remove_file(&ready_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut process = Supervised::start(self.command(&ready_file), self.dir.path(), &[])?;
        let ready = process.wait_ready("the server writing its ready file", READY_WITHIN, || {
            let text = std::fs::read_to_string(&ready_file).map_err(|error| error.to_string())?;
            // The file may be half written at this moment.
            serde_json::from_str::<Value>(&text).map_err(|error| format!("{error} in {text:?}"))
        })?;
        let address =
            |name| ready.get(name).and_then(Value::as_str).map(|url| url.trim_end_matches('/').to_owned());
        self.api = address("api")
            .ok_or_else(|| Error::UnexpectedAnswer(format!("ready file without api: {ready}")))?;
        self.gateway = address("gateway");
        self.process = Some(process);
        Ok(())
    }

    fn command(&self, ready_file: &Path) -> Command {
        let mut command = Command::new(&self.options.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BUCKETRY_") {
                command.env_remove(name);
            }
        }
        command
            .arg("serve")
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(["--listen", &self.options.listen])
            .arg("--ready-file")
            .arg(ready_file)
            .args(&self.options.args)
            .envs(self.options.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path());
        command
    }
}

fn port_of(url: &str) -> Option<u16> {
    url.rsplit(':').next()?.parse().ok()
}
