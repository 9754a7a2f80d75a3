//! `bucketry context …`.

use bucketry_client::ApiClient;
use clap::Subcommand;
use serde_json::json;

use crate::completion::context_names;
use crate::confirmation::Confirmation;
use crate::context_name::ContextName;
use crate::contexts::{Contexts, SavedContext, chosen};
use crate::failure::{Failure, Result};
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};
use crate::{credentials, output};

const COLUMNS: &[Column] = &[
    Column::new("CURRENT", "current", 2),
    Column::text("NAME", "name", 0, 12),
    Column::text("URL", "url", 1, 20),
    Column::text("USER", "user", 3, 16),
    Column::text("WORKSPACE", "workspace", 4, 12),
];

#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// List contexts
    #[command(visible_alias = "ls")]
    List,
    /// Choose the context for all commands from now on
    Use {
        /// Name of the context
        #[arg(add = context_names())]
        name: ContextName,
    },
    /// Create a context for the deployment at --url (required); --api-ca-file is stored with it
    Add {
        /// Name for the context
        name: ContextName,
    },
    /// Remove a context and end its session
    #[command(visible_alias = "delete")]
    Rm {
        /// Name of the context
        #[arg(add = context_names())]
        name: ContextName,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Rename a context
    Rename {
        /// Name of the context
        #[arg(add = context_names())]
        name: ContextName,
        /// New name
        new_name: ContextName,
    },
}

/// Runs a command on contexts.
pub(crate) async fn run(remote: &Remote, command: ContextCommand) -> Result<()> {
    match command {
        ContextCommand::List => list(remote),
        ContextCommand::Use { name } => {
            Contexts::change(|contexts| contexts.set_current(&name))?;
            output::done(remote.json, &json!({ "current": name }), &format!("commands now use {name}"))
        }
        ContextCommand::Add { name } => add(remote, &name),
        ContextCommand::Rm { name, confirmation } => remove(remote, &name, confirmation).await,
        ContextCommand::Rename { name, new_name } => {
            Contexts::change(|contexts| {
                contexts.rename(&name, &new_name)?;
                credentials::rename(&name, &new_name)
            })?;
            let renamed = json!({ "renamed": name, "name": new_name });
            output::done(remote.json, &renamed, &format!("renamed the context to {new_name}"))
        }
    }
}

fn list(remote: &Remote) -> Result<()> {
    let contexts = Contexts::read()?;
    let current = chosen(remote)?.name;
    let (mut rows, mut shown) = (Vec::new(), Vec::new());
    for name in contexts.names() {
        let saved = contexts.find(&name)?;
        // A damaged session must not hide the contexts.
        let session = credentials::read(&name).ok().flatten();
        let (session_url, email) = session.map(|session| (session.url, session.email)).unzip();
        let (url, email) = (saved.url.or(session_url), email.flatten());
        let workspace = saved.workspace.map(|workspace| workspace.name);
        let is_current = name == current;
        shown.push(json!({
            "name": name, "current": is_current, "url": url, "user": email, "workspace": workspace,
        }));
        rows.push(vec![
            Cell::with_exact(if is_current { "*" } else { "" }, is_current),
            Cell::text(&name),
            Cell::optional(url),
            Cell::optional(email),
            Cell::optional(workspace),
        ]);
    }
    if remote.json { output::json(&shown) } else { Table::new(COLUMNS, rows).print(remote) }
}

fn add(remote: &Remote, name: &ContextName) -> Result<()> {
    let Some(url) = remote.url.clone() else {
        return Err(Failure::usage(format!(
            "--url is missing: pass the URL of the deployment's API, such as `bucketry context add {name} --url \
             https://bucketry.example.com`"
        )));
    };
    // Refuses what isn't a URL, and a file without certificates.
    let ca_file = remote.api_ca_file.as_deref().map(std::path::absolute).transpose();
    let ca_file = ca_file.map_err(|error| Failure::because("--api-ca-file", &error))?;
    credentials::client(remote, &url, None)?;
    let saved = SavedContext { url: Some(url.clone()), ca_file, workspace: None };
    Contexts::change(|contexts| contexts.add(name, saved))?;
    output::done(
        remote.json,
        &json!({ "name": name, "url": url }),
        &format!("created the context {name} for {url}"),
    )?;
    output::remark(&format!(
        "Log in with `bucketry login --context {name}`, or use it from now on with `bucketry context use {name}`."
    ));
    Ok(())
}

async fn remove(remote: &Remote, name: &ContextName, confirmation: Confirmation) -> Result<()> {
    Contexts::read()?.find(name)?;
    confirmation.ask(&format!(
        "Remove the context {name}? Its session ends and its saved credentials are destroyed, which can't be undone; the \
         deployment itself is not touched."
    ))?;
    let session = credentials::read(name).ok().flatten();
    let client = session.as_ref().map(|session| {
        let of_context = Remote { context: Some(name.clone()), url: None, ..remote.clone() };
        credentials::client(&of_context, &session.url, None)
    });
    Contexts::change(|contexts| {
        contexts.remove(name)?;
        credentials::forget(name)
    })?;
    if let (Some(session), Some(Ok(client))) = (&session, &client) {
        end_session(client, &session.refresh_token).await;
    }
    output::done(remote.json, &json!({ "removed": name }), &format!("removed the context {name}"))
}

/// Ends a session at its server. A server that is gone doesn't keep a context from being removed.
async fn end_session(client: &ApiClient, refresh_token: &bucketry_model::secret::Secret) {
    if let Err(error) = client.logout(refresh_token).await {
        output::remark(&format!(
            "The session could not be ended at the server, and ends when it expires: {error}"
        ));
    }
}
