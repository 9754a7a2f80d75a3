//! The server and the token of a command: from flags and the environment, or from the session that `login` saved in a
//! context.

use std::path::PathBuf;

use bucketry_api_types::session::Session;
use bucketry_client::{ApiClient, Options};
use bucketry_model::secret::Secret;
use bucketry_model::time::{Clock as _, SystemClock};
use serde::Deserialize;

use crate::config_directory;
use crate::context_name::ContextName;
use crate::contexts::{self, ChosenContext, SavedContext, is_same_url};
use crate::failure::{Failure, Result};
use crate::remote::Remote;

/// The default address of `bucketry serve`.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// An access token that expires sooner than this is renewed first, in seconds.
const RENEW_BEFORE: i64 = 60;

/// A session as `login` saves it.
#[derive(Deserialize)]
pub(crate) struct StoredSession {
    pub(crate) url: String,
    /// Who logged in. `None` for sessions of older versions.
    #[serde(default)]
    pub(crate) email: Option<String>,
    access_token: Secret,
    pub(crate) refresh_token: Secret,
    expires_at: i64,
}

/// Connects to the API with a token that is valid.
pub(crate) async fn connect(remote: &Remote) -> Result<ApiClient> {
    let given = std::env::var("BUCKETRY_TOKEN").ok().filter(|text| !text.is_empty()).map(Secret::new);
    if let Some(token) = given {
        return client(remote, &url(remote)?, Some(token));
    }
    let context = contexts::chosen(remote)?;
    let stored = session_for(remote, &context)?;
    if stored.is_valid() {
        return client(remote, &stored.url, Some(stored.access_token));
    }
    // Only one of several concurrent commands renews the session: using a refresh token twice ends the session.
    let path = path(&context.name)?;
    let _lock = tokio::task::spawn_blocking(move || config_directory::lock(&path))
        .await
        .map_err(|error| Failure::because("can't renew the session", &error))??;
    let stored = session_for(remote, &context)?;
    if stored.is_valid() {
        return client(remote, &stored.url, Some(stored.access_token));
    }
    let client = client(remote, &stored.url, None)?;
    let session = client.refresh(&stored.refresh_token).await?;
    save(&context.name, &stored.url, stored.email.as_deref(), &session)?;
    Ok(client.with_token(Some(session.access_token)))
}

/// The URL that a command uses: as given, or as the context remembers it.
pub(crate) fn url(remote: &Remote) -> Result<String> {
    if let Some(url) = &remote.url {
        return Ok(url.clone());
    }
    let context = contexts::chosen(remote)?;
    let remembered = match context.saved.url {
        Some(url) => Some(url),
        None => read(&context.name)?.map(|stored| stored.url),
    };
    Ok(remembered.unwrap_or_else(|| DEFAULT_URL.to_owned()))
}

/// The saved session, if it belongs to the requested server. Its token must not be sent to another one.
fn session_for(remote: &Remote, context: &ChosenContext) -> Result<StoredSession> {
    let name = &context.name;
    let login = if name.is_default() { String::new() } else { format!(" --context {name}") };
    let stored = read(name)?.ok_or_else(|| {
        Failure::failed(format!(
            "you are not logged in: run `bucketry login{login}`, or set BUCKETRY_URL and BUCKETRY_TOKEN"
        ))
    })?;
    let wanted = remote.url.as_ref().or(context.saved.url.as_ref());
    match wanted {
        Some(url) if !is_same_url(url, &stored.url) => Err(Failure::failed(format!(
            "you are logged in to {}: run `bucketry login --url {url}`, or use a context for each server (`bucketry context`)",
            stored.url
        ))),
        _ => Ok(stored),
    }
}

impl StoredSession {
    /// Whether the access token can be used without being renewed.
    fn is_valid(&self) -> bool {
        self.expires_at - RENEW_BEFORE > SystemClock.now().as_second()
    }
}

/// A client for a server.
pub(crate) fn client(remote: &Remote, url: &str, token: Option<Secret>) -> Result<ApiClient> {
    let ca_file = if let Some(given) = &remote.api_ca_file {
        Some(given.clone())
    } else {
        let SavedContext { url: known, ca_file, .. } = contexts::chosen(remote)?.saved;
        ca_file.filter(|_| known.is_some_and(|known| is_same_url(&known, url)))
    };
    Ok(ApiClient::new(url, token, Options { ca_file, ..Options::default() })?)
}

/// Deletes the saved session of a context.
pub(crate) fn forget(name: &ContextName) -> Result<()> {
    config_directory::remove(&path(name)?)
}

/// Saves a session for later commands.
pub(crate) fn save(name: &ContextName, url: &str, email: Option<&str>, session: &Session) -> Result<()> {
    let text = serde_json::json!({
        "url": url,
        "email": email,
        "access_token": session.access_token.expose(),
        "refresh_token": session.refresh_token.expose(),
        "expires_at": session.expires_at,
    });
    config_directory::write(&path(name)?, &text.to_string())
}

/// Gives the session of a context that is renamed its new name.
pub(crate) fn rename(from: &ContextName, to: &ContextName) -> Result<()> {
    let Some(text) = config_directory::read(&path(from)?)? else { return Ok(()) };
    config_directory::write(&path(to)?, &text)?;
    forget(from)
}

/// The saved session of a context.
pub(crate) fn read(name: &ContextName) -> Result<Option<StoredSession>> {
    // Without a home directory, there is no session.
    let Ok(path) = path(name) else { return Ok(None) };
    let Some(text) = config_directory::read(&path)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|_| {
        Failure::failed(format!("{} is damaged: delete it and run `bucketry login` again", path.display()))
    })
}

fn path(name: &ContextName) -> Result<PathBuf> {
    let directory = config_directory::directory()?;
    Ok(if name.is_default() {
        directory.join("session.json")
    } else {
        directory.join("sessions").join(format!("{name}.json"))
    })
}
