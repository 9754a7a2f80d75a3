//! The server and the token of a command: from flags and the environment, or from the session that `login` saved.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use bucketry_api_types::session::Session;
use bucketry_client::{ApiClient, Options};
use bucketry_model::secret::Secret;
use bucketry_model::time::{Clock as _, SystemClock};
use serde::Deserialize;

use crate::arguments::Remote;
use crate::failure::{Failure, Result};

/// The default address of `bucketry serve`.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// An access token that expires sooner than this is renewed first, in seconds.
const RENEW_BEFORE: i64 = 60;

/// A session as `login` saves it.
#[derive(Deserialize)]
struct StoredSession {
    url: String,
    access_token: Secret,
    refresh_token: Secret,
    expires_at: i64,
}

/// Connects to the API with a token that is valid.
pub(crate) async fn connect(remote: &Remote) -> Result<ApiClient> {
    let given = std::env::var("BUCKETRY_TOKEN").ok().filter(|text| !text.is_empty()).map(Secret::new);
    if let Some(token) = given {
        let url = match &remote.url {
            Some(url) => Some(url.clone()),
            None => read()?.map(|stored| stored.url),
        };
        return client(remote, url.as_deref().unwrap_or(DEFAULT_URL), Some(token));
    }
    let stored = kept_for(remote)?;
    if stored.holds() {
        return client(remote, &stored.url, Some(stored.access_token));
    }
    // Only one of several concurrent commands renews the session: using a refresh token twice ends the session.
    let _turn = tokio::task::spawn_blocking(turn)
        .await
        .map_err(|error| Failure::because("can't renew the session", &error))??;
    let stored = kept_for(remote)?;
    if stored.holds() {
        return client(remote, &stored.url, Some(stored.access_token));
    }
    let client = client(remote, &stored.url, None)?;
    let session = client.refresh(&stored.refresh_token).await?;
    keep(&stored.url, &session)?;
    Ok(client.with_token(Some(session.access_token)))
}

/// The saved session, if it belongs to the requested server. Its token must not be sent to another one.
fn kept_for(remote: &Remote) -> Result<StoredSession> {
    let stored = read()?.ok_or_else(|| {
        Failure::failed("you are not logged in: run `bucketry login`, or set BUCKETRY_URL and BUCKETRY_TOKEN")
    })?;
    match &remote.url {
        Some(url) if url.trim_end_matches('/') != stored.url.trim_end_matches('/') => {
            let text = format!("you are logged in to {}: run `bucketry login --url {url}`", stored.url);
            Err(Failure::failed(text))
        }
        _ => Ok(stored),
    }
}

impl StoredSession {
    /// Whether the access token can be used without being renewed.
    fn holds(&self) -> bool {
        self.expires_at - RENEW_BEFORE > SystemClock.now().as_second()
    }
}

/// Waits until no other command is renewing the session. Others wait until the returned file is dropped.
fn turn() -> Result<fs::File> {
    let path = path()?.with_extension("lock");
    let failed = |error: std::io::Error| Failure::failed(format!("can't lock {}: {error}", path.display()));
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// A client for a server.
pub(crate) fn client(remote: &Remote, url: &str, token: Option<Secret>) -> Result<ApiClient> {
    let options = Options { ca_file: remote.api_ca_file.clone(), ..Options::default() };
    Ok(ApiClient::new(url, token, options)?)
}

/// Deletes the saved session, and returns its server and refresh token.
pub(crate) fn forget() -> Result<Option<(String, Secret)>> {
    let Some(stored) = read()? else { return Ok(None) };
    let path = path()?;
    fs::remove_file(&path)
        .map_err(|error| Failure::failed(format!("can't remove {}: {error}", path.display())))?;
    Ok(Some((stored.url, stored.refresh_token)))
}

/// Saves a session for later commands.
pub(crate) fn keep(url: &str, session: &Session) -> Result<()> {
    let path = path()?;
    let failed = |error: std::io::Error| {
        Failure::failed(format!("can't save the session in {}: {error}", path.display()))
    };
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
    }
    let text = serde_json::json!({
        "url": url,
        "access_token": session.access_token.expose(),
        "refresh_token": session.refresh_token.expose(),
        "expires_at": session.expires_at,
    });
    // Written to another file and renamed, so that concurrent commands leave one complete session.
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)
        .map_err(failed)?;
    file.write_all(text.to_string().as_bytes()).map_err(failed)?;
    fs::rename(&aside, &path).map_err(failed)
}

fn read() -> Result<Option<StoredSession>> {
    let path = path()?;
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::failed(format!("can't read {}: {error}", path.display()))),
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|_| {
            Failure::failed(format!(
                "{} is damaged: delete it and run `bucketry login` again",
                path.display()
            ))
        }),
    }
}

fn path() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|text| !text.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    base.map(|base| base.join("bucketry").join("session.json")).ok_or_else(|| {
        Failure::failed("neither XDG_CONFIG_HOME nor HOME is set: set BUCKETRY_URL and BUCKETRY_TOKEN")
    })
}
