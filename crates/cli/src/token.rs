//! `bucketry token …`.

use bucketry_api_types::token::{NewTokenRequest, Token, TokenType};
use bucketry_client::ApiClient;
use bucketry_model::role::WorkspaceRole;
use serde_json::json;

use crate::arguments::TokenCommand;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::named::{NamedResource, one_named};
use crate::output;
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};
use crate::workspace_choice::given_workspace;

const COLUMNS: &[Column] = &[
    Column::new("KIND", "kind", 2),
    Column::text("NAME", "name", 0, 16),
    Column::new("CREATED", "created", 4),
    Column::new("EXPIRES", "expires", 3),
    // Sessions can have the same name, so `token rm` takes the id as well.
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
            let workspace_id = given_workspace(&client, workspace.as_deref()).await?.map(|id| id.to_string());
            let new = NewTokenRequest { name, expires_at, workspace_id, role: role.map(WorkspaceRole::from) };
            let made = client.create_token(&new).await?;
            let token = made.token.ok_or_else(|| Failure::failed("the server returned no token"))?;
            if remote.json {
                return output::json(&json!({ "id": made.id, "token": token.expose() }));
            }
            output::line(token.expose())?;
            output::remark(&format!(
                "This is the only time the token is shown. Revoke it with: bucketry token rm {:?}",
                new.name
            ));
            Ok(())
        }
        TokenCommand::Rm { token, confirmation } => {
            let token = find_token(&client, &token).await?;
            let (what, effect) = match token.kind {
                TokenType::Session | TokenType::Browser => ("End the session", "Its user must log in again"),
                TokenType::Api => ("Revoke the token", "Programs that use it lose access immediately"),
            };
            let name = &token.name;
            confirmation.ask(&format!("{what} {name}? {effect}, which can't be undone."))?;
            client.revoke_token(token.id).await?;
            output::done(remote.json, &json!({ "revoked": token.id }), &format!("revoked {name}"))
        }
    }
}

/// Finds a token or session by id, or by a name that only one has.
async fn find_token(client: &ApiClient, name_or_id: &str) -> Result<Token> {
    let wanted = name_or_id.trim().to_lowercase();
    let mut found = client.tokens().await?;
    found.retain(|token| token.id.to_string() == wanted || token.name.to_lowercase() == wanted);
    let named = found.into_iter().map(|token| NamedResource {
        id: token.id.to_string(),
        note: format!("created {}", token.created_at),
        value: token,
    });
    one_named("tokens", name_or_id, named.collect(), || {
        format!("you have no token {name_or_id:?}; `bucketry token list` shows your tokens and sessions")
    })
}
