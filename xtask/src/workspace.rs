//! The root of the repository, and the target directory to which everything is built or installed.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::command::{self, Result};

/// The repository and its target directory.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The directory of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target directory, as the environment or configuration sets it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Gets both paths from `cargo metadata`.
    pub(crate) fn find() -> Result<Self> {
        // `cargo run` sets the variable to the working copy in use, whichever one this program was compiled in.
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let package = package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let manifest = package.join("Cargo.toml");
        let mut ask = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        ask.args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"]).arg(manifest);
        let response: Value = serde_json::from_str(&command::output(&mut ask)?)?;
        let path = |name: &str| {
            response[name].as_str().map(PathBuf::from).ok_or_else(|| format!("cargo metadata lacks {name}"))
        };
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")? })
    }
}
