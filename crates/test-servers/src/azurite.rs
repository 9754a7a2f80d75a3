//! Azurite: an Azure Blob server that checks signatures and shared access signatures.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Supervised;
use crate::{Error, Result, loopback, ports};

/// Azurite is a Node.js program that reads hundreds of files when it starts.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How many ports are tried before starting fails.
const ATTEMPTS: usize = 3;

/// Azurite's built-in account.
pub const ACCOUNT: &str = "devstoreaccount1";

/// The key of [`ACCOUNT`]. It is public: Azurite's documentation lists it.
pub const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running server with its own port and process, and data in memory. Dropping it stops the process.
#[derive(Debug)]
pub struct Azurite {
    port: u16,
    _process: Supervised,
    _room: TempDir,
}

impl Azurite {
    /// Starts `program` (the `azurite-blob` script) on a free port without containers. Returns when it accepts
    /// requests, after two to five seconds.
    ///
    /// # Errors
    /// The program can't be run; or it exits or isn't ready within a minute, on each of several ports.
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
            // An error document in response to an anonymous request shows that Azurite has this port, not another
            // program.
            if answer.body.contains("<Error>") {
                Ok(())
            } else {
                Err(format!("it answers {}", answer.status))
            }
        })?;
        Ok(Self { port, _process: process, _room: dir })
    }

    /// The base URL without the account, such as `http://127.0.0.1:20000`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
