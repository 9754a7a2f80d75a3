//! A child process that never outlives the test that started it.
//!
//! Dropping a [`Supervised`] kills its process group. That alone would leak servers when the test itself is killed
//! (Ctrl-C, a time-out of the runner, SIGKILL). Each process therefore has a watchdog: a shell that reads from a
//! pipe whose other end only the owner has. When the owner ends for any reason, the pipe closes and the watchdog
//! kills the group.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::{Error, Result, wait};

/// Arguments: the process group, the owner's directory, and files to remove in any case. A line on standard input
/// means that the owner is alive and has stopped the group itself.
const WATCHDOG: &str = r#"
group=$1; room=$2; shift 2
read -r _ || { kill -s KILL -- "-$group" 2>/dev/null; rm -rf -- "$room"; }
rm -rf -- "$@"
"#;

/// The file in the owner's directory for standard output and standard error.
const LOG: &str = "output.log";

/// A running program with its log file and its watchdog. Dropping it kills the process group.
#[derive(Debug)]
pub struct Supervised {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    log: PathBuf,
    watchdog: Child,
    leash: Option<ChildStdin>,
}

impl Supervised {
    /// Starts `command` in a new process group without standard input. Its output is appended to a file in `dir`,
    /// the owner's temporary directory. The owner removes `dir`, or the watchdog does if the owner is killed.
    /// `leftovers` are files elsewhere that the program is known to leave behind; they are removed after it ends.
    ///
    /// # Errors
    /// The log can't be opened, or the program or the watchdog's shell can't be run.
    pub fn start(mut command: Command, dir: &Path, leftovers: &[PathBuf]) -> Result<Self> {
        let log = dir.join(LOG);
        let output = File::options().create(true).append(true).open(&log)?;
        let program = PathBuf::from(command.get_program());
        let name = program.file_name().unwrap_or(OsStr::new("program")).to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Spawn { program, source })?;
        match watch(child.id(), dir, leftovers) {
            Ok((watchdog, leash)) => Ok(Self { name, child, status: None, log, watchdog, leash }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// The process id, which is also the id of the process group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that the program has printed so far.
    pub fn log(&self) -> String {
        text_of(&self.log)
    }

    /// Like [`wait::until`], but fails as soon as the program has exited.
    ///
    /// # Errors
    /// [`Error::Ended`] with the program's last lines, or [`Error::TimedOut`].
    pub fn wait_ready<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut look: impl FnMut() -> std::result::Result<T, String>,
    ) -> Result<T> {
        let outcome = wait::until(what, within, || match self.exit_status() {
            Ok(None) => look().map(Ok),
            Ok(Some(status)) => Ok(Err(status)),
            Err(error) => Err(error.to_string()),
        })?;
        outcome.map_err(|status| self.ended(status))
    }

    /// The exit status without waiting. `None` while the program runs.
    ///
    /// # Errors
    /// The operating system can't report the status.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status)
    }

    /// Sends SIGTERM and waits for the exit status.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if the program still runs after `within`. It isn't killed.
    pub fn terminate(&mut self, within: Duration) -> Result<ExitStatus> {
        self.end_by("TERM", within)
    }

    /// Sends SIGINT, as Ctrl-C does, and waits for the exit status.
    ///
    /// # Errors
    /// See [`Supervised::terminate`].
    pub fn interrupt(&mut self, within: Duration) -> Result<ExitStatus> {
        self.end_by("INT", within)
    }

    /// Sends SIGQUIT and waits for the exit status.
    ///
    /// # Errors
    /// See [`Supervised::terminate`].
    pub fn quit(&mut self, within: Duration) -> Result<ExitStatus> {
        self.end_by("QUIT", within)
    }

    fn end_by(&mut self, signal: &str, within: Duration) -> Result<ExitStatus> {
        signal_group(signal, self.child.id())?;
        let what = format!("{} ending after SIG{signal}", self.name);
        let status = wait::until(&what, within, || match self.exit_status() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err("it still runs".to_owned()),
            Err(error) => Err(error.to_string()),
        })?;
        self.release();
        Ok(status)
    }

    /// Kills the process group with SIGKILL and waits until the program has exited. Does nothing if it already has.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn kill(&mut self) -> Result<()> {
        if self.exit_status()?.is_none() {
            signal_group("KILL", self.child.id())?;
            self.status = Some(self.child.wait()?);
        }
        self.release();
        Ok(())
    }

    fn ended(&self, status: ExitStatus) -> Error {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(30)..].join("\n");
        Error::Ended { name: self.name.clone(), status: status.to_string(), log: last }
    }

    /// Ends the watchdog without killing, because another process may now have the group's id.
    fn release(&mut self) {
        if let Some(mut leash) = self.leash.take() {
            let response = std::io::Write::write_all(&mut leash, b"ended\n");
            drop(leash);
            if response.is_ok() {
                // The watchdog now only removes files. How it ends doesn't matter.
                drop(self.watchdog.wait());
            }
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // If this fails, the pipe closes right after, and the watchdog tries again.
        drop(self.kill());
    }
}

/// Everything that programs with this `dir` have printed so far.
pub fn log_in(dir: &Path) -> String {
    text_of(&dir.join(LOG))
}

fn text_of(log: &Path) -> String {
    std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn watch(group: u32, dir: &Path, leftovers: &[PathBuf]) -> Result<(Child, Option<ChildStdin>)> {
    let mut watchdog = Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog", &group.to_string()])
        .arg(dir)
        .args(leftovers)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|source| Error::Spawn { program: PathBuf::from("sh"), source })?;
    let leash = watchdog.stdin.take();
    Ok((watchdog, leash))
}

fn signal_group(signal: &str, group: u32) -> Result<()> {
    Command::new("sh")
        .args(["-c", r#"kill -s "$1" -- "-$2" 2>/dev/null"#, "kill", signal, &group.to_string()])
        .stdin(Stdio::null())
        .status()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn runs(id: u32) -> bool {
        // A zombie still has its directory, but no command line.
        std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty())
    }

    #[test]
    fn what_it_prints_is_in_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let mut process = Supervised::start(shell("echo out; echo err >&2"), dir.path(), &[]).unwrap();
        let outcome = process.wait_ready("never", PATIENCE, || Err::<(), _>(String::new()));
        let Err(Error::Ended { log, .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!(log, "out\nerr");
    }

    #[test]
    fn terminate_lets_it_finish_and_tells_its_status() {
        let dir = tempfile::tempdir().unwrap();
        let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";
        let mut process = Supervised::start(shell(script), dir.path(), &[]).unwrap();
        wait::until("the trap", PATIENCE, || {
            process.log().contains("ready").then_some(()).ok_or(process.log())
        })
        .unwrap();
        assert_eq!(process.terminate(PATIENCE).unwrap().code(), Some(7));
    }

    #[test]
    fn interrupt_is_another_signal_than_terminate() {
        let dir = tempfile::tempdir().unwrap();
        let script = "trap 'exit 8' INT; echo ready; while :; do sleep 0.05; done";
        let mut process = Supervised::start(shell(script), dir.path(), &[]).unwrap();
        wait::until("the trap", PATIENCE, || {
            process.log().contains("ready").then_some(()).ok_or(process.log())
        })
        .unwrap();
        assert_eq!(process.interrupt(PATIENCE).unwrap().code(), Some(8));
    }

    #[test]
    fn dropping_it_kills_its_children_and_removes_what_it_left() {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join("left.sock");
        std::fs::write(&left, "").unwrap();
        let script = shell("sleep 600 & echo $!; wait");
        let process = Supervised::start(script, dir.path(), std::slice::from_ref(&left)).unwrap();
        let grandchild: u32 = wait::until("the grandchild", PATIENCE, || {
            process.log().trim().parse().map_err(|_| process.log())
        })
        .unwrap();
        wait::until("its start", PATIENCE, || if runs(grandchild) { Ok(()) } else { Err(String::new()) })
            .unwrap();
        drop(process);
        wait::until("its end", PATIENCE, || if runs(grandchild) { Err(String::new()) } else { Ok(()) })
            .unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn the_watchdog_kills_it_and_cleans_up_when_the_owner_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let mut process = Supervised::start(shell("sleep 600"), dir.path(), &[]).unwrap();
        let id = process.id();
        // Closes the pipe, as the operating system does when the owner is killed.
        drop(process.leash.take());
        wait::until("its end", PATIENCE, || process.exit_status().unwrap().ok_or(String::new())).unwrap();
        assert!(!runs(id));
        wait::until(
            "the cleaning",
            PATIENCE,
            || if dir.path().exists() { Err(String::new()) } else { Ok(()) },
        )
        .unwrap();
    }
}
