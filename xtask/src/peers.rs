//! Installs the programs that Bucketry is compared with, among them an earlier version, under `target/bench-tools`.
//! Nothing is installed into the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Result};
use crate::debian;
use crate::workspace::Workspace;

/// nginx from Debian's package, unpacked. None if it can't be installed; the reason is printed.
pub(crate) fn nginx(workspace: &Workspace) -> Option<PathBuf> {
    let dir = workspace.target.join("bench-tools");
    let program = dir.join("nginx/usr/sbin/nginx");
    if runs(&program) {
        return Some(program);
    }
    command::complain("downloading the nginx package (only once; unpacked under the target directory)");
    match debian::unpack(&dir, "nginx") {
        Ok(()) if runs(&program) => Some(program),
        Ok(()) => {
            command::complain(
                "nginx is missing: the package's program doesn't run on this machine (libraries, architecture)",
            );
            None
        }
        Err(error) => {
            command::complain(&format!("nginx is missing: {error}"));
            None
        }
    }
}

/// `s3s-proxy` from crates.io, built with the locked dependencies of its release. None if it can't be built; the
/// reason is printed.
pub(crate) fn s3s_proxy(workspace: &Workspace) -> Option<PathBuf> {
    // The newest version that the project's toolchain can build.
    const VERSION: &str = "0.14.1";
    let dir = workspace.target.join("bench-tools/s3s-proxy");
    let program = dir.join("bin/s3s-proxy");
    if answers(&program, "--help") {
        return Some(program);
    }
    command::complain("building s3s-proxy under the target directory (only once; takes some minutes)");
    let mut install = command::cargo(&workspace.root);
    install
        .args(["install", "s3s-proxy", "--locked", "--version", VERSION])
        .arg("--root")
        .arg(&dir)
        .arg("--target-dir")
        .arg(dir.join("build"));
    match command::run(&mut install) {
        Ok(()) => Some(program).filter(|program| answers(program, "--help")),
        Err(error) => {
            command::complain(&format!("s3s-proxy is missing: {error}"));
            None
        }
    }
}

/// An earlier version to compare with.
pub(crate) struct EarlierVersion {
    /// What it is called under the target directory, and in messages.
    name: &'static str,
    commit: &'static str,
    profile: &'static str,
}

/// The last version without the history of buckets.
pub(crate) const BEFORE_HISTORY: EarlierVersion = EarlierVersion {
    name: "before-history",
    commit: "9eb63e80c7d66387cfebcfa4de59dafbcc8a1379",
    profile: "dist",
};

/// The last version without traces, with the names of functions.
pub(crate) const BEFORE_TRACES: EarlierVersion = EarlierVersion {
    name: "before-traces",
    commit: "7a7e48ff4c895de2ec3de2586bffdd116e4eefd1",
    profile: "counted",
};

/// The binary of an earlier version, built from its commit. None if it can't be built; the reason is printed.
pub(crate) fn earlier(workspace: &Workspace, version: &EarlierVersion) -> Option<PathBuf> {
    let name = version.name;
    let dir = workspace.target.join("bench-tools").join(name);
    let program = dir.join("bucketry");
    if answers(&program, "--version") {
        return Some(program);
    }
    command::complain(&format!("building the version {name} (only once; as long as the version itself)"));
    match build(workspace, version, &dir) {
        Ok(()) => Some(program).filter(|program| answers(program, "--version")),
        Err(error) => {
            command::complain(&format!("the version {name} is missing: {error}"));
            None
        }
    }
}

/// Builds the binary of a version into a directory.
fn build(workspace: &Workspace, version: &EarlierVersion, dir: &Path) -> Result {
    let source = dir.join("source");
    fs::create_dir_all(dir)?;
    if !source.exists() {
        let mut checkout = Command::new("git");
        checkout.current_dir(&workspace.root).args(["worktree", "add", "--detach", "--force"]);
        command::run(checkout.arg(&source).arg(version.commit))?;
    }
    let mut build = command::cargo(&source);
    build
        .args(["build", "--profile", version.profile, "--locked", "-p", "bucketry", "--bin", "bucketry"])
        .arg("--target-dir")
        .arg(dir.join("build"));
    command::run(&mut build)?;
    fs::copy(dir.join("build").join(version.profile).join("bucketry"), dir.join("bucketry"))?;
    Ok(())
}

fn runs(program: &Path) -> bool {
    answers(program, "-v")
}

fn answers(program: &Path, question: &str) -> bool {
    program.exists() && command::succeeds(Command::new(program).arg(question))
}
