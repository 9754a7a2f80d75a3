//! Servers that run under callgrind, and the profiles that they dump.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bucketry_test_servers::bucketry::Bucketry;
use bucketry_test_servers::ports;
use bucketry_test_servers::process::Supervised;
use tempfile::TempDir;

use super::profile::CallProfile;
use crate::deployment::options;
use crate::gateway::load::LoadSide;
use crate::gateway::sign::{SignatureForm, Signer};
use crate::gateway::{Field, peers};
use crate::process::Process;
use crate::{Plan, Result};

/// The C library copies blocks of some KiB with an instruction that callgrind counts once per byte, so a copy would
/// weigh a hundred times what it costs. With this setting it never uses that instruction.
const NO_STRING_COPIES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=2147483647");
const START_WITHIN: Duration = Duration::from_mins(2);

/// A server under callgrind.
pub(crate) struct CountedServer {
    pub(crate) name: &'static str,
    url: String,
    signer: Signer,
    process: Process,
    running: RunningServer,
    /// Where the profiles are written.
    profiles: TempDir,
}

enum RunningServer {
    Gateway { server: Box<Bucketry>, _data: TempDir },
    Nginx { _supervised: Supervised, _room: TempDir },
}

impl CountedServer {
    /// The server as a target of load.
    pub(crate) fn side(&self, form: SignatureForm) -> LoadSide {
        LoadSide {
            name: self.name.to_owned(),
            url: self.url.clone(),
            signer: self.signer.clone().in_form(form),
            process: self.process,
            tls: None,
        }
    }

    /// What was counted since the last dump.
    pub(crate) fn dump(&self) -> Result<CallProfile> {
        let before = self.dumps()?;
        let process = self.process.id().to_string();
        let response = Command::new("callgrind_control").args(["--dump", &process]).output()?;
        if !response.status.success() {
            return Err(format!("callgrind_control: {}", String::from_utf8_lossy(&response.stderr)).into());
        }
        let new = self.dumps()?.into_iter().find(|file| !before.contains(file));
        CallProfile::parse(&fs::read_to_string(new.ok_or("callgrind wrote no profile")?)?)
    }

    fn dumps(&self) -> Result<Vec<PathBuf>> {
        fs::read_dir(self.profiles.path())?.map(|entry| Ok(entry?.path())).collect()
    }

    /// Ends the server. Its data is removed.
    pub(crate) fn stop(self) -> Result {
        match self.running {
            RunningServer::Gateway { mut server, .. } => Ok(server.kill_hard()?),
            RunningServer::Nginx { .. } => Ok(()),
        }
    }
}

/// Says what is missing if callgrind can't be run.
pub(crate) fn check() -> Result {
    let runs = Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success());
    let controls = Command::new("callgrind_control").arg("--version").output().is_ok();
    if runs && controls {
        return Ok(());
    }
    Err("`valgrind` or its `callgrind_control` is missing: install the package `valgrind`".into())
}

/// The start of a command line that runs a program under callgrind.
fn valgrind(profiles: &Path) -> Vec<String> {
    vec![
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        // Instances of generic functions differ only in the part of the name that demangling removes.
        "--demangle=no".to_owned(),
        "--collect-bus=yes".to_owned(),
        format!("--callgrind-out-file={}/profile", profiles.display()),
    ]
}

impl Field {
    /// Stops everything, and starts the gateway again on its data under callgrind.
    pub(crate) async fn counted(self, plan: &Plan) -> Result<CountedServer> {
        let (cores, data, signer) = (self.cores, self.directory, self.signer);
        self.deployment.stop()?;
        drop(self.peers);
        let profiles = tempfile::tempdir()?;
        let wrapper = data.path().join("counted");
        let mut script = "#!/bin/sh\nexec".to_owned();
        for word in valgrind(profiles.path()) {
            script.extend([" '", &word, "'"]);
        }
        script.extend([" '", &plan.bucketry.display().to_string(), "' \"$@\"\n"]);
        fs::write(&wrapper, script)?;
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o700))?;
        let set_up = options(&wrapper, data.path())
            .env("BUCKETRY_PROBE_INTERVAL", "86400")
            .env("BUCKETRY_LOG", "warn")
            .env(NO_STRING_COPIES.0, NO_STRING_COPIES.1);
        let server = cores.measured(|| Ok(Bucketry::start(set_up)?))?;
        let url = server.gateway().ok_or("this binary has no gateway")?.to_owned();
        let process = Process::new(server.process_id().ok_or("the server is gone")?)?;
        // The node receives its repositories.
        tokio::time::sleep(Duration::from_secs(10)).await;
        let signer = signer.for_host(url.trim_start_matches("http://"));
        let running = RunningServer::Gateway { server: Box::new(server), _data: data };
        Ok(CountedServer { name: "bucketry", url, signer, process, running, profiles })
    }
}

/// Starts nginx as a single process under callgrind, over the same storage. None if no program is given.
pub(crate) fn nginx(program: Option<&Path>, storage: &str) -> Result<Option<CountedServer>> {
    let Some(program) = program else { return Ok(None) };
    let (room, profiles) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let [port] = ports::free()?;
    let file = peers::nginx_settings(room.path(), storage, port, "master_process off; worker_processes 1;")?;
    let line = valgrind(profiles.path());
    let (first, rest) = line.split_first().ok_or("no command")?;
    let mut command = Command::new(first);
    command.args(rest).arg(program).arg("-p").arg(room.path()).arg("-c").arg(file);
    command.env(NO_STRING_COPIES.0, NO_STRING_COPIES.1);
    let mut supervised = Supervised::start(command, room.path(), &[])?;
    supervised.wait_ready("nginx under callgrind", START_WITHIN, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|error| error.to_string())
    })?;
    let url = format!("http://127.0.0.1:{port}");
    let signer = Signer::new(peers::KEY.to_owned(), peers::SECRET.to_owned(), format!("127.0.0.1:{port}"));
    let process = Process::new(supervised.id())?;
    let running = RunningServer::Nginx { _supervised: supervised, _room: room };
    Ok(Some(CountedServer { name: "nginx", url, signer, process, running, profiles }))
}
