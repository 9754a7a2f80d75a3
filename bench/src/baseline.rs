//! The minimum cost of an authenticated response of this size: a handler on the same framework and runtime, behind
//! the same token check, that returns bytes from memory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bucketry_control::access_token::AccessTokens;
use bucketry_control::{Control, Environment, Settings};
use bucketry_model::secret::Secret;
use bucketry_store::sqlite::SqliteStore;
use bucketry_test_servers::process::Supervised;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::Result;
use crate::deployment::text;
use crate::process::Process;

const OWNER: &str = "owner@example.com";
const PASSWORD: &str = "Correct-Horse-1";

#[derive(Clone)]
struct Memory {
    control: Control,
    body: Bytes,
}

/// Serves the file's bytes at `/bucket` until the process is killed.
pub(crate) async fn serve(body: PathBuf, ready_file: PathBuf) -> Result {
    let body = Bytes::from(std::fs::read(body)?);
    let store = Arc::new(SqliteStore::open_temporary().await?);
    let tokens = AccessTokens::new(&[("baseline".to_owned(), vec![7; 32])])?;
    let control = Control::new(store, Environment::system(), Settings::default(), tokens);
    control.bootstrap(OWNER, Secret::new(PASSWORD)).await?;
    let session = control.login(OWNER, Secret::new(PASSWORD), None).await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tell(&ready_file, &json!({ "url": url, "token": session.access_token }))?;
    let router = Router::new().route("/bucket", get(answer)).with_state(Memory { control, body });
    Ok(axum::serve(listener, router).await?)
}

async fn answer(State(memory): State<Memory>, headers: HeaderMap) -> Response {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(bearer) = bearer else { return StatusCode::UNAUTHORIZED.into_response() };
    match memory.control.authenticate(bearer).await {
        Ok(_) => {
            ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], memory.body).into_response()
        }
        Err(_) => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// Writes a ready file atomically.
pub(crate) fn tell(ready_file: &Path, value: &Value) -> Result {
    let aside = ready_file.with_extension("new");
    std::fs::write(&aside, value.to_string())?;
    Ok(std::fs::rename(aside, ready_file)?)
}

/// Another process of this program that runs one of its subcommands. Dropping it stops the process.
pub(crate) struct Companion {
    supervised: Supervised,
    response: Value,
    _room: TempDir,
}

impl Companion {
    /// Starts the process and waits until it has written its addresses.
    pub(crate) fn start(arguments: &[&Path]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let ready_file = dir.path().join("ready.json");
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).arg(&ready_file);
        let mut supervised = Supervised::start(command, dir.path(), &[])?;
        let response = supervised.wait_ready("a companion's start", Duration::from_secs(30), || {
            std::fs::read_to_string(&ready_file).map_err(|error| error.to_string())
        })?;
        Ok(Self { supervised, response: serde_json::from_str(&response)?, _room: dir })
    }

    /// A value of the ready file.
    pub(crate) fn response(&self, name: &str) -> Result<String> {
        text(&self.response, name)
    }
}

/// The baseline's process with the address and token to call it with.
pub(crate) struct Baseline {
    _companion: Companion,
    _body: TempDir,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) process: Process,
}

impl Baseline {
    /// Starts a baseline that returns these bytes.
    pub(crate) fn start(body: &[u8]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("body");
        std::fs::write(&file, body)?;
        let companion = Companion::start(&[Path::new("baseline"), &file])?;
        Ok(Self {
            url: companion.response("url")?,
            token: companion.response("token")?,
            process: Process::new(companion.supervised.id())?,
            _companion: companion,
            _body: directory,
        })
    }
}
