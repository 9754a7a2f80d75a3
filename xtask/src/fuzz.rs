//! `cargo xtask fuzz`: feeds damaged input to everything that parses data from the network, or what people paste.

use crate::command::{self, Result};
use crate::workspace::Workspace;

/// How long each target runs by default, in seconds.
const SECONDS: u64 = 60;

/// About how many damaged responses are parsed in a second.
const CASES_PER_SECOND: u64 = 200;

/// Runs every fuzz target of the gateway (signatures, targets, documents, chunks, forms and their policies), those for
/// responses of providers, and those for pastes, each for as long as the arguments (`--seconds N`) say.
pub(crate) fn run(arguments: &[&str]) -> Result {
    let seconds = match arguments {
        [] => SECONDS,
        ["--seconds", number] => number.parse::<u64>().map_err(|_| "--seconds takes a whole number")?,
        _ => return Err("fuzz accepts only --seconds N".into()),
    };
    let workspace = Workspace::find()?;
    let mut tests = command::cargo(&workspace.root);
    tests
        .args(["test", "--locked", "-p", "bucketry-gateway", "--test", "requests", "--"])
        .args(["--ignored", "--nocapture", "fuzz::"])
        .env("BUCKETRY_FUZZ_SECONDS", seconds.to_string());
    command::run(&mut tests)?;
    let cases = seconds.saturating_mul(CASES_PER_SECOND);
    let mut tests = command::cargo(&workspace.root);
    tests
        .args(["test", "--locked", "-p", "bucketry-provider", "--lib", "pool::"])
        .env("PROPTEST_CASES", cases.to_string());
    command::run(&mut tests)?;
    let mut tests = command::cargo(&workspace.root);
    tests
        .args(["test", "--locked", "-p", "bucketry-model", "--lib", "paste::"])
        .env("PROPTEST_CASES", cases.to_string());
    command::run(&mut tests)
}
