//! `bucketry token …`.

use bucketry_api_types::token::{NewTokenRequest, Token, TokenType};
use bucketry_model::role::WorkspaceRole;

use crate::arguments::{Remote, TokenCommand};
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::table::{Cell, Column, Table};
use crate::workspace::find_workspace;
use crate::{output, refusal};

const COLUMNS: &[Column] = &[
    Column::new("KIND", "kind", 2),
    Column::text("NAME", "name", 0, 16),
    Column::new("CREATED", "created", 4),
    Column::new("EXPIRES", "expires", 3),
    // A token has no other name that is unique, and `token rm` takes this one.
    Column::new("ID", "id", 1),
];

/// Runs a command on tokens.
pub(crate) async fn run(remote: &Remote, command: TokenCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        TokenCommand::List => {
            let tokens = client.tokens().await?;
            if remote.json {
                return output::json(&tokens);
            }
            let row = |token: &Token| {
                let kind = match token.kind {
                    TokenType::Session => "SESSION",
                    TokenType::Api => "API",
                    TokenType::Browser => "BROWSER",
                };
                vec![
                    Cell::text(kind),
                    Cell::text(&token.name),
                    Cell::time(Some(token.created_at)),
                    Cell::time(token.expires_at),
                    Cell::text(token.id),
                ]
            };
            Table::new(COLUMNS, tokens.iter().map(row)).print(remote)
        }
        TokenCommand::Add { name, workspace, role, expires_at } => {
            let workspace_id = match workspace {
                Some(workspace) => Some(find_workspace(&client, &workspace).await?.to_string()),
                None => None,
            };
            let new = NewTokenRequest { name, expires_at, workspace_id, role: role.map(WorkspaceRole::from) };
            let made = client.create_token(&new).await;
            let made = made.map_err(|error| refusal::failure(error, refusal::TOKEN))?;
            let token = made.token.ok_or_else(|| Failure::failed("the server returned no token"))?;
            if remote.json {
                return output::json(&serde_json::json!({ "id": made.id, "token": token.expose() }));
            }
            output::line(token.expose())?;
            output::remark(&format!(
                "This is the only time the token is shown. Revoke it with: bucketry token rm {}",
                made.id
            ));
            Ok(())
        }
        TokenCommand::Rm { id } => {
            client.revoke_token(id).await?;
            output::done(remote.json, &serde_json::json!({ "revoked": id }), "revoked")
        }
    }
}
