//! Runs programs in the foreground, and prints to the person who waits for them.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use bucketry_test_servers::wait;

/// The result of a task; the error's text is meant for people.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The `cargo` that runs this program.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    // `cargo run` sets these variables for this program. Build scripts that depend on them, and everything that
    // depends on those, would be rebuilt each time this task alternates with a cargo command called by hand.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|kind| name.to_string_lossy().starts_with(kind)) {
            command.env_remove(name);
        }
    }
    command
}

/// Prints and runs a command. The error of a failure names the command.
pub(crate) fn run(command: &mut Command) -> Result {
    announce(command);
    let status = command.status().map_err(|error| format!("can't run {}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed: {status}", shown(command)).into()) }
}

/// Like [`run`], but also passes each line of standard output to `line`.
pub(crate) fn run_watching(command: &mut Command, mut line: impl FnMut(&str)) -> Result {
    announce(command);
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    if let Some(output) = child.stdout.take() {
        for text in BufReader::new(output).lines() {
            let text = text?;
            say(&text);
            line(&text);
        }
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("{} failed: {status}", shown(command)).into()) }
}

/// Like [`run`], but kills the program when `deadline` has passed.
pub(crate) fn run_until(command: &mut Command, deadline: Instant) -> Result {
    announce(command);
    let mut child = command.spawn().map_err(|error| format!("can't run {}: {error}", shown(command)))?;
    let left = deadline.saturating_duration_since(Instant::now());
    let ended = wait::until("its end", left, || match child.try_wait() {
        Ok(Some(status)) => Ok(status),
        Ok(None) => Err("it is still running".to_owned()),
        Err(error) => Err(error.to_string()),
    });
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} failed: {status}", shown(command)).into()),
        Err(_) => {
            child.kill()?;
            child.wait()?;
            Err(format!("{} took too long and was killed", shown(command)).into())
        }
    }
}

/// Runs a command silently and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| format!("can't run {}: {error}", shown(command)))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let response = String::from_utf8_lossy(&output.stderr);
        Err(format!("{} failed: {}\n{response}", shown(command), output.status).into())
    }
}

/// Runs a command silently and returns whether it succeeded; false if it doesn't exist.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn announce(command: &Command) {
    complain(&format!("\n$ {}", shown(command)));
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut text = program.to_string_lossy().into_owned();
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        text.push(' ');
        // Headers contain tokens, which are not printed.
        text.push_str(if arg.starts_with("Authorization:") { "Authorization:…" } else { &arg });
    }
    text
}

/// Prints a line of the result, on standard output.
#[expect(clippy::print_stdout, reason = "a command line tool talks to its user")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Prints a line about progress or a failure, on standard error.
#[expect(clippy::print_stderr, reason = "a command line tool talks to its user")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}
