//! The files in `deploy/` for containers and Kubernetes: they are valid, and what they say about the program is true.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use bucketry_e2e::{Result, binary, list, needs_one_control_plane};
use serde_json::Value;

const BINARY: &str = include_str!("deployment/binary.py");

/// A Python with Helm's library and the schemas. `cargo xtask test` counts the tests as skipped where there is none.
fn python() -> Option<PathBuf> {
    std::env::var_os("BUCKETRY_TEST_DEPLOYMENT_PYTHON").map(PathBuf::from)
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Runs a check with the binary and the repository as its arguments, and returns what it prints as JSON.
fn check(python: &Path, script: &str, further: &str) -> Result<Value> {
    let mut command = Command::new(python);
    command.arg("-c").arg(format!("{BINARY}\n{script}")).arg(binary()?).arg(repository()).arg(further);
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_str(&printed).unwrap())
}

#[test]
fn the_container_and_compose_files_fit_the_program() -> Result<()> {
    needs_one_control_plane!("it starts no control plane");
    let Some(python) = python() else { return Ok(()) };
    let hadolint = python.with_file_name("hadolint");
    let script = include_str!("deployment/check_container.py");
    let checked = check(&python, script, &hadolint.to_string_lossy())?;
    assert_eq!(list(&checked["problems"]), [] as [Value; 0], "{checked:#}");
    assert!(checked["settings"].as_u64() > Some(3), "{checked}");
    Ok(())
}

#[test]
fn the_chart_and_the_manifests_fit_the_program_and_kubernetes() -> Result<()> {
    needs_one_control_plane!("it starts no control plane");
    let Some(python) = python() else { return Ok(()) };
    let mode = if std::env::var_os("UPDATE_SNAPSHOTS").is_some() { "update" } else { "compare" };
    let checked = check(&python, include_str!("deployment/check_manifests.py"), mode)?;
    assert_eq!(list(&checked["problems"]), [] as [Value; 0], "{checked:#}");
    for (what, at_least) in [("sets", 5), ("documents", 50), ("validations", 150), ("containers", 12)] {
        assert!(checked[what].as_u64() >= Some(at_least), "{what}: {checked}");
    }
    Ok(())
}
