//! Sealed secrets open with a tool that is independent of this project: `pyrage`, the Python binding of age.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use bucketry_model::secret::Secret;
use bucketry_vault::{Identities, SecretContext, seal};

/// Arguments: an identity file and a sealed file. Opens the sealed file with the keys of the identity file and
/// prints the plaintext.
const SCRIPT: &str = r##"
import pathlib, sys, pyrage
lines = pathlib.Path(sys.argv[1]).read_text().splitlines()
keys = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
sys.stdout.buffer.write(pyrage.decrypt(pathlib.Path(sys.argv[2]).read_bytes(), keys))
"##;

#[test]
fn a_disaster_recovery_needs_the_key_file_and_an_age_tool_only() {
    let python = std::env::var_os("BUCKETRY_TEST_PYTHON").expect(
        "BUCKETRY_TEST_PYTHON must name a Python with the package `pyrage`: run the tests with `cargo xtask test`",
    );
    let directory = tempfile::tempdir().unwrap();
    let (keys, file) = (directory.path().join("vault.key"), directory.path().join("sealed.age"));
    let mut identities = Identities::load_or_create(&keys).unwrap();
    let sealed_to = [Identities::generate().in_use(), identities.in_use()];
    identities.add_new().unwrap();

    let org = "0197a3b0-0000-7000-8000-000000000001".parse().unwrap();
    let bucket = "0197a3b0-0000-7000-8000-000000000002".parse().unwrap();
    let context = SecretContext::of_bucket(org, bucket);
    let sealed = seal(&Secret::new("wJalr/ü\n\"key\""), &context, &sealed_to).unwrap();
    std::fs::write(&file, sealed.as_text()).unwrap();

    let opened = run(Path::new(&python), &keys, &file);
    assert_eq!(
        opened,
        serde_json::json!({
            "v": 1, "org": org, "record": format!("bucket:{bucket}"), "field": "secret", "secret": "wJalr/ü\n\"key\"",
        })
    );
}

fn run(python: &Path, keys: &Path, file: &Path) -> serde_json::Value {
    let output = Command::new(python).arg("-c").arg(SCRIPT).arg(keys).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
