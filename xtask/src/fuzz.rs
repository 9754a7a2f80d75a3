//! `cargo xtask fuzz`: everything that reads what the network sends, against damaged input.

use crate::command::{self, Result};
use crate::workspace::Workspace;

/// How long each target is run unless told otherwise, in seconds.
const SECONDS: u64 = 60;

/// Runs every fuzz target of the gateway for the time that the arguments (`--seconds N`) give.
pub(crate) fn run(arguments: &[&str]) -> Result {
    let seconds = match arguments {
        [] => SECONDS,
        ["--seconds", number] => number.parse().map_err(|_| "--seconds takes a whole number")?,
        _ => return Err("fuzz takes --seconds N and nothing else".into()),
    };
    let workspace = Workspace::find()?;
    let mut tests = command::cargo(&workspace.root);
    tests
        .args(["test", "--locked", "-p", "bucketry-gateway", "--test", "requests", "--"])
        .args(["--ignored", "--nocapture", "fuzz::"])
        .env("BUCKETRY_FUZZ_SECONDS", seconds.to_string());
    command::run(&mut tests)
}
