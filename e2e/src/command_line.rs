//! The built binary as a person at a terminal uses it: a command, its outputs, its exit status.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use bucketry_test_servers::process::Supervised;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use crate::server::in_background;
use crate::{Error, Result, Server, environment};

/// Longer than any command takes that is not meant to run on.
const PATIENCE: Duration = Duration::from_mins(1);

/// Somebody's terminal: a home directory of its own, and an environment.
#[derive(Debug)]
pub struct CommandLine {
    program: PathBuf,
    home: TempDir,
    env: Vec<(String, String)>,
}

impl CommandLine {
    /// A terminal at which nobody has logged in yet.
    pub fn new() -> Result<Self> {
        let home = tempfile::Builder::new().prefix("bucketry-home-").tempdir().map_err(Error::Files)?;
        Ok(Self { program: environment::binary()?, home, env: Vec::new() })
    }

    /// A terminal whose environment names a server and holds a token.
    pub fn with_token(server: &Server, token: &str) -> Result<Self> {
        Ok(Self::new()?.env("BUCKETRY_URL", server.api()).env("BUCKETRY_TOKEN", token))
    }

    /// Sets an environment variable. The `BUCKETRY_…` variables of the test run itself are never passed on.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The home directory, in which everything that the commands keep must lie.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file into the home directory and answers its path.
    pub fn file(&self, name: &str, content: &str) -> Result<String> {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).map_err(Error::Files)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Runs `bucketry` with these arguments, without anything on standard input, to its end.
    pub async fn run(&self, args: &[&str]) -> Result<Ended> {
        self.run_with_input(args, "").await
    }

    /// Runs `bucketry` with these arguments and this text on standard input, to its end. It is killed when this is
    /// dropped.
    pub async fn run_with_input(&self, args: &[&str], input: &str) -> Result<Ended> {
        let mut command = tokio::process::Command::from(self.command(args));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(Error::Files)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that doesn't read its input may be gone before it is written.
            drop(stdin.write_all(input.as_bytes()).await);
        }
        let call = format!("bucketry {}", args.join(" "));
        let outcome = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = outcome
            .map_err(|_| Error::NoAnswer { call: call.clone(), reason: "it does not end".to_owned() })?
            .map_err(Error::Files)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ended { call, status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    /// Runs a command that must succeed with `--json`, and reads what it prints.
    pub async fn json(&self, args: &[&str]) -> Result<Value> {
        let ended = self.run(&[args, &["--json"]].concat()).await?.with_status(0)?;
        serde_json::from_str(&ended.stdout).map_err(|_| ended.unlike("JSON on standard output"))
    }

    /// Runs a command that must succeed, and answers what it prints.
    pub async fn text(&self, args: &[&str]) -> Result<String> {
        Ok(self.run(args).await?.with_status(0)?.stdout)
    }

    /// Starts `bucketry` with these arguments, for commands that run until they are told to stop.
    pub fn start(&self, args: &[&str]) -> Result<Running> {
        let process = Supervised::start(self.command(args), self.home.path(), &[])?;
        Ok(Running { process: Some(process) })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BUCKETRY_") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path().join("config"))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path());
        command
    }
}

/// A command that runs on. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    // Moves to a blocking thread while a step is under way.
    process: Option<Supervised>,
}

impl Running {
    /// Everything that it printed so far, on both outputs.
    pub fn output(&self) -> String {
        self.process.as_ref().map(Supervised::log).unwrap_or_default()
    }

    /// Kills it without warning (SIGKILL).
    pub async fn kill_hard(&mut self) -> Result<()> {
        in_background(&mut self.process, Supervised::kill).await
    }

    /// Presses Ctrl-C and waits for the end.
    pub async fn interrupt(&mut self) -> Result<ExitStatus> {
        in_background(&mut self.process, |process| process.interrupt(PATIENCE)).await
    }
}

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    call: String,
    status: ExitStatus,
    /// What it printed as its result.
    pub stdout: String,
    /// What it printed besides.
    pub stderr: String,
}

impl Ended {
    /// Its exit status; none if a signal ended it.
    pub fn status(&self) -> Option<i32> {
        self.status.code()
    }

    /// Itself if it ended with this status.
    ///
    /// # Errors
    /// [`Error::OtherEnd`] with what it printed.
    pub fn with_status(self, status: i32) -> Result<Self> {
        if self.status() == Some(status) {
            Ok(self)
        } else {
            Err(self.unlike(&format!("exit status {status}")))
        }
    }

    /// The error that this is not the `expected` end.
    pub fn unlike(&self, expected: &str) -> Error {
        Error::OtherEnd {
            call: self.call.clone(),
            expected: expected.to_owned(),
            status: self.status.to_string(),
            output: format!("{}{}", self.stdout, self.stderr),
        }
    }
}
