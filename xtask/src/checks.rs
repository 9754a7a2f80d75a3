//! `cargo xtask check`: static checks that must pass before tests are worth running.

use std::process::Command;

use crate::command::{self, Result};
use crate::measured;
use crate::provider_matrix;
use crate::tidy;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Runs every check and reports all failures, so that one run shows everything.
pub(crate) fn run() -> Result {
    let workspace = Workspace::find()?;
    let root = &workspace.root;
    let cargo = |args: &[&str]| command::run(command::cargo(root).args(args));
    let clippy = |features: &[&str]| {
        cargo(&[&["clippy", "--workspace", "--all-targets"], features, &["--", "-D", "warnings"]].concat())
    };
    let outcomes = [
        ("tidiness", tidy::check(root)),
        ("table of providers", provider_matrix::check(root)),
        ("measured figures in documents", measured::check(root)),
        ("format", cargo(&["fmt", "--all", "--", "--check"])),
        ("clippy", clippy(&[])),
        // Only the binary has features that can be left out: everything else is checked already.
        ("clippy without the demo", clippy(&["--no-default-features"])),
        ("rustdoc", rustdoc(&workspace)),
        ("dependency rules", dependency_rules(&workspace)),
    ];
    let failed: Vec<&str> = outcomes
        .iter()
        .filter_map(|(name, outcome)| {
            let error = outcome.as_ref().err()?;
            command::complain(&format!("\n{name}: {error}"));
            Some(*name)
        })
        .collect();
    if failed.is_empty() {
        command::say("all checks passed");
        Ok(())
    } else {
        Err(format!("these checks failed: {}", failed.join(", ")).into())
    }
}

/// The checks that need no compiler: seconds instead of minutes, for the time between two edits.
pub(crate) fn quick() -> Result {
    let workspace = Workspace::find()?;
    tidy::check(&workspace.root)?;
    provider_matrix::check(&workspace.root)?;
    measured::check(&workspace.root)?;
    command::run(command::cargo(&workspace.root).args(["fmt", "--all", "--", "--check"]))
}

/// Compares the locked dependencies with the published advisories. It is a separate task because its result changes
/// from day to day.
pub(crate) fn advisories() -> Result {
    let workspace = Workspace::find()?;
    let tools = Tools::install(&workspace)?;
    let mut deny = Command::new(tools.cargo_deny());
    deny.current_dir(&workspace.root).args(["--log-level", "warn", "check", "advisories"]);
    command::run(&mut deny)
}

fn rustdoc(workspace: &Workspace) -> Result {
    let mut doc = command::cargo(&workspace.root);
    doc.args(["doc", "--workspace", "--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "-D warnings");
    command::run(&mut doc)
}

fn dependency_rules(workspace: &Workspace) -> Result {
    let tools = Tools::install(workspace)?;
    let mut deny = Command::new(tools.cargo_deny());
    deny.current_dir(&workspace.root).args(["--log-level", "warn", "check", "licenses", "bans", "sources"]);
    command::run(&mut deny)
}
