//! Reverse proxies, with the configurations that `docs/reverse-proxies.md` shows.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bucketry_test_servers::process::Supervised;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::environment::variable;
use crate::{Error, Result, eventually};

/// Longer than a start takes on a busy machine.
const SOON: Duration = Duration::from_mins(1);

/// The page, without the network and without this repository.
const PAGE: &str = include_str!("../../docs/reverse-proxies.md");

/// The block of the page whose first line is a comment with this file name.
///
/// # Errors
/// [`Error::Files`] if there is none.
pub fn documented_file(name: &str) -> Result<String> {
    let first = format!("# {name}");
    let blocks = PAGE.split("\n```").filter_map(|block| block.split_once('\n'));
    let found = blocks.map(|(_, text)| text).find(|text| text.lines().next() == Some(&first));
    let missing = || Error::Files(std::io::Error::other(format!("no block begins with {first:?}")));
    found.map(|text| format!("{text}\n")).ok_or_else(missing)
}

/// A kind of reverse proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the programs' own")]
pub enum ProxyProgram {
    Nginx,
    Caddy,
    Traefik,
}

/// A running reverse proxy. Dropping it kills it.
#[derive(Debug)]
pub struct ReverseProxy {
    dir: TempDir,
    process: Option<Supervised>,
}

impl ReverseProxy {
    /// A directory for the files of a proxy.
    pub fn new() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("bucketry-proxy-").tempdir().map_err(Error::Files)?;
        Ok(Self { dir, process: None })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file to the directory, and returns its path.
    pub fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).map_err(Error::Files)?;
        Ok(path)
    }

    /// Starts a program, which reads its configuration from the directory, and waits until it listens on the port.
    /// Returns false where the program can't be had.
    pub async fn start(&mut self, program: ProxyProgram, port: u16) -> Result<bool> {
        let dir = self.dir.path().to_owned();
        let Some(mut command) = command(program, &dir)? else { return Ok(false) };
        command.current_dir(&dir).stdin(Stdio::null());
        let starting = tokio::task::spawn_blocking(move || Supervised::start(command, &dir, &[]));
        self.process = Some(starting.await??);
        let connect = async || {
            TcpStream::connect(("127.0.0.1", port))
                .await
                .map_err(|error| Error::Files(std::io::Error::other(format!("{error}: {}", self.log()))))
        };
        eventually(&format!("{program:?} listening"), SOON, connect, |_| true).await?;
        Ok(true)
    }

    /// What the program has printed.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Supervised::log).unwrap_or_default()
    }
}

fn command(program: ProxyProgram, dir: &Path) -> Result<Option<Command>> {
    let mut command;
    match program {
        ProxyProgram::Nginx => {
            let Ok(nginx) = variable("BUCKETRY_TEST_NGINX") else { return Ok(None) };
            command = Command::new(nginx);
            command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf"));
        }
        ProxyProgram::Caddy => {
            command = Command::new(variable("BUCKETRY_TEST_CADDY")?);
            command.args(["run", "--adapter", "caddyfile", "--config"]).arg(dir.join("Caddyfile"));
            command.env("HOME", dir);
        }
        ProxyProgram::Traefik => {
            command = Command::new(variable("BUCKETRY_TEST_TRAEFIK")?);
            command.arg(format!("--configFile={}", dir.join("traefik.yml").display()));
        }
    }
    Ok(Some(command))
}
