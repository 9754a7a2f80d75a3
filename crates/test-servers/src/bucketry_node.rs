//! The built `bucketry` binary, running as a node.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{self, Supervised};
use crate::{Error, Result};

/// Longer than a node waits for its configuration before it says that it is ready.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// After SIGTERM, a node finishes requests in flight within 30 seconds. The rest allows for a busy machine.
const TERMINATES_WITHIN: Duration = Duration::from_mins(1);

/// Where a node runs.
#[derive(Debug, Clone)]
pub struct NodePlace {
    /// The network namespace. `None` for this process's own.
    pub namespace: Option<String>,
    /// The address that the node listens on.
    pub host: String,
}

impl NodePlace {
    /// This machine, reachable only from here.
    pub fn here() -> Self {
        Self { namespace: None, host: "127.0.0.1".to_owned() }
    }
}

/// A node with its data directory. Dropping it kills the process and removes the data directory.
#[derive(Debug)]
pub struct BucketryNode {
    program: PathBuf,
    place: NodePlace,
    arguments: Vec<String>,
    dir: TempDir,
    process: Option<Supervised>,
    gateway: String,
    status: String,
}

impl BucketryNode {
    /// Starts a node that signs its messages with a copy of this key. `arguments` follow those that every test needs: a
    /// temporary data directory, free ports, and the permission to connect to private addresses.
    ///
    /// # Errors
    /// The key can't be copied, the program can't be run, exits before it is ready (the error contains its last lines),
    /// or isn't ready within a minute.
    pub fn start(
        program: &Path,
        place: NodePlace,
        control_plane: &str,
        key: &Path,
        arguments: &[&str],
    ) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("bucketry-node-").tempdir()?;
        let given = ["--control-plane", control_plane];
        let given = given.iter().chain(arguments);
        let mut node = Self {
            program: program.to_owned(),
            place,
            arguments: given.map(|argument| (*argument).to_owned()).collect(),
            dir,
            process: None,
            gateway: String::new(),
            status: String::new(),
        };
        std::fs::create_dir(node.data_dir())?;
        // The permissions are copied, too.
        std::fs::copy(key, node.data_dir().join("node.pem"))?;
        node.start_again()?;
        Ok(node)
    }

    /// Starts another node with the same settings and a copy of the data directory, as if its machine had been copied.
    ///
    /// # Errors
    /// The files can't be copied. Otherwise, see [`BucketryNode::start`].
    pub fn start_copy(&self) -> Result<Self> {
        let mut copy = Self {
            program: self.program.clone(),
            place: self.place.clone(),
            arguments: self.arguments.clone(),
            dir: tempfile::Builder::new().prefix("bucketry-node-").tempdir()?,
            process: None,
            gateway: String::new(),
            status: String::new(),
        };
        copy_directory(&self.data_dir(), &copy.data_dir())?;
        copy.start_again()?;
        Ok(copy)
    }

    /// The URL of the gateway. The port changes with each start.
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// The URL of `/health`, `/ready` and `/metrics`. The port changes with each start.
    pub fn status(&self) -> &str {
        &self.status
    }

    /// The data directory, which stays the same after a restart.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Everything that this node has printed so far, in all its runs.
    pub fn log(&self) -> String {
        process::log_in(self.dir.path())
    }

    /// The process id. `None` while the node is stopped. In a network namespace, it is that of a wrapper.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Supervised::id)
    }

    /// Uses another binary from the next start on.
    pub fn use_program(&mut self, program: &Path) {
        program.clone_into(&mut self.program);
    }

    /// Kills the process with SIGKILL, as a crash would.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn kill_hard(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Sends SIGTERM and waits for the exit status. `None` if the node wasn't running.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if it takes longer than a minute. The process is then killed.
    pub fn terminate(&mut self) -> Result<Option<ExitStatus>> {
        self.process.take().map(|mut process| process.terminate(TERMINATES_WITHIN)).transpose()
    }

    /// Starts the node again on the same data directory, and kills it first if it still runs.
    ///
    /// # Errors
    /// See [`BucketryNode::start`].
    pub fn start_again(&mut self) -> Result<()> {
        self.kill_hard()?;
        let ready_file = self.dir.path().join("ready.json");
        match std::fs::remove_file(&ready_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut process = Supervised::start(self.command(&ready_file), self.dir.path(), &[])?;
        let ready = process.wait_ready("the node writing its ready file", READY_WITHIN, || {
            let text = std::fs::read_to_string(&ready_file).map_err(|error| error.to_string())?;
            serde_json::from_str::<Value>(&text).map_err(|error| format!("{error} in {text:?}"))
        })?;
        let address = |name| {
            let url = ready.get(name).and_then(Value::as_str);
            url.map(str::to_owned)
                .ok_or_else(|| Error::UnexpectedAnswer(format!("ready file without {name}: {ready}")))
        };
        (self.gateway, self.status) = (address("gateway")?, address("metrics")?);
        self.process = Some(process);
        Ok(())
    }

    fn command(&self, ready_file: &Path) -> Command {
        let mut command = match &self.place.namespace {
            None => Command::new(&self.program),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(&self.program);
                command
            }
        };
        let anywhere = format!("{}:0", self.place.host);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BUCKETRY_") {
                command.env_remove(name);
            }
        }
        command
            .arg("node")
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(["--gateway-listen", &anywhere, "--metrics-listen", &anywhere])
            .args(["--endpoint-policy", "private"])
            .arg("--ready-file")
            .arg(ready_file)
            .args(&self.arguments)
            .current_dir(self.dir.path());
        command
    }
}

/// Copies a directory, with the permissions of its files.
fn copy_directory(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
