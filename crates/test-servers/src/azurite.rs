//! Azurite: an Azure Blob server that checks signatures and shared access signatures.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Supervised;
use crate::{Error, Result, loopback, ports};

/// It is a Node.js program, and its start reads hundreds of files.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How many ports are tried before a start counts as failed.
const ATTEMPTS: usize = 3;

/// The account that it always has.
pub const ACCOUNT: &str = "devstoreaccount1";

/// The key of [`ACCOUNT`], which its documentation tells everybody.
pub const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A server of one's own: data in memory, port and process.
#[derive(Debug)]
pub struct Azurite {
    port: u16,
    _process: Supervised,
    _room: TempDir,
}

impl Azurite {
    /// Starts `program` (the `azurite-blob` script) on a free port without any container; returns when it takes
    /// requests, after two to five seconds.
    ///
    /// # Errors
    /// When it can't be run, ends by itself, or isn't ready within a minute, each time with several ports.
    pub fn start(program: &Path) -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::start_once(program) {
                Ok(server) => return Ok(server),
                Err(Error::Spawn { program, source }) => return Err(Error::Spawn { program, source }),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    fn start_once(program: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("bucketry-azurite-").tempdir()?;
        let [port] = ports::free()?;
        let mut command = Command::new(program);
        command
            .args(["--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"])
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
            .current_dir(dir.path());
        let mut process = Supervised::start(command, dir.path(), &[])?;
        process.wait_ready("Azurite taking requests", READY_WITHIN, || {
            let answer = loopback::request("GET", port, "/", &[], "").map_err(|error| error.to_string())?;
            // Whoever asks without a name is refused, by the service and not by somebody else at this port.
            if answer.body.contains("<Error>") {
                Ok(())
            } else {
                Err(format!("it answers {}", answer.status))
            }
        })?;
        Ok(Self { port, _process: process, _room: dir })
    }

    /// Where requests go, without the account.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
