//! Prometheus' Alertmanager.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::environment::variable;
use crate::{Call, Error, Result, eventually};

/// Longer than a start takes.
const SOON: Duration = Duration::from_secs(30);
/// A configuration that sends nothing anywhere.
const CONFIGURATION: &str = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n";

/// Debian's build reads its templates from `/usr/share`. Where the package is only unpacked, the program sees the
/// package's directory there.
fn command(program: &Path) -> Command {
    let Some(share) = program.ancestors().nth(2).map(|usr| usr.join("share")).filter(|share| share.exists())
    else {
        return Command::new(program);
    };
    let mut command = Command::new("unshare");
    command
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            "mount --bind \"$0\" /usr/share && exec \"$@\"",
        ])
        .arg(share)
        .arg(program);
    command
}

/// A running Alertmanager. Dropping it stops it.
#[derive(Debug)]
pub struct Alertmanager {
    url: String,
    _dir: TempDir,
    _server: Child,
}

impl Alertmanager {
    /// Starts one below the path `/prefix`. `None` where the program can't be had.
    pub async fn start() -> Result<Option<Self>> {
        let Ok(program) = variable("BUCKETRY_TEST_ALERTMANAGER") else { return Ok(None) };
        let dir = tempfile::tempdir().map_err(Error::Files)?;
        let file = dir.path().join("alertmanager.yml");
        std::fs::write(&file, CONFIGURATION).map_err(Error::Files)?;
        // Another program may take the port before the server does; the test then fails.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.map_err(Error::Files)?;
        let server = command(Path::new(&program))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", dir.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--web.route-prefix=/prefix", "--cluster.listen-address="])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::Files)?;
        let started = Self { url: format!("http://{address}"), _dir: dir, _server: server };
        eventually("Alertmanager starting", SOON, async || started.alerts().await, |_| true).await?;
        Ok(Some(started))
    }

    /// Its URL for programs that send alerts.
    pub fn url(&self) -> String {
        format!("{}/prefix", self.url)
    }

    /// The alerts that are active.
    pub async fn alerts(&self) -> Result<Vec<Value>> {
        let answer = Call::new(Method::GET, &self.url, "/prefix/api/v2/alerts").send().await?;
        let alerts = answer.json_with_status(200)?;
        Ok(alerts.as_array().cloned().unwrap_or_default())
    }
}
