//! `cargo xtask fuzz`: feeds damaged input to everything that parses data from the network.

use crate::command::{self, Result};
use crate::workspace::Workspace;

/// How long each target runs by default, in seconds.
const SECONDS: u64 = 60;

/// Runs every fuzz target of the gateway, each for as long as the arguments (`--seconds N`) say.
pub(crate) fn run(arguments: &[&str]) -> Result {
    let seconds = match arguments {
        [] => SECONDS,
        ["--seconds", number] => number.parse().map_err(|_| "--seconds takes a whole number")?,
        _ => return Err("fuzz accepts only --seconds N".into()),
    };
    let workspace = Workspace::find()?;
    let mut tests = command::cargo(&workspace.root);
    tests
        .args(["test", "--locked", "-p", "bucketry-gateway", "--test", "requests", "--"])
        .args(["--ignored", "--nocapture", "fuzz::"])
        .env("BUCKETRY_FUZZ_SECONDS", seconds.to_string());
    command::run(&mut tests)
}
