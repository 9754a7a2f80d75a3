//! Checks the OpenAPI document against the running binary: schemathesis generates valid and invalid requests from
//! the document, and compares every response with it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bucketry_test_servers::bucketry::{Bucketry, OWNER_EMAIL, OWNER_PASSWORD, Options};
use bucketry_test_servers::loopback;
use bucketry_test_servers::seaweedfs::{ADMIN, OPEN_BUCKET};
use serde_json::{Value, json};

use crate::command::{self, Result};
use crate::servers::Servers;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// The checks of every response: no 5xx; status, content type and body as documented.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// Random requests per operation, in addition to those that cover the edges of its schema.
const EXAMPLES: &str = "25";

/// A fixed seed, so that every run makes the same requests.
const SEED: &str = "20251122";

/// Time limit of the whole check, which takes about a minute; only a server that hangs exceeds it.
const AT_MOST: Duration = Duration::from_mins(4);

/// Starts a server, registers a bucket and checks first the operations on that bucket, then all operations. Fails
/// if a response doesn't match the document.
pub(crate) fn check(workspace: &Workspace, tools: &Tools, servers: &Servers, binary: &Path) -> Result {
    let server = Bucketry::start(Options::new(binary))?;
    let scratch = tempfile::tempdir()?;
    let fuzzer =
        Fuzzer { workspace, tools, servers, scratch: scratch.path(), deadline: Instant::now() + AT_MOST };
    let outcome = all_operations(&fuzzer, &server);
    if outcome.is_err() {
        command::complain(&format!("the server's last lines:\n{}", last_lines(&server.log(), 40)));
    }
    outcome
}

/// A pattern for the paths that take away what the other operations need: the session, by logging out or by revoking a
/// token whose id came from a list, and the node, which waits for approval after it was removed.
const TAKES_AWAY: &str = r"^/(user/logout|token/\{|node/\{)";

fn all_operations(fuzzer: &Fuzzer<'_>, server: &Bucketry) -> Result {
    let owner = Owner::log_in(server)?;
    let bucket = owner.register_bucket(fuzzer.servers)?;
    // Operations on the existing bucket come first: schemathesis learns ids from responses, so a later run may
    // delete it. Operations that take away the session or the node come last, because the others need them.
    let real_id = format!("[parameters]\n\"path.bucketId\" = \"{bucket}\"\n");
    fuzzer.run(&owner, &real_id, &["--include-path-regex", r"/bucket/\{", "--exclude-method", "DELETE"])?;
    fuzzer.run(&owner, "", &["--exclude-path-regex", TAKES_AWAY])?;
    fuzzer.run(&owner, "", &["--include-path-regex", TAKES_AWAY])
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Runs of schemathesis, all within one deadline.
struct Fuzzer<'a> {
    workspace: &'a Workspace,
    tools: &'a Tools,
    servers: &'a Servers,
    scratch: &'a Path,
    deadline: Instant,
}

impl Fuzzer<'_> {
    /// Runs schemathesis reproducibly over the operations that `filter` selects, with `settings` as its
    /// configuration.
    fn run(&self, owner: &Owner, settings: &str, filter: &[&str]) -> Result {
        let configuration = self.scratch.join("schemathesis.toml");
        std::fs::write(&configuration, settings)?;
        let mut command = Command::new(self.tools.schemathesis());
        command
            .current_dir(self.scratch)
            .env("SCHEMATHESIS_HOOKS", self.workspace.root.join("xtask/tools/schemathesis_hooks.py"))
            .env("BUCKETRY_TEST_S3_ENDPOINT", self.servers.s3.endpoint())
            .arg("--config-file")
            .arg(&configuration)
            .args(["run", &format!("{}/openapi.json", owner.api), "--checks", CHECKS])
            .args(["--header", &format!("Authorization: Bearer {}", owner.token)])
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", SEED])
            .args(["--request-timeout", "30", "--generation-database", "none", "--continue-on-failure"])
            .args(filter);
        command::run_until(&mut command, self.deadline)
    }
}

/// The owner of the deployment, logged in.
struct Owner {
    api: String,
    port: u16,
    token: String,
}

impl Owner {
    fn log_in(server: &Bucketry) -> Result<Self> {
        let mut owner = Self { api: server.api().to_owned(), port: server.api_port(), token: String::new() };
        let credentials = json!({ "email": OWNER_EMAIL, "password": OWNER_PASSWORD });
        let response = owner.call("POST", "/user/login", &credentials)?;
        text(&response["accessToken"], "the login's accessToken")?.clone_into(&mut owner.token);
        Ok(owner)
    }

    /// Registers the test server's bucket and returns its id.
    fn register_bucket(&self, servers: &Servers) -> Result<String> {
        let response = self.call("GET", "/workspace", &Value::Null)?;
        let workspace = text(&response["workspaces"][0]["id"], "the first workspace's id")?;
        let bucket = json!({
            "name": "openapi check",
            "bucket": OPEN_BUCKET,
            "storageType": "S3",
            "key": ADMIN.key,
            "secret": ADMIN.secret,
            "endpoint": servers.s3.endpoint(),
            "region": "us-east-1",
            "workspaceId": workspace,
        });
        let response = self.call("POST", "/bucket", &bucket)?;
        text(&response["bucketId"], "the new bucket's id").map(str::to_owned)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let authorization = format!("Bearer {}", self.token);
        let mut headers = vec![("Accept", "application/json")];
        if !self.token.is_empty() {
            headers.push(("Authorization", &authorization));
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        if !body.is_empty() {
            headers.push(("Content-Type", "application/json"));
        }
        let answer = loopback::request(method, self.port, path, &headers, &body)?;
        if answer.status != 200 {
            return Err(format!("{method} {path}: {} {}", answer.status, answer.body).into());
        }
        serde_json::from_str(&answer.body).map_err(|error| format!("{method} {path}: {error}").into())
    }
}

fn text<'a>(value: &'a Value, what: &str) -> Result<&'a str> {
    value.as_str().ok_or_else(|| format!("the response lacks {what}").into())
}
