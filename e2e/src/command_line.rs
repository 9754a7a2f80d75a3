//! The built binary as a user at a terminal runs it: a command, its outputs, its exit status.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use bucketry_test_servers::process::Supervised;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use crate::server::in_background;
use crate::{Error, Result, Server, environment};

/// Time limit of a command that is not meant to run until it is stopped.
const PATIENCE: Duration = Duration::from_mins(1);

/// A user's terminal, with a separate home directory and environment.
#[derive(Debug)]
pub struct CommandLine {
    program: PathBuf,
    home: TempDir,
    env: Vec<(String, String)>,
}

impl CommandLine {
    /// A terminal without a login.
    pub fn new() -> Result<Self> {
        let home = tempfile::Builder::new().prefix("bucketry-home-").tempdir().map_err(Error::Files)?;
        Ok(Self { program: environment::binary()?, home, env: Vec::new() })
    }

    /// A terminal whose environment contains a server's URL and a token.
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

    /// The home directory, which must contain everything that commands store.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file into the home directory and returns its path.
    pub fn file(&self, name: &str, content: &str) -> Result<String> {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).map_err(Error::Files)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Runs `bucketry` with these arguments and empty standard input until it exits.
    pub async fn run(&self, args: &[&str]) -> Result<Ended> {
        self.run_with_input(args, "").await
    }

    /// Runs `bucketry` with these arguments and this text on standard input until it exits. Dropping the future
    /// kills it.
    pub async fn run_with_input(&self, args: &[&str], input: &str) -> Result<Ended> {
        let mut command = tokio::process::Command::from(self.command(args));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(Error::Files)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that doesn't read its input may exit before the input is written.
            drop(stdin.write_all(input.as_bytes()).await);
        }
        let call = format!("bucketry {}", args.join(" "));
        let outcome = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = outcome
            .map_err(|_| Error::NoAnswer { call: call.clone(), reason: "it doesn't exit".to_owned() })?
            .map_err(Error::Files)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ended { call, status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    /// Runs a command that must succeed, with `--json`, and parses its output.
    pub async fn json(&self, args: &[&str]) -> Result<Value> {
        let ended = self.run(&[args, &["--json"]].concat()).await?.with_status(0)?;
        serde_json::from_str(&ended.stdout).map_err(|_| ended.unlike("JSON on standard output"))
    }

    /// Runs a command that must succeed, and returns its standard output.
    pub async fn text(&self, args: &[&str]) -> Result<String> {
        Ok(self.run(args).await?.with_status(0)?.stdout)
    }

    /// Starts `bucketry` with these arguments, for commands that run until they are stopped.
    pub fn start(&self, args: &[&str]) -> Result<Running> {
        let process = Supervised::start(self.command(args), self.home.path(), &[])?;
        Ok(Running { process: Some(process) })
    }

    /// The command with its environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
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

/// A command that runs until it is stopped. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    // Moved to a blocking thread while a step runs.
    process: Option<Supervised>,
}

impl Running {
    /// Everything that the command has printed so far, on both outputs.
    pub fn output(&self) -> String {
        self.process.as_ref().map(Supervised::log).unwrap_or_default()
    }

    /// Kills the command (SIGKILL).
    pub async fn kill_hard(&mut self) -> Result<()> {
        in_background(&mut self.process, Supervised::kill).await
    }

    /// Sends SIGINT, as Ctrl-C does, and waits for the command to exit.
    pub async fn interrupt(&mut self) -> Result<ExitStatus> {
        in_background(&mut self.process, |process| process.interrupt(PATIENCE)).await
    }
}

/// A command that has exited.
#[derive(Debug, Clone)]
pub struct Ended {
    call: String,
    status: ExitStatus,
    /// Standard output, which contains the command's result.
    pub stdout: String,
    /// Standard error, which contains messages.
    pub stderr: String,
}

impl Ended {
    /// The exit status. None if a signal killed the command.
    pub fn status(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns itself if the exit status is `status`.
    ///
    /// # Errors
    /// [`Error::OtherEnd`] with the output for any other status.
    pub fn with_status(self, status: i32) -> Result<Self> {
        if self.status() == Some(status) {
            Ok(self)
        } else {
            Err(self.unlike(&format!("exit status {status}")))
        }
    }

    /// The error that the command didn't end as `expected`.
    pub fn unlike(&self, expected: &str) -> Error {
        Error::OtherEnd {
            call: self.call.clone(),
            expected: expected.to_owned(),
            status: self.status.to_string(),
            output: format!("{}{}", self.stdout, self.stderr),
        }
    }
}
