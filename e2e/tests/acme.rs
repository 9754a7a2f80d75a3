//! Certificates from an ACME authority: Caddy's, which verifies names with TLS-ALPN-01 as Let's Encrypt does.

use std::path::PathBuf;
use std::process::Stdio;

use bucketry_e2e::{Error, Result, binary, needs_one_control_plane, python, text};
use serde_json::{Value, json};
use tokio::process::Command;

/// Runs the script in namespaces. `None` where the system doesn't allow them.
async fn in_namespaces(script: &str, given: &Value) -> Result<Option<Value>> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--net", "--mount"])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    };
    if !unshare().arg("true").status().await.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
    let output =
        unshare().arg(python()?).arg(path).arg(given.to_string()).output().await.map_err(Error::Files)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&printed).map(Some).map_err(|_| Error::OtherEnd {
        call: script.to_owned(),
        expected: "JSON".to_owned(),
        status: output.status.to_string(),
        output: format!("{printed}{}", String::from_utf8_lossy(&output.stderr)),
    })
}

#[tokio::test]
async fn a_certificate_is_ordered_stored_and_refused_with_the_reason() -> Result<()> {
    needs_one_control_plane!("it starts its server in a network namespace, with a script");
    let dir = tempfile::tempdir().map_err(Error::Files)?;
    let caddy =
        std::env::var("BUCKETRY_TEST_CADDY").map_err(|_| Error::NoEnvironment("BUCKETRY_TEST_CADDY"))?;
    let given = json!({ "bucketry": binary()?, "caddy": caddy, "dir": dir.path() });
    let Some(seen) = in_namespaces("acme_authority.py", &given).await? else { return Ok(()) };
    let names = json!(["s3.test", "storage.test"]);
    assert_eq!(seen["api"]["names"], names, "{seen:#}");
    assert_eq!(seen["gateway"], seen["api"], "both listeners use it");
    assert_eq!(seen["restarted"], seen["api"], "it is stored");
    assert_eq!(seen["files"], json!({ "account.json": "0o600", "certificate.pem": "0o600" }));
    assert_eq!(seen["renewed"]["names"], names, "{seen:#}");
    assert!(seen["renewed"] != seen["api"] && seen["newAccount"] == true, "{seen:#}");
    let log = text(&seen["refused"]);
    assert!(log.contains("couldn't verify elsewhere.test") && log.contains("port 443"), "{log}");
    Ok(())
}
