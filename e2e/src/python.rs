//! Verifies results with independent tools: the tests' Python interpreter has SQLite, age and S3.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::{Error, Result, Server, environment, query};

/// The page with a node in Python.
const NODES_PAGE: &str = "../docs/nodes.md";

/// Runs a Python script with arguments and reads the JSON that it prints.
///
/// # Errors
/// [`Error::OtherEnd`] with the traceback if the script fails.
pub async fn run_python(script: &str, args: &[&str]) -> Result<Value> {
    let mut python = Command::new(environment::python()?);
    python.args(["-c", script]).args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = python.output().await.map_err(Error::Files)?;
    let (printed, response) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let unlike = |expected: &str| Error::OtherEnd {
        call: "python".to_owned(),
        expected: expected.to_owned(),
        status: output.status.to_string(),
        output: format!("{printed}{response}"),
    };
    if !output.status.success() {
        return Err(unlike("success"));
    }
    serde_json::from_str(&printed).map_err(|_| unlike("JSON"))
}

/// Runs the Python node of `docs/nodes.md` with a key of an organization, in PEM. Returns the names of the buckets that
/// it gets.
///
/// # Errors
/// [`Error::OtherEnd`] with the traceback if the control plane refuses the node.
pub async fn run_documented_node(
    server: &Server,
    organization: &str,
    key: &str,
    name: &str,
) -> Result<Value> {
    let page = std::fs::read_to_string(NODES_PAGE).map_err(Error::Files)?;
    let script = page.split_once("```python\n").and_then(|(_, rest)| rest.split_once("```"));
    let script = script.map(|(script, _)| script).unwrap_or_default();
    let file = tempfile::NamedTempFile::new().map_err(Error::Files)?;
    std::fs::write(file.path(), key).map_err(Error::Files)?;
    run_python(script, &[server.api(), organization, &file.path().to_string_lossy(), name]).await
}

const SEALED_SECRETS: &str = r"
import json, sqlite3, sys
database = sqlite3.connect(f'file:{sys.argv[1]}/bucketry.db?mode=ro', uri=True)
print(json.dumps(dict(database.execute('SELECT id, secret FROM buckets WHERE secret IS NOT NULL'))))
";

const SEALED_SECRETS_OF_POSTGRES: &str =
    "SELECT COALESCE(json_object_agg(id, secret), '{}') FROM buckets WHERE secret IS NOT NULL";

/// The sealed texts in a server's database, by bucket. `docs/vault.md` describes where they are.
pub async fn sealed_secrets(server: &Server) -> Result<serde_json::Map<String, Value>> {
    let response = match server.database() {
        None => run_python(SEALED_SECRETS, &[&server.data_dir().to_string_lossy()]).await?,
        Some(database) => {
            let response = query(database, SEALED_SECRETS_OF_POSTGRES).await?;
            serde_json::from_str(&response).unwrap_or_default()
        }
    };
    Ok(response.as_object().cloned().unwrap_or_default())
}

const OPEN_WITH_AGE: &str = r"
import json, pyrage, sys
keys = [line for line in open(sys.argv[1]).read().split() if line.startswith('AGE-SECRET-KEY-')]
identities = [pyrage.x25519.Identity.from_str(key) for key in keys]
try:
    print(pyrage.decrypt(sys.argv[2].encode(), identities).decode())
except pyrage.DecryptError as error:
    print(json.dumps({ 'refused': str(error) }))
";

/// Opens a sealed text with the keys of an identity file, using `pyrage`. Returns the plain text, or `refused` with
/// the reason.
pub async fn open_with_age(identity_file: &Path, sealed: &str) -> Result<Value> {
    run_python(OPEN_WITH_AGE, &[&identity_file.to_string_lossy(), sealed]).await
}
