//! `bucketry token …`.

use bucketry_api_types::moment::Moment;
use bucketry_api_types::token::{NewTokenRequest, Token, TokenType};
use bucketry_model::role::WorkspaceRole;

use crate::arguments::{Remote, TokenCommand};
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::workspace::find_workspace;
use crate::{output, refusal};

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
                };
                let expires = token.expires_at.as_ref().map_or_else(|| "-".to_owned(), Moment::to_string);
                let (name, created) = (token.name.clone(), token.created_at.to_string());
                vec![kind.to_owned(), name, created, expires, token.id.to_string()]
            };
            output::table(&["KIND", "NAME", "CREATED", "EXPIRES", "ID"], tokens.iter().map(row).collect())
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
