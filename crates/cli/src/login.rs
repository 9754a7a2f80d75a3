//! `bucketry login` and `bucketry logout`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use bucketry_model::secret::Secret;
use serde_json::json;

use crate::arguments::LoginOptions;
use crate::context_name::ContextName;
use crate::contexts::{self, Contexts, SavedContext, is_same_url};
use crate::credentials;
use crate::failure::{Failure, Result};
use crate::output;
use crate::remote::Remote;

/// Logs in and saves the session in the context.
pub(crate) async fn login(remote: &Remote, options: LoginOptions) -> Result<()> {
    let url = credentials::url(remote)?;
    let context = contexts::chosen(remote)?;
    let name = &context.name;
    if let Some(known) = context.saved.url.filter(|known| !name.is_default() && !is_same_url(known, &url)) {
        return Err(Failure::usage(format!(
            "the context {name} is for {known}: create another one with `bucketry context add NAME --url {url}`"
        )));
    }
    let client = credentials::client(remote, &url, None)?;
    let email = match options.email {
        Some(email) => email,
        None => ask("E-mail address: ")?,
    };
    let password = password(options.password_stdin, "Password: ")?;
    let session = client.login(&email, &password).await?;
    credentials::save(name, &url, Some(&email), &session)?;
    follow(name, &url)?;
    let profile = client.with_token(Some(session.access_token)).profile().await?;
    let role = profile.org_role_description;
    let done = json!({ "url": url, "email": profile.email, "role": role });
    output::done(remote.json, &done, &format!("logged in to {url} as {} ({role})", profile.email))?;
    if profile.must_change_password {
        output::remark(
            "Your password is a one-time password. Change it before you continue: bucketry user password",
        );
    }
    Ok(())
}

/// The default context is for the server of the last login. What was remembered about another one is forgotten.
fn follow(name: &ContextName, url: &str) -> Result<()> {
    let known = Contexts::read()?.find(name)?.url;
    match known {
        Some(known) if name.is_default() && !is_same_url(&known, url) => Contexts::change(|contexts| {
            contexts.set(name, SavedContext { url: Some(url.to_owned()), ..SavedContext::default() });
            Ok(())
        }),
        _ => Ok(()),
    }
}

/// Ends the saved session, at the server too.
pub(crate) async fn logout(remote: &Remote) -> Result<()> {
    let name = contexts::chosen(remote)?.name;
    let Some(stored) = credentials::read(&name)? else {
        return output::done(remote.json, &json!({ "loggedOutOf": null }), "you are not logged in");
    };
    let url = stored.url;
    credentials::forget(&name)?;
    credentials::client(remote, &url, None)?.logout(&stored.refresh_token).await?;
    output::done(remote.json, &json!({ "loggedOutOf": url }), &format!("logged out of {url}"))
}

/// Reads a password from standard input, or prompts for one without echoing it.
pub(crate) fn password(from_stdin: bool, prompt: &str) -> Result<Secret> {
    let unreadable = |error: std::io::Error| Failure::failed(format!("can't read the password: {error}"));
    if from_stdin || !std::io::stdin().is_terminal() {
        return Ok(Secret::new(first_line()?));
    }
    rpassword::prompt_password(prompt).map(Secret::new).map_err(unreadable)
}

/// Reads the current password, `None` if left empty, and a new one, entered twice at a terminal.
pub(crate) fn new_password(from_stdin: bool) -> Result<(Option<Secret>, Secret)> {
    let current = password(from_stdin, "Current password (optional within 5 minutes of signing in): ")?;
    let new = password(from_stdin, "New password: ")?;
    if new.expose().is_empty() {
        return Err(Failure::usage(
            "the new password is missing: with --password-stdin, it is the second line of standard input",
        ));
    }
    if !from_stdin && std::io::stdin().is_terminal() {
        let again = password(false, "New password again: ")?;
        if again.expose() != new.expose() {
            return Err(Failure::failed("the two new passwords are different: nothing was changed"));
        }
    }
    Ok((Some(current).filter(|text| !text.expose().is_empty()), new))
}

fn ask(prompt: &str) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("pass --email, because standard input is not a terminal"));
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{prompt}").and_then(|()| err.flush()).map_err(|error| Failure::failed(error.to_string()))?;
    first_line()
}

fn first_line() -> Result<String> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::failed(format!("can't read standard input: {error}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
