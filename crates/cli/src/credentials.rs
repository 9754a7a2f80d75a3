//! Which server the commands talk to and as whom: flags and environment, else what `bucketry login` kept.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use bucketry_client::api::user::Session;
use bucketry_client::{ApiClient, Options};
use bucketry_model::secret::Secret;
use bucketry_model::time::{Clock as _, SystemClock};
use serde::Deserialize;

use crate::arguments::Remote;
use crate::failure::{Failure, Result};

/// Where `bucketry serve` listens unless told otherwise.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// An access token that ends sooner than this is renewed first, in seconds.
const RENEW_BEFORE: i64 = 60;

/// A session as it is kept.
#[derive(Deserialize)]
struct StoredSession {
    url: String,
    access_token: Secret,
    refresh_token: Secret,
    expires_at: i64,
}

/// A client of the API for these flags, with a token that holds.
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
    // Of several commands at once one renews the session: a refresh token that is used twice ends it.
    let _turn = tokio::task::spawn_blocking(turn)
        .await
        .map_err(|error| Failure::because("the session can't be renewed", &error))??;
    let stored = kept_for(remote)?;
    if stored.holds() {
        return client(remote, &stored.url, Some(stored.access_token));
    }
    let client = client(remote, &stored.url, None)?;
    let session = client.refresh(&stored.refresh_token).await?;
    keep(&stored.url, &session)?;
    Ok(client.with_token(Some(session.access_token)))
}

/// The kept session, if it is of the server that is asked for: its token is not shown to another.
fn kept_for(remote: &Remote) -> Result<StoredSession> {
    let stored = read()?.ok_or_else(|| {
        Failure::failed("nobody is logged in: run `bucketry login`, or set BUCKETRY_URL and BUCKETRY_TOKEN")
    })?;
    match &remote.url {
        Some(url) if url.trim_end_matches('/') != stored.url.trim_end_matches('/') => {
            let text = format!("the kept session is of {}: run `bucketry login --url {url}`", stored.url);
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

/// Waits until no other command renews the session; they wait until the file is dropped.
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

/// A client of a server.
pub(crate) fn client(remote: &Remote, url: &str, token: Option<Secret>) -> Result<ApiClient> {
    let options = Options { ca_file: remote.api_ca_file.clone(), ..Options::default() };
    Ok(ApiClient::new(url, token, options)?)
}

/// The refresh token and server of the kept session, which is forgotten.
pub(crate) fn forget() -> Result<Option<(String, Secret)>> {
    let Some(stored) = read()? else { return Ok(None) };
    let path = path()?;
    fs::remove_file(&path)
        .map_err(|error| Failure::failed(format!("can't remove {}: {error}", path.display())))?;
    Ok(Some((stored.url, stored.refresh_token)))
}

/// Keeps a session for the commands to come.
pub(crate) fn keep(url: &str, session: &Session) -> Result<()> {
    let path = path()?;
    let failed = |error: std::io::Error| {
        Failure::failed(format!("can't keep the session in {}: {error}", path.display()))
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
    // Written aside and renamed: two commands at once leave one whole session.
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
                "{} is damaged: remove it and run `bucketry login` again",
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
