//! The least that an authenticated answer of this size costs: a handler of the same framework, on the same runtime,
//! behind the same token check, that answers bytes from memory.

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

/// Serves the file's bytes at `/bucket` until the process is ended.
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

/// Writes a ready file as a whole.
pub(crate) fn tell(ready_file: &Path, value: &Value) -> Result {
    let aside = ready_file.with_extension("new");
    std::fs::write(&aside, value.to_string())?;
    Ok(std::fs::rename(aside, ready_file)?)
}

/// This program, run as another process with one of its own commands. Dropping it ends it.
pub(crate) struct Companion {
    supervised: Supervised,
    response: Value,
    _room: TempDir,
}

impl Companion {
    /// Starts it and waits until it has told where it is.
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

    /// What it told of itself.
    pub(crate) fn response(&self, name: &str) -> Result<String> {
        text(&self.response, name)
    }
}

/// The baseline's process with its address and token.
pub(crate) struct Baseline {
    _companion: Companion,
    _body: TempDir,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) process: Process,
}

impl Baseline {
    /// Starts one that answers these bytes.
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
