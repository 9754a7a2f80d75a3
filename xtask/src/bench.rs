//! `cargo xtask bench`: builds the binary with the profile `dist` (`counted` for instructions and traces) and measures it.

use std::process::Command;

use crate::command::{self, Result};
use crate::peers;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Builds the binaries and passes the arguments (names of benchmarks, `--quick`) to the benchmark program.
pub(crate) fn run(arguments: &[&str]) -> Result {
    let workspace = Workspace::find()?;
    // Profiles need the names of functions, which the packaged binary doesn't contain.
    let is_counted = arguments.iter().any(|name| ["instructions", "traces"].contains(name));
    let profile = if is_counted { "counted" } else { "dist" };
    let mut build = command::cargo(&workspace.root);
    build
        .args(["build", "--profile", profile, "--locked"])
        .args(["-p", "bucketry", "--bin", "bucketry"])
        .args(["-p", "bucketry-bench", "--bin", "bucketry-bench"])
        .args(["-p", "bucketry-store", "--example", "seed"]);
    let commit = commit(&workspace)?;
    command::run(&mut build)?;
    let tools = Tools::install(&workspace)?;
    let built = workspace.target.join(profile);
    let mut bench = Command::new(built.join("bucketry-bench"));
    bench
        .arg("run")
        .args(arguments)
        .arg("--bucketry")
        .arg(built.join("bucketry"))
        .arg("--seed")
        .arg(built.join("examples/seed"))
        .arg("--rclone")
        .arg(tools.programs().join("rclone"))
        .arg("--weed")
        .arg(tools.weed())
        .arg("--postgres")
        .arg(tools.postgres()?)
        .args(["--commit", &commit])
        .arg("--output")
        .arg(workspace.root.join("bench"));
    if let Some(nginx) = peers::nginx(&workspace) {
        bench.arg("--nginx").arg(nginx);
    }
    // These take minutes to build.
    if runs(arguments, "g")
        && let Some(proxy) = peers::s3s_proxy(&workspace)
    {
        bench.arg("--s3s-proxy").arg(proxy);
    }
    if runs(arguments, "history")
        && let Some(before) = peers::earlier(&workspace, &peers::BEFORE_HISTORY)
    {
        bench.arg("--before").arg(before);
    }
    if runs(arguments, "traces")
        && let Some(before) = peers::earlier(&workspace, &peers::BEFORE_TRACES)
    {
        bench.arg("--before-traces").arg(before);
    }
    command::run(&mut bench)
}

/// Whether a benchmark runs: it is named, or none is.
fn runs(arguments: &[&str], benchmark: &str) -> bool {
    let mut named = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    named.peek().is_none() || named.any(|name| *name == benchmark)
}

/// The commit that is built, and whether the product's sources differ from it.
fn commit(workspace: &Workspace) -> Result<String> {
    let git = |args: &[&str]| command::output(Command::new("git").current_dir(&workspace.root).args(args));
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", "crates"])?;
    let changed = if changed.is_empty() { "" } else { " with changes" };
    Ok(format!("{}{changed}", commit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_benchmarks_run_unless_some_are_named() {
        assert!(runs(&[], "g") && runs(&["--quick"], "g") && runs(&["n1", "g"], "g"));
        assert!(!runs(&["instructions"], "g") && !runs(&["a1", "--quick"], "history"));
    }
}
