//! `bucketry token …`.

use bucketry_api_types::token::{NewTokenRequest, Token, TokenType};
use bucketry_client::ApiClient;
use bucketry_model::id::TokenId;
use bucketry_model::role::WorkspaceRole;
use serde_json::json;

use crate::arguments::TokenCommand;
use crate::confirmation::Confirmation;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::named::{ListedOrId, NamedResource, one_named_or_id};
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
        TokenCommand::Rm { token, confirmation } => revoke(remote, &client, &token, confirmation).await,
    }
}

async fn revoke(
    remote: &Remote,
    client: &ApiClient,
    name_or_id: &str,
    confirmation: Confirmation,
) -> Result<()> {
    let (id, name, question) = match choose(client.tokens().await?, name_or_id)? {
        ListedOrId::Listed(token) => {
            let (what, effect) = match token.kind {
                TokenType::Session | TokenType::Browser => ("End the session", "Its user must log in again"),
                TokenType::Api => ("Revoke the token", "Programs that use it lose access immediately"),
            };
            let question = format!("{what} {}? {effect}, which can't be undone.", token.name);
            (token.id, token.name, question)
        }
        ListedOrId::Id(id) => {
            let question = format!(
                "Revoke the token or session {id}, which isn't in the list of yours? Programs that use it lose access \
                 immediately, which can't be undone."
            );
            (id, id.to_string(), question)
        }
    };
    confirmation.ask(&question)?;
    client.revoke_token(id).await.map_err(|error| match error.status() {
        Some(404) => Failure::failed(missing(name_or_id)),
        _ => error.into(),
    })?;
    output::done(remote.json, &json!({ "revoked": id }), &format!("revoked {name}"))
}

fn missing(name_or_id: &str) -> String {
    format!("you have no token {name_or_id:?}; `bucketry token list` shows your tokens and sessions")
}

/// Finds a token or session by id, or by a name that only one has.
fn choose(mut found: Vec<Token>, name_or_id: &str) -> Result<ListedOrId<Token, TokenId>> {
    let wanted = name_or_id.trim().to_lowercase();
    found.retain(|token| token.id.to_string() == wanted || token.name.to_lowercase() == wanted);
    let named = found.into_iter().map(|token| NamedResource {
        id: token.id.to_string(),
        note: format!("created {}", token.created_at),
        value: token,
    });
    one_named_or_id("tokens", name_or_id, named.collect(), || missing(name_or_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_not_in_the_list_is_left_to_the_server() {
        let token = json!({
            "id": "0197a3b0-0000-7000-8000-0000000000aa", "type": "API", "name": "Script",
            "createdAt": "2026-03-01T10:00:00Z", "current": false,
        });
        let all = || vec![serde_json::from_value::<Token>(token.clone()).unwrap()];
        let listed = |text: &str| matches!(choose(all(), text), Ok(ListedOrId::Listed(_)));
        assert!(listed("script") && listed("0197A3B0-0000-7000-8000-0000000000aa"));
        let other = "0197a3b0-0000-7000-8000-0000000000bb";
        let Ok(ListedOrId::Id(id)) = choose(all(), &format!(" {other} ")) else { panic!("it may exist") };
        assert_eq!(id.to_string(), other);
        let failure = choose(all(), "scripts").unwrap_err();
        assert!(failure.message().starts_with("you have no token \"scripts\""), "{failure:?}");
    }
}
