//! `bucketry user …`.

use bucketry_api_types::organization_user::NewUserRequest;
use bucketry_client::ApiClient;
use bucketry_model::id::UserId;
use bucketry_model::role::OrgRole;
use serde_json::json;

use crate::arguments::UserCommand;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::first_start::generated_password;
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};
use crate::{login, output};

const COLUMNS: &[Column] = &[
    Column::text("E-MAIL", "email", 0, 20),
    Column::text("NAME", "name", 2, 12),
    Column::new("ROLE", "role", 1),
    Column::only_wide("ID", "id"),
];

/// Runs a command on users.
pub(crate) async fn run(remote: &Remote, command: UserCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        UserCommand::List => list(remote, &client).await,
        UserCommand::Add { email, first_name, last_name, role, password_stdin } => {
            let made_up = !password_stdin;
            let password = if made_up { generated_password()? } else { login::password(true, "")? };
            let org_role = Some(OrgRole::from(role).number().into());
            add(remote, &client, NewUserRequest { email, password, first_name, last_name, org_role }, made_up)
                .await
        }
        UserCommand::Role { user, role } => change_role(remote, &client, &user, role.into()).await,
        UserCommand::Password { password_stdin } => {
            let (current, new) = login::new_password(password_stdin)?;
            let id = client.profile().await?.id;
            client.change_password(id, &new, current.as_ref()).await?;
            let sentence = "changed the password; your other sessions have ended";
            output::done(remote.json, &json!({ "changed": id }), sentence)
        }
        UserCommand::ResetPassword { user } => reset_password(remote, &client, &user).await,
        UserCommand::Rm { user, confirmation } => {
            let id = find_user(&client, &user).await?;
            confirmation.ask(&format!(
                "Remove the user {user} from the organization? All sessions and API tokens of the user are revoked, which \
                 can't be undone."
            ))?;
            client.delete_org_user(id).await?;
            output::done(remote.json, &json!({ "removed": id }), &format!("removed the user {user}"))
        }
    }
}

async fn list(remote: &Remote, client: &ApiClient) -> Result<()> {
    let users = client.org_users().await?;
    if remote.json {
        return output::json(&users);
    }
    let rows = users.iter().map(|user| {
        let name = format!("{} {}", user.name, user.last_name);
        let role = OrgRole::from_number(user.org_role.into())
            .map_or_else(|_| String::new(), |role| role.to_string());
        vec![Cell::text(&user.email), Cell::text(name), Cell::text(role), Cell::text(user.id)]
    });
    Table::new(COLUMNS, rows).print(remote)
}

/// Creates a user, and prints the password if it was `made_up`.
async fn add(remote: &Remote, client: &ApiClient, user: NewUserRequest, made_up: bool) -> Result<()> {
    let made = client.create_org_user(&user, None).await?;
    if !remote.json {
        output::sentence(&format!("created the user {}", made.email))?;
    } else if made_up {
        let mut shown = serde_json::to_value(&made).unwrap_or_default();
        shown["password"] = user.password.expose().into();
        output::json(&shown)?;
    } else {
        output::json(&made)?;
    }
    if made_up {
        output::remark(
            "It is a one-time password: the user must change it first, with `bucketry user password`.",
        );
        output::remark(&format!("password (shown only once): {}", user.password.expose()));
    }
    Ok(())
}

async fn change_role(remote: &Remote, client: &ApiClient, user: &str, role: OrgRole) -> Result<()> {
    let id = find_user(client, user).await?;
    client.change_org_role(id, role.number()).await?;
    let changed = json!({ "userId": id, "orgRole": role.number() });
    output::done(remote.json, &changed, &format!("{user} now has the role {role}"))
}

async fn reset_password(remote: &Remote, client: &ApiClient, user: &str) -> Result<()> {
    let id = find_user(client, user).await?;
    let password = client.reset_password(id).await?;
    if remote.json {
        return output::json(&json!({ "id": id, "password": password.expose() }));
    }
    output::line(password.expose())?;
    output::remark(&format!(
        "This one-time password for {user} is shown only once. The user must change it at the next sign-in, with \
         `bucketry user password`. The user's sessions have ended; API tokens stay valid."
    ));
    Ok(())
}

/// Finds a user by id or e-mail address.
pub(crate) async fn find_user(client: &ApiClient, email_or_id: &str) -> Result<UserId> {
    if let Ok(id) = email_or_id.parse() {
        return Ok(id);
    }
    let all = client.org_users().await?;
    all.iter()
        .find(|user| user.email.to_lowercase() == email_or_id.to_lowercase())
        .map(|user| user.id)
        .ok_or_else(|| {
            Failure::failed(format!("there is no user {email_or_id:?}; `bucketry user list` shows all users"))
        })
}
