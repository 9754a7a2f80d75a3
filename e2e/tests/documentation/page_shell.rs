//! A reader's shell: runs commands in a separate home directory, one after the other, as a terminal would.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bucketry_e2e::{Error, Result, binary};
use bucketry_test_servers::process::Supervised;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Time limit of a command, also of one that runs until it is ended to be ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs a command with what the commands before it left: exported variables and the directory.
const SCRIPT: &str = r#"
set -o pipefail
. "$1" || exit
page_state=$1
trap 'status=$?; { export -p; printf "cd %q\n" "$PWD"; } > "$page_state"; exit $status' EXIT
eval "$2"
"#;

/// Becomes a command that runs until it is ended.
const LONG_SCRIPT: &str = r#". "$1" && eval "exec env $2""#;

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) status: ExitStatus,
    /// Both outputs, in the order in which they were written.
    pub(crate) text: String,
}

/// The shell with its home directory.
#[derive(Debug)]
pub(crate) struct PageShell {
    dir: TempDir,
    path: OsString,
    long_commands: usize,
}

impl PageShell {
    /// A shell in an empty home directory that finds the built binary and the tests' programs.
    pub(crate) fn new() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("bucketry-page-").tempdir().map_err(Error::Files)?;
        std::fs::create_dir_all(dir.path().join("home")).map_err(Error::Files)?;
        let shell = Self { dir, path: programs()?, long_commands: 0 };
        shell.begin(&[])?;
        Ok(shell)
    }

    /// The home directory.
    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Begins again in the home directory with these variables, as a new terminal does.
    pub(crate) fn begin(&self, variables: &[(&str, &str)]) -> Result<()> {
        let home = self.home();
        let lines = variables.iter().map(|(name, value)| format!("export {name}='{value}'\n"));
        let state = format!("{}cd '{}'\n", lines.collect::<String>(), home.display());
        std::fs::write(self.state(), state).map_err(Error::Files)
    }

    /// Adds lines that a reader pastes, such as `export NAME=value`.
    pub(crate) fn paste(&self, lines: &str) -> Result<()> {
        let state = std::fs::read_to_string(self.state()).map_err(Error::Files)?;
        std::fs::write(self.state(), format!("{state}{lines}\n")).map_err(Error::Files)
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state.sh")
    }

    fn bash(&self, script: &str, command: &str) -> std::process::Command {
        let mut bash = std::process::Command::new("bash");
        bash.args(["--norc", "-c", script, "bash"]).arg(self.state()).arg(command);
        bash.env_clear().env("PATH", &self.path).env("HOME", self.home());
        bash.envs([("LC_ALL", "C.UTF-8"), ("TERM", "dumb"), ("AWS_EC2_METADATA_DISABLED", "true")]);
        bash.current_dir(self.dir.path());
        bash
    }

    /// Runs a command until it exits, with this text on standard input.
    pub(crate) async fn run(&self, command: &str, input: &str) -> Result<Printed> {
        let output = self.dir.path().join("printed");
        let file = std::fs::File::create(&output).map_err(Error::Files)?;
        let mut bash = Command::from(self.bash(SCRIPT, command));
        bash.stdin(Stdio::piped())
            .stdout(file.try_clone().map_err(Error::Files)?)
            .stderr(file)
            .kill_on_drop(true);
        let mut child = bash.spawn().map_err(Error::Files)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that doesn't read its input may exit before the input is written.
            drop(stdin.write_all(input.as_bytes()).await);
        }
        let read = || String::from_utf8_lossy(&std::fs::read(&output).unwrap_or_default()).into_owned();
        let status = tokio::time::timeout(PATIENCE, child.wait()).await;
        let status = status
            .map_err(|_| Error::NoAnswer {
                call: command.to_owned(),
                reason: format!("it doesn't exit: {}", read()),
            })?
            .map_err(Error::Files)?;
        Ok(Printed { status, text: read() })
    }

    /// Runs a command until it has printed one of these texts, and ends it as Ctrl-C does.
    pub(crate) async fn run_until_ready(
        &mut self,
        command: &str,
        ready: &'static [&'static str],
    ) -> Result<Printed> {
        self.long_commands += 1;
        let dir = self.dir.path().join(format!("long-{}", self.long_commands));
        std::fs::create_dir(&dir).map_err(Error::Files)?;
        let mut bash = self.bash(LONG_SCRIPT, command);
        // Free ports, unless the command says otherwise.
        bash.env("BUCKETRY_LISTEN", "127.0.0.1:0").env("BUCKETRY_GATEWAY_LISTEN", "127.0.0.1:0");
        let (status, text) = tokio::task::spawn_blocking(move || {
            let mut process = Supervised::start(bash, &dir, &[])?;
            let log = dir.join("output.log");
            process.wait_ready("the command being ready", PATIENCE, || {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                if ready.iter().any(|one| text.contains(one)) { Ok(()) } else { Err(text) }
            })?;
            let status = process.interrupt(PATIENCE)?;
            Ok::<_, Error>((status, process.log()))
        })
        .await??;
        // A program that doesn't handle Ctrl-C is ended by it.
        let status = if status.signal() == Some(2) { ExitStatus::default() } else { status };
        Ok(Printed { status, text })
    }
}

/// The search path: the built binary, the tests' programs, and what the system has.
fn programs() -> Result<OsString> {
    let folder = |path: PathBuf| path.parent().map(Path::to_owned);
    let mut folders: Vec<PathBuf> = folder(binary()?).into_iter().collect();
    for name in ["BUCKETRY_TEST_PROGRAMS", "BUCKETRY_TEST_POSTGRES_PROGRAMS"] {
        folders.extend(std::env::var_os(name).map(PathBuf::from));
    }
    folders.extend(std::env::var_os("BUCKETRY_TEST_PROMTOOL").map(PathBuf::from).and_then(folder));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    std::env::join_paths(folders).map_err(|error| Error::Files(std::io::Error::other(error)))
}
