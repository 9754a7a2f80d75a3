//! `bucketry token …`.

use bucketry_client::api::token::NewToken;
use bucketry_model::role::WorkspaceRole;
use serde_json::Value;

use crate::arguments::{Remote, TokenCommand};
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::output;
use crate::workspace::find_workspace;

/// Runs a command on tokens.
pub(crate) async fn run(remote: &Remote, command: TokenCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        TokenCommand::List => {
            let tokens = client.tokens().await?;
            if remote.json {
                return output::json(&tokens);
            }
            let text = |token: &Value, field: &str| {
                token.get(field).and_then(Value::as_str).unwrap_or("-").to_owned()
            };
            let row = |token: &Value| {
                ["type", "name", "createdAt", "expiresAt", "id"].map(|field| text(token, field)).to_vec()
            };
            output::table(&["KIND", "NAME", "CREATED", "EXPIRES", "ID"], tokens.iter().map(row).collect())
        }
        TokenCommand::Add { name, workspace, role, expires_at } => {
            let workspace_id = match workspace {
                Some(workspace) => Some(find_workspace(&client, &workspace).await?),
                None => None,
            };
            let new = NewToken { name, expires_at, workspace_id, role: role.map(WorkspaceRole::from) };
            let made = client.create_token(&new).await?;
            if remote.json {
                return output::json(&serde_json::json!({ "id": made.id, "token": made.token.expose() }));
            }
            output::line(made.token.expose())?;
            output::remark(&format!(
                "This is the only time the token is shown. Revoke it with: bucketry token rm {}",
                made.id
            ));
            Ok(())
        }
        TokenCommand::Rm { id } => {
            let id = id.parse().map_err(|_| {
                Failure::usage(format!(
                    "{id:?} is not the id of a token; `bucketry token list` shows the ids"
                ))
            })?;
            client.revoke_token(id).await?;
            if remote.json {
                output::json(&serde_json::json!({ "revoked": id }))
            } else {
                output::line("revoked")
            }
        }
    }
}
