//! Journeys in a browser, written for Playwright in `e2e/browser`.

use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use crate::environment::variable;
use crate::{Error, Result};

/// Runs a script of `e2e/browser` with these variables, and returns what it reports. `None` if there is no browser, which
/// `cargo xtask test` counts as skipped.
pub async fn run_in_browser(script: &str, variables: &[(&str, String)]) -> Result<Option<Value>> {
    if std::env::var_os("BUCKETRY_TEST_CHROMIUM").is_none() {
        return Ok(None);
    }
    variable("BUCKETRY_TEST_NODE_MODULES")?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser").join(script);
    let call = format!("node {}", path.display());
    let failed = |reason: String| Error::NoAnswer { call: call.clone(), reason };
    let mut node = Command::new("node");
    node.arg(&path).envs(variables.iter().map(|(name, value)| (name, value))).kill_on_drop(true);
    let ended = node.output().await.map_err(|error| failed(error.to_string()))?;
    let said = String::from_utf8_lossy(&ended.stdout);
    let report = said.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    report.map(Some).ok_or_else(|| failed(format!("{said}{}", String::from_utf8_lossy(&ended.stderr))))
}
