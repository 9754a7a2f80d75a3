//! Journeys in a browser, written for Playwright in `e2e/browser`.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::environment::variable;
use crate::{Error, Result};

/// Runs a script of `e2e/browser` with these variables, and returns what it reports. `None` if there is no browser, which
/// `cargo xtask test` counts as skipped.
pub async fn run_in_browser(script: &str, variables: &[(&str, String)]) -> Result<Option<Value>> {
    act_in_browser(script, variables, async |_: &str| Ok(String::new())).await
}

/// The same for a script that has `act` do what a browser can't, such as stopping a server. The script waits for what `act`
/// returns; an error fails the step of the script.
pub async fn act_in_browser(
    script: &str,
    variables: &[(&str, String)],
    mut act: impl AsyncFnMut(&str) -> Result<String>,
) -> Result<Option<Value>> {
    if std::env::var_os("BUCKETRY_TEST_CHROMIUM").is_none() {
        return Ok(None);
    }
    variable("BUCKETRY_TEST_NODE_MODULES")?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser").join(script);
    let call = format!("node {}", path.display());
    let failed = |reason: String| Error::NoAnswer { call: call.clone(), reason };
    let mut node = Command::new("node");
    node.arg(&path).envs(variables.iter().map(|(name, value)| (name, value))).kill_on_drop(true);
    node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut node = node.spawn().map_err(|error| failed(error.to_string()))?;
    let pipes = (node.stdin.take(), node.stdout.take(), node.stderr.take());
    let (Some(mut input), Some(output), Some(mut errors)) = pipes else {
        return Err(failed("it has no pipes".to_owned()));
    };
    let complaints = tokio::spawn(async move {
        let mut text = String::new();
        // What arrived until then is worth showing.
        drop(errors.read_to_string(&mut text).await);
        text
    });
    let (mut said, mut lines) = (String::new(), BufReader::new(output).lines());
    while let Some(line) = lines.next_line().await.map_err(|error| failed(error.to_string()))? {
        if let Some(command) = line.strip_prefix("> ") {
            let answer = match act(command).await {
                Ok(answer) => format!("done {answer}\n"),
                Err(error) => format!("failed {}\n", error.to_string().replace('\n', " ")),
            };
            input.write_all(answer.as_bytes()).await.map_err(|error| failed(error.to_string()))?;
        }
        // Shown if the test fails or takes too long. An output that is closed shows nothing.
        drop(writeln!(std::io::stdout(), "{line}"));
        said.push_str(&line);
        said.push('\n');
    }
    let report = said.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    let complained = complaints.await?;
    report.map(Some).ok_or_else(|| failed(format!("{said}{complained}")))
}
