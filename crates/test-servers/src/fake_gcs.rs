//! fake-gcs-server: a Cloud Storage server with the JSON API and parts of the XML API. It checks no credentials.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Supervised;
use crate::{Error, Result, loopback, ports};

const READY_WITHIN: Duration = Duration::from_mins(1);

/// How many ports are tried before starting fails.
const ATTEMPTS: usize = 3;

/// A running server with its own port and process, and data in memory. Dropping it stops the process.
#[derive(Debug)]
pub struct FakeGcs {
    port: u16,
    _process: Supervised,
    _room: TempDir,
}

impl FakeGcs {
    /// Starts `program` on a free port without buckets. Returns when it accepts requests, which is almost
    /// immediately.
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
        let dir = tempfile::Builder::new().prefix("bucketry-fake-gcs-").tempdir()?;
        let [port] = ports::free()?;
        let host = format!("127.0.0.1:{port}");
        let mut command = Command::new(program);
        command
            .args(["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1"])
            .args(["-port", &port.to_string(), "-log-level", "error"])
            // The host in its responses, and the host of the XML API.
            .args(["-public-host", &host, "-external-url", &format!("http://{host}")])
            .current_dir(dir.path());
        let mut process = Supervised::start(command, dir.path(), &[])?;
        process.wait_ready("fake-gcs-server taking requests", READY_WITHIN, || {
            let list = loopback::request("GET", port, "/storage/v1/b", &[], "");
            match list.map_err(|error| error.to_string())?.status {
                200 => Ok(()),
                status => Err(format!("it answers {status}")),
            }
        })?;
        Ok(Self { port, _process: process, _room: dir })
    }

    /// The base URL of both APIs, such as `http://127.0.0.1:20000`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
