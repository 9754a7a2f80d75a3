//! Running programs in the foreground, and talking to the person who waits for them.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use bucketry_test_servers::wait;

/// What a task answers; the error's text is for a person.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// `cargo`, the one that runs this.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    // What `cargo run` tells this program of itself. Build scripts that look at it would run again each time this task
    // takes turns with a cargo called by hand, and all that depends on them be compiled again.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|kind| name.to_string_lossy().starts_with(kind)) {
            command.env_remove(name);
        }
    }
    command
}

/// Announces and runs a command; a failure names it.
pub(crate) fn run(command: &mut Command) -> Result {
    announce(command);
    let status = command.status().map_err(|error| format!("can't run {}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed: {status}", shown(command)).into()) }
}

/// As [`run`], with each line of its standard output shown and handed to `line`.
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

/// As [`run`], but kills the program when `deadline` has passed.
pub(crate) fn run_until(command: &mut Command, deadline: Instant) -> Result {
    announce(command);
    let mut child = command.spawn().map_err(|error| format!("can't run {}: {error}", shown(command)))?;
    let left = deadline.saturating_duration_since(Instant::now());
    let ended = wait::until("its end", left, || match child.try_wait() {
        Ok(Some(status)) => Ok(status),
        Ok(None) => Err("it still runs".to_owned()),
        Err(error) => Err(error.to_string()),
    });
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} failed: {status}", shown(command)).into()),
        Err(_) => {
            child.kill()?;
            child.wait()?;
            Err(format!("{} took too long and was ended", shown(command)).into())
        }
    }
}

/// Runs a command silently and answers its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| format!("can't run {}: {error}", shown(command)))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let response = String::from_utf8_lossy(&output.stderr);
        Err(format!("{} failed: {}\n{response}", shown(command), output.status).into())
    }
}

/// Runs a command and answers whether it succeeded; silent, and no error if it doesn't exist.
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
        // Tokens travel in headers.
        text.push_str(if arg.starts_with("Authorization:") { "Authorization:…" } else { &arg });
    }
    text
}

/// A line of the result, on standard output.
#[expect(clippy::print_stdout, reason = "a command line tool talks to its user")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// A line about the progress or a failure, on standard error.
#[expect(clippy::print_stderr, reason = "a command line tool talks to its user")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}
